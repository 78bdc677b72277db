//! Clients, the server between them, and the time that passes.

use msr_protocol::v2::Bytes16;

use super::device::{Client, letter};
use super::server::Server;

pub struct World {
    pub now_ms: i64,
    pub server: Server,
    pub clients: Vec<Client>,
}

pub fn id(nth: u8) -> Bytes16 {
    [nth; 16]
}

impl World {
    /// A client for each seed of a peer, all connected and listed. Device n has the id `[n + 1; 16]`.
    pub fn new(seeds: &[u8]) -> Self {
        let mut world = Self { now_ms: 1_800_000_000_000, server: Server::default(), clients: vec![] };
        for &seed in seeds {
            world.join(seed);
        }
        world
    }

    /// One device more, connected and listed; its place.
    pub fn join(&mut self, seed: u8) -> usize {
        let place = self.enrol(seed);
        self.connect(place);
        self.settle();
        place
    }

    /// One device more, not connected yet; its place.
    pub fn enrol(&mut self, seed: u8) -> usize {
        let nth = u8::try_from(self.clients.len() + 1).unwrap();
        self.clients.push(Client::new(seed, id(nth), self.now_ms));
        self.clients.len() - 1
    }

    pub fn connect(&mut self, place: usize) {
        let (server, now_ms) = (&mut self.server, self.now_ms);
        self.clients[place].connect(server, now_ms);
    }

    pub fn send(&mut self, from: usize, to: &[u8], text: &str) -> u64 {
        let now_ms = self.now_ms;
        self.clients[from].send(letter(to, text), now_ms)
    }

    fn pushes(&mut self) {
        for (device, frame) in std::mem::take(&mut self.server.pushes) {
            if let Some(client) = self.clients.iter_mut().find(|client| client.me == device && client.online) {
                client.frames.push_back(frame);
            }
        }
    }

    /// Until nothing more happens now.
    pub fn settle(&mut self) {
        for turn in 0.. {
            assert!(turn < 10_000, "it never ends");
            let mut any = false;
            for client in &mut self.clients {
                any |= client.drain(&mut self.server, self.now_ms);
                any |= client.write(true, self.now_ms);
                if client.online {
                    if let Some(frame) = client.frames.pop_front() {
                        client.machine.handle_input(msr_crypto::Input::Frame(frame), self.now_ms);
                        any = true;
                    }
                    any |= client.open_next(&self.server, self.now_ms);
                }
            }
            self.pushes();
            if !any {
                return;
            }
        }
    }

    /// Until so much time has passed, with all that is due meanwhile.
    pub fn pass(&mut self, time_ms: i64) {
        let end_ms = self.now_ms + time_ms;
        for turn in 0.. {
            assert!(turn < 10_000, "a timer is always due");
            self.settle();
            let due_ms = self.clients.iter().filter_map(|client| client.machine.poll_timeout()).min();
            match due_ms.filter(|due_ms| *due_ms <= end_ms) {
                Some(due_ms) => {
                    self.now_ms = self.now_ms.max(due_ms);
                    self.clients.iter_mut().for_each(|client| client.machine.handle_timeout(self.now_ms));
                }
                None => break,
            }
        }
        self.now_ms = end_ms;
        self.settle();
    }
}
