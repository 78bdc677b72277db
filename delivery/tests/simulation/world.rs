//! Everything at once, one random step at a time, and the checker of what came of it.

use std::collections::{BTreeMap, BTreeSet};

use msr_delivery::{CommitError, ConnectionId, Fetched, Greeting, Now, StoredMessage, Wanted};
use msr_protocol::v2::{Frame, flags, frames};
use msr_protocol::{Code, Credential};

use crate::client::{Client, MessageName, flags_of, header_for, is_for};
use crate::server::{Heard, Said, Server};
use crate::store::Store;

/// The outbox epoch of every client: outboxes are never lost here.
const OUTBOX_EPOCH: u64 = 1;

/// Which peer each device belongs to.
pub(crate) const PEERS: [u8; 5] = [1, 1, 2, 3, 3];

pub(crate) struct World {
    random: fastrand::Rng,
    now_ms: i64,
    store: Store,
    server: Option<Server>,
    clients: Vec<Client>,
    next_connection: u64,
    next_start: u64,
    /// For whom an accepted message was: every device registered when the server took it in for good.
    accepted: BTreeSet<MessageName>,
    sent: BTreeMap<MessageName, Vec<Credential>>,
    crashes: usize,
    refused: usize,
    pub(crate) trace: Vec<String>,
}

pub(crate) struct Seen {
    pub(crate) accepted: usize,
    pub(crate) handled: usize,
    pub(crate) crashes: usize,
    pub(crate) refused: usize,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let clients = PEERS.iter().zip(0..).map(|(peer, place)| Client::new(place, Credential([*peer; 16]))).collect();
        let mut world = Self {
            random: fastrand::Rng::with_seed(seed),
            now_ms: 1_000_000,
            store: Store::default(),
            server: None,
            clients,
            next_connection: 1,
            next_start: 1,
            accepted: BTreeSet::new(),
            sent: BTreeMap::new(),
            crashes: 0,
            refused: 0,
            trace: vec![format!("seed {seed}")],
        };
        world.start();
        // Everybody is known before anything is sent, so that who gets a message does not depend on chance.
        for place in 0..world.clients.len() {
            world.connect(place);
        }
        world.quiet();
        world
    }

    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.now_ms += self.random.i64(0..50);
            self.step();
        }
    }

    fn step(&mut self) {
        let place = self.random.usize(0..self.clients.len());
        match self.random.u32(0..100) {
            0..20 => self.send(place),
            20..45 => self.deliver_up(place),
            45..70 => self.deliver_down(place),
            70..80 => self.commit(),
            80..84 => self.fetch(),
            84..86 => self.finish_large(),
            86..92 => self.connect(place),
            92..97 => self.cut(place),
            97..99 => self.crash(),
            _ => self.start(),
        }
    }

    /// Everybody comes back, nothing fails any more, until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        self.start();
        for place in 0..self.clients.len() {
            self.cut(place);
            self.connect(place);
        }
        self.quiet();
        for client in &self.clients {
            assert!(client.outbox.is_empty(), "{:?}: device {} still waits to send {:?}", self.trace[0], client.place, client.outbox);
        }
    }

    fn quiet(&mut self) {
        for _ in 0..10_000 {
            let before = self.trace.len();
            for place in 0..self.clients.len() {
                self.write_outbox(place);
                self.deliver_up(place);
                self.deliver_down(place);
            }
            self.fetch();
            self.finish_large();
            let busy = self.commit_with(Ok(()));
            if !busy && self.trace.len() == before {
                return;
            }
        }
        panic!("{:?}: never quiet", self.trace[0]);
    }

    fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall_ms: self.now_ms }
    }

    fn start(&mut self) {
        if self.server.is_some() {
            return;
        }
        let exchange = self.store.recover(self.next_start, self.now());
        self.next_start += 1;
        let mut server = Server { exchange, writing: None, wires: BTreeMap::new(), large: Default::default(), fetches: Default::default() };
        let first = server.exchange.take_batch().expect("a start is written down");
        self.store.commit(&first);
        server.exchange.committed(Ok(()));
        server.drain();
        self.server = Some(server);
        self.trace.push("start".into());
    }

    /// Dies, perhaps just after the batch reached the disk, with nobody told.
    fn crash(&mut self) {
        let Some(server) = self.server.take() else { return };
        let kept = self.random.bool();
        if let Some(batch) = server.writing.filter(|_| kept) {
            self.store.commit(&batch);
        }
        for client in &mut self.clients {
            client.connection = None;
        }
        self.crashes += 1;
        self.trace.push(format!("crash {kept}"));
    }

    fn connect(&mut self, place: usize) {
        let Some(server) = &mut self.server else { return };
        let client = &mut self.clients[place];
        if client.connection.is_some() && self.random.u32(0..4) > 0 {
            return;
        }
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        let greeting = Greeting {
            credential: client.credential,
            device: client.device(),
            name: String::new(),
            outbox_epoch: OUTBOX_EPOCH,
            queue_epoch: client.queue_epoch,
            start: client.start,
            handled: client.handled,
            fresh_epoch: self.random.u64(1..),
        };
        client.connection = Some(connection);
        client.written = u64::MAX;
        server.wires.entry(connection).or_default().up.push_back(Said::Hello(greeting));
        self.trace.push(format!("connect {place}"));
    }

    fn cut(&mut self, place: usize) {
        let now = self.now();
        let Some(connection) = self.clients[place].connection.take() else { return };
        if let Some(server) = &mut self.server {
            server.wires.remove(&connection);
            server.exchange.disconnected(connection, now);
            server.drain();
        }
        self.trace.push(format!("cut {place}"));
    }

    fn send(&mut self, place: usize) {
        let mut recipients: Vec<Credential> =
            [1, 2, 3].into_iter().filter(|_| self.random.bool()).map(|peer| Credential([peer; 16])).collect();
        if recipients.is_empty() {
            recipients.push(Credential([2; 16]));
        }
        let client = &mut self.clients[place];
        self.sent.insert((client.place, client.next_number), recipients.clone());
        client.outbox.push_back((client.next_number, recipients, self.random.u32(0..20) == 0));
        client.next_number += 1;
        self.write_outbox(place);
    }

    /// Writes what is not on this connection yet; only after the welcome.
    fn write_outbox(&mut self, place: usize) {
        let Some(server) = &mut self.server else { return };
        let client = &mut self.clients[place];
        let Some(wire) = client.connection.and_then(|connection| server.wires.get_mut(&connection)) else { return };
        for (number, recipients, large) in client.outbox.iter().filter(|(number, ..)| *number > client.written) {
            let payload = vec![7; if *large { 40_000 } else { 2 }];
            let headers = headers(client.place, client.sealed_anew.contains(number), *number, recipients);
            wire.up.push_back(Said::Send { number: *number, recipients: recipients.clone(), headers, payload });
        }
        if client.written != u64::MAX
            && let Some((last, ..)) = client.outbox.back()
        {
            client.written = client.written.max(*last);
        }
    }

    fn deliver_up(&mut self, place: usize) {
        let now = self.now();
        let Some(server) = &mut self.server else { return };
        let Some(connection) = self.clients[place].connection else { return };
        let Some(said) = server.wires.get_mut(&connection).and_then(|wire| wire.up.pop_front()) else { return };
        self.trace.push(format!("{place} says {}", brief(&said)));
        server.hear(connection, said, now);
    }

    fn deliver_down(&mut self, place: usize) {
        let Some(server) = &mut self.server else { return };
        let client = &mut self.clients[place];
        let Some(connection) = client.connection else { return };
        let Some(wire) = server.wires.get_mut(&connection) else { return };
        let Some(heard) = wire.down.pop_front() else { return };
        self.trace.push(format!("{place} hears {}", brief(&heard)));
        match heard {
            Heard::Welcome { queue_epoch, start, accepted, gap } => {
                client.forget_halves();
                client.gaps += usize::from(gap);
                if client.queue_epoch != Some(queue_epoch) {
                    client.handled = 0;
                }
                (client.queue_epoch, client.start) = (Some(queue_epoch), start);
                let kept = client.outbox.iter().map(|(number, ..)| *number).filter(|number| *number <= accepted);
                self.accepted.extend(kept.map(|number| (client.place, number)));
                client.accepted_through(accepted);
                client.written = accepted;
                self.write_outbox(place);
            }
            Heard::Entry { sequence, entry, header } => {
                let acknowledged = client.take(sequence, &entry, header);
                wire.up.push_back(Said::Ack(acknowledged));
            }
            Heard::Begin { sequence, header } => client.begin(sequence, header),
            Heard::Frame(bytes) => self.take_frames(place, &bytes),
            Heard::Closed => client.connection = None,
        }
    }

    fn take_frames(&mut self, place: usize, bytes: &[u8]) {
        let client = &mut self.clients[place];
        for frame in frames(bytes) {
            match frame.unwrap() {
                Frame::Accepted { number, exceptions, .. } => {
                    assert!(exceptions.0.is_empty(), "everybody is known");
                    self.accepted.insert((client.place, number.0));
                    client.accepted_through(number.0);
                }
                // It was written again when the one before it was refused.
                Frame::Rejected { code, .. } if code == Code::OutOfOrder.number() => {}
                // After a refusal the client starts again from the refused number.
                Frame::Rejected { number, code, .. } => {
                    if code == Code::StaleDevices.number() {
                        client.sealed_anew.insert(number.0);
                    }
                    self.refused += 1;
                    client.written = client.written.min(number.0 - 1);
                }
                Frame::Progress { .. } | Frame::Devices { .. } | Frame::Lists { .. } => {}
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn commit(&mut self) {
        let result = if self.random.u32(0..8) == 0 { Err(CommitError::Full) } else { Ok(()) };
        self.commit_with(result);
    }

    /// Ends the write under way, begins the next.
    fn commit_with(&mut self, result: Result<(), CommitError>) -> bool {
        let Some(server) = &mut self.server else { return false };
        let mut busy = false;
        if let Some(batch) = server.writing.take() {
            if result.is_ok() {
                self.store.commit(&batch);
            }
            server.exchange.committed(result);
            server.drain();
            self.trace.push(format!("commit {result:?}"));
            busy = true;
        }
        server.writing = server.exchange.take_batch();
        busy || server.writing.is_some()
    }

    fn fetch(&mut self) {
        let Some(server) = &mut self.server else { return };
        let Some((device, wanted)) = server.fetches.pop_front() else { return };
        let read = |wanted: Wanted| {
            let StoredMessage { entry, headers, .. } = self.store.messages.get(&wanted.arrival)?;
            assert_eq!(entry.len(), wanted.bytes as usize);
            let header = Box::from(headers.of(device));
            Some(if wanted.header_alone { Fetched::Header(header) } else { Fetched::Entry { entry: entry.clone(), header } })
        };
        server.exchange.fetched(device, wanted.into_iter().map(|wanted| (wanted.arrival, read(wanted))).collect());
        server.drain();
        self.trace.push("fetch".into());
    }

    /// The last piece of a large entry.
    fn finish_large(&mut self) {
        let Some(server) = &mut self.server else { return };
        let Some((connection, arrival)) = server.large.pop_front() else { return };
        let kept = self.store.messages.get(&arrival).map(|message| message.entry.clone());
        self.trace.push("large".into());
        // Gone when it was taken back because the disk was full, or when its connection is.
        if let Some(entry) = server.exchange.uncommitted(arrival).or(kept) {
            server.tell(connection, Heard::Entry { sequence: arrival, entry, header: Box::default() });
        } else if let Some(wire) = server.wires.get_mut(&connection) {
            wire.down.push_back(Heard::Closed);
            server.exchange.disconnected(connection, Now { monotonic_ms: self.now_ms, wall_ms: self.now_ms });
        }
    }

    pub(crate) fn check(&self) -> Seen {
        let seed = &self.trace[0];
        for client in &self.clients {
            let unique: BTreeSet<_> = client.log.iter().collect();
            assert_eq!(unique.len(), client.log.len(), "{seed}: device {} handled something twice", client.place);
            let mut last = BTreeMap::new();
            for (sender, number) in &client.log {
                let before = last.insert(*sender, *number).unwrap_or(0);
                assert!(before < *number, "{seed}: device {} got {number} of {sender} after {before}", client.place);
                assert!(self.sent.contains_key(&(*sender, *number)), "{seed}: nobody sent that");
            }
            assert_eq!(client.gaps, 0, "{seed}: nothing was lost, so no gap may be told");
        }
        for name in &self.accepted {
            self.check_delivered(*name);
        }
        let server = self.server.as_ref().unwrap();
        assert_eq!((server.exchange.waiting(), self.store.messages.len()), (0, 0), "{seed}: all is acknowledged, so nothing is kept");
        Seen {
            accepted: self.accepted.len(),
            handled: self.clients.iter().map(|client| client.log.len()).sum(),
            crashes: self.crashes,
            refused: self.refused,
        }
    }

    fn check_delivered(&self, name: MessageName) {
        let seed = &self.trace[0];
        let sender = &self.clients[usize::from(name.0)];
        let recipients = &self.sent[&name];
        for client in &self.clients {
            let own_copy = client.credential == sender.credential && client.place != sender.place;
            if is_for(name.1, client.place) && (recipients.contains(&client.credential) || own_copy) {
                assert!(client.log.contains(&name), "{seed}: device {} never got {name:?}", client.place);
            }
        }
        for recipient in recipients {
            let told = sender.receipts.iter().any(|(number, to, code)| *number == name.1 && to == recipient && *code == 200);
            assert!(told, "{seed}: no receipt for {name:?} to {recipient}");
        }
    }
}

/// The headers of a sealed message: of all devices that the lists ask for, or, when it was sealed with lists of before, of
/// one less or one more.
fn headers(sender: u8, sealed_anew: bool, number: u64, recipients: &[Credential]) -> Vec<(u8, Vec<u8>)> {
    if flags_of(number) & flags::SEALED == 0 {
        return Vec::new();
    }
    let own = PEERS[usize::from(sender)];
    let peers = |peer: u8| recipients.contains(&Credential([peer; 16]));
    let devices = PEERS.iter().zip(0..).filter(|(peer, place)| peers(**peer) || (**peer == own && *place != sender));
    let mut devices: Vec<u8> = devices.map(|(_, place)| place).filter(|place| is_for(number, *place)).collect();
    if flags_of(number) & flags::TARGETED == 0 && !sealed_anew && number.is_multiple_of(5) {
        match number % 2 {
            0 => devices.truncate(devices.len().saturating_sub(1)),
            _ => devices.push(99),
        }
    }
    devices.into_iter().map(|place| (place, header_for(sender, number, place))).collect()
}

/// The start of what something looks like, for the trace.
fn brief(what: &impl std::fmt::Debug) -> String {
    format!("{what:?}").chars().take(120).collect()
}
