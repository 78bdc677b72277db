//! A small world in virtual time: clients, a router, and a network between them that loses what it can.
//! Everything follows from the seed.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod router;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;
use msr_client::Input;

pub use self::client::Client;
use self::router::Router;

/// The true time, in ms since 1970, when the world begins; a client's wall clock is ahead of it.
pub const TRUE_MS: f64 = 1_700_000_000_000.0;
/// How far the true time is ahead of the router's clock.
pub const OFFSET_MS: f64 = 200_000_000_000.0;

/// What travels, or is due.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A connection of a client has opened, or not.
    Opened { client: usize, link: u64, is_open: bool },
    /// A text reaches the router.
    ToRouter { link: u64, text: String },
    /// The client has closed.
    Left { link: u64 },
    /// A text reaches the client.
    ToClient { client: usize, link: u64, text: String },
    /// The client learns that the connection is closed.
    Closed { client: usize, link: u64, code: u16 },
    /// The server says whether it refuses the origin: it never does.
    Probed { client: usize },
    /// Somebody does something, or something breaks.
    Chance,
}

pub struct World {
    pub rng: Rng,
    /// In µs.
    now: u64,
    /// What is to come: by time, then in the order in which it was said.
    agenda: BinaryHeap<Reverse<(u64, u64, Happening)>>,
    said: u64,
    pub clients: Vec<Client>,
    router: Router,
    /// Whether anything still breaks.
    is_rough: bool,
    /// A digest of all that happened.
    pub trace: u64,
}

impl World {
    pub fn new(seed: u64, clients: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let clients = (0..clients).map(|number| Client::new(number, &mut rng)).collect();
        Self { rng, now: 1_000_000, agenda: BinaryHeap::new(), said: 0, clients, router: Router::default(), is_rough: true, trace: 0 }
    }

    /// Connects everybody, lets things break for a while, then lets them heal.
    pub fn run(&mut self, rough_s: u64, calm_s: u64) {
        self.reconnect();
        self.say(1_000, Happening::Chance);
        self.run_for(rough_s);
        self.is_rough = false;
        self.router.is_rough = false;
        self.run_for(calm_s);
    }

    /// The router loses every connection.
    pub fn restart(&mut self) {
        for client in 0..self.clients.len() {
            if let Some(link) = self.clients[client].link {
                self.close(client, link, 1006);
            }
        }
    }

    /// Whoever was closed by its page connects again.
    pub fn reconnect(&mut self) {
        for client in 0..self.clients.len() {
            self.clients[client].connect(self.now);
            self.perform(client);
        }
    }

    /// Everybody sends so many messages to everybody.
    pub fn greet(&mut self, count: usize) {
        for client in 0..self.clients.len() {
            for _ in 0..count {
                self.clients[client].send_to_all(self.now, None);
            }
            self.perform(client);
        }
    }

    pub fn run_for(&mut self, seconds: u64) {
        let end = self.now + seconds * 1_000_000;
        loop {
            let due = (0..self.clients.len()).min_by_key(|&client| self.clients[client].due());
            let timer = due.map(|client| (self.clients[client].due().max(self.now), client)).filter(|&(at, _)| at <= end);
            let next = self.agenda.peek().map(|Reverse((at, ..))| *at).filter(|&at| at <= end);
            match (timer, next) {
                (Some((at, client)), next) if next.is_none_or(|next| at <= next) => {
                    self.now = at;
                    self.clients[client].time_out(at);
                    self.perform(client);
                }
                (_, Some(at)) => {
                    self.now = at;
                    let Some(Reverse((_, _, happening))) = self.agenda.pop() else { break };
                    self.mark(&happening);
                    self.happen(happening);
                }
                _ => break,
            }
        }
        self.now = end;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Opened { client, link, is_open } => {
                if is_open {
                    self.router.open(link, client);
                    self.input(client, link, Input::SocketOpened { subprotocol: None });
                } else {
                    self.close(client, link, 1006);
                }
            }
            Happening::ToRouter { link, text } => {
                for (link, client, answer) in self.router.take(link, &text, self.now, &mut self.rng) {
                    match answer {
                        Ok(text) => self.deliver(client, link, text),
                        Err(code) => self.say_in_order(link, Happening::Closed { client, link, code }),
                    }
                }
            }
            Happening::Left { link } => self.router.close(link),
            Happening::ToClient { client, link, text } => {
                let input = match msr_client::native::read(&text) {
                    Ok(received) => Input::Received(Box::new(received)),
                    Err(_) => Input::Unreadable,
                };
                self.input(client, link, input);
            }
            Happening::Closed { client, link, code } => self.close(client, link, code),
            Happening::Probed { client } => {
                self.clients[client].input(Input::OriginProbed { refused: false, speaks_v2: None }, self.now);
                self.perform(client);
            }
            Happening::Chance if self.is_rough => {
                let client = self.rng.usize(..self.clients.len());
                self.chance(client);
                let pause = self.rng.u64(1_000..400_000);
                self.say(pause, Happening::Chance);
            }
            Happening::Chance => {}
        }
    }

    fn chance(&mut self, client: usize) {
        match self.rng.u8(..100) {
            0..50 => {
                let expires = (self.rng.u8(..4) == 0).then(|| f64::from(self.rng.u16(..3_000)));
                self.clients[client].send_to_all(self.now, expires);
            }
            50..60 => self.clients[client].find(self.now),
            60..70 => self.clients[client].take_back(self.now, &mut self.rng),
            70..75 => self.clients[client].input(Input::Wake, self.now),
            // The wall clock is set, by a day at most.
            75..80 => self.clients[client].wall_ahead_ms += self.rng.f64() * 172_800_000.0 - 86_400_000.0,
            80..82 => self.clients[client].input(Input::Close, self.now),
            82..84 => self.clients[client].input(Input::Bye, self.now),
            84..90 => self.clients[client].connect(self.now),
            _ => {
                let code = [1006, 1006, 1011, 1012, 4403, 4505][self.rng.usize(..6)];
                if let Some(link) = self.clients[client].link {
                    // The cut takes with it what is under way, in both directions.
                    self.router.close(link);
                    self.agenda.retain(|Reverse((_, _, happening))| {
                        !matches!(happening, Happening::ToRouter { link: cut, .. } | Happening::ToClient { link: cut, .. } if *cut == link)
                    });
                    let notice = self.rng.u64(..500_000);
                    self.say(notice, Happening::Closed { client, link, code });
                }
            }
        }
        self.perform(client);
    }

    fn input(&mut self, client: usize, link: u64, input: Input) {
        if self.clients[client].link == Some(link) {
            self.clients[client].input(input, self.now);
            self.perform(client);
        }
    }

    fn close(&mut self, client: usize, link: u64, code: u16) {
        self.router.close(link);
        if self.clients[client].link == Some(link) {
            self.clients[client].link = None;
            self.clients[client].input(Input::SocketClosed { code, reason: String::new() }, self.now);
            self.perform(client);
        }
    }

    /// Does what the session of that client says.
    fn perform(&mut self, client: usize) {
        while let Some(wish) = self.clients[client].drain() {
            match wish {
                client::Wish::Open => {
                    let link = self.said;
                    let is_open = !self.is_rough || self.rng.u8(..4) > 0;
                    // Some hang for longer than a client has patience.
                    let hangs = self.is_rough && self.rng.u8(..20) == 0;
                    let delay = if hangs { 60_000_000 } else { self.rng.u64(1_000..200_000) };
                    self.clients[client].link = Some(link);
                    self.say(delay, Happening::Opened { client, link, is_open });
                }
                client::Wish::Write(link, text) => self.say_in_order(link, Happening::ToRouter { link, text }),
                client::Wish::Close(link) => self.say_in_order(link, Happening::Left { link }),
                client::Wish::Probe => {
                    let delay = self.rng.u64(1_000..10_000_000);
                    self.say(delay, Happening::Probed { client });
                }
            }
        }
    }

    fn deliver(&mut self, client: usize, link: u64, mut text: String) {
        if self.is_rough {
            match self.rng.u8(..100) {
                0 => return,
                1 => text = text.replace("\"timestamp\":1", "\"timestamp\":2"),
                2 => text.truncate(text.len() / 2),
                _ => {}
            }
        }
        self.say_in_order(link, Happening::ToClient { client, link, text });
    }

    fn say(&mut self, delay: u64, happening: Happening) {
        self.said += 1;
        self.agenda.push(Reverse((self.now + delay, self.said, happening)));
    }

    /// After a while, but not before what was said on this connection before.
    fn say_in_order(&mut self, link: u64, happening: Happening) {
        let arrival = self.now + self.rng.u64(500..80_000);
        let arrival = arrival.max(self.router.latest(link));
        self.router.set_latest(link, arrival);
        self.say(arrival - self.now, happening);
    }

    fn mark(&mut self, happening: &Happening) {
        for byte in format!("{} {happening:?}", self.now).bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
