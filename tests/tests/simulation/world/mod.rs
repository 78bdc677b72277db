//! Everything at once, one random step at a time.

mod clients;
mod settling;

use std::cell::RefCell;
use std::rc::Rc;

use msr_client::{Content, Draft, Input, Output};
use msr_delivery::{CommitError, ConnectionId, Fetched, Now, Wanted};
use msr_protocol::v2::SUBPROTOCOL;
use msr_protocol::{Credential, JsonText};

use crate::desk::Desk;
use crate::device::{Device, Link};
use crate::history::{Outcome, Sent, Text};
use crate::keys::Sealed;
use crate::server::{Counts, Down, Server, Up};
use crate::store::Store;

/// Which peer each device belongs to.
const PEERS: [u8; 5] = [1, 1, 2, 3, 3];
/// One world of so many has keys: sealing takes ten times as long.
const SEALED_OF: u64 = 50;
const DAY_MS: i64 = 24 * 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    All,
    ButClientCrashes,
    /// Every second write of the server does not fit; all else is well.
    FullDisk,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    faults: Faults,
    random: fastrand::Rng,
    now_ms: i64,
    server_skew_ms: i64,
    pub(crate) store: Store,
    desk: Rc<RefCell<Desk>>,
    /// Where everybody has an identity by key and seals what it sends: what that says.
    pub(crate) sealed: Option<Sealed>,
    pub(crate) server: Option<Server>,
    /// What servers before this one were offered.
    pub(crate) offered: std::collections::BTreeMap<msr_protocol::v2::MessageId, Text>,
    pub(crate) devices: Vec<Device>,
    next_connection: u64,
    next_start: u64,
    pub(crate) server_crashes: usize,
    pub(crate) counts: Counts,
    /// Whether anything fails by chance.
    is_rough: bool,
    pub(crate) trace: Vec<String>,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let sealed = seed.is_multiple_of(SEALED_OF).then(Sealed::default);
        let devices = PEERS.iter().enumerate().map(|(place, peer)| Device::new(place, *peer, sealed.clone())).collect();
        let mut world = Self {
            seed,
            faults,
            random: fastrand::Rng::with_seed(seed),
            now_ms: 1_000,
            server_skew_ms: 0,
            store: Store::default(),
            desk: Rc::default(),
            sealed,
            server: None,
            offered: Default::default(),
            devices,
            next_connection: 1,
            next_start: 1,
            server_crashes: 0,
            counts: Counts::default(),
            is_rough: false,
            trace: vec![format!("seed {seed}")],
        };
        world.start_server();
        // Everybody is known before anything is sent, so that who gets a message does not depend on chance.
        for place in 0..world.devices.len() {
            world.start_client(place);
        }
        world.quiet("at the start");
        world.is_rough = true;
        world
    }

    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.now_ms += if self.random.u32(0..20) == 0 { self.random.i64(0..4_000) } else { self.random.i64(0..50) };
            self.step();
            self.time_passes();
        }
    }

    fn step(&mut self) {
        let place = self.random.usize(0..self.devices.len());
        match self.random.u32(0..1_000) {
            0..120 => self.send(place),
            120..320 => {
                self.up(place);
            }
            320..520 => {
                self.down(place);
            }
            520..600 => self.commit(),
            600..630 => {
                self.fetch();
            }
            630..670 => {
                self.piece();
            }
            670..790 => {
                self.disk(place);
            }
            790..870 => {
                self.handler(place);
            }
            870..930 => {
                self.open(place);
            }
            930..936 => self.wake(place),
            936..945 => self.cancel(place),
            945..947 => self.set_a_clock(place),
            947..952 => self.again(place),
            952..957 => {
                self.ghosts();
            }
            957..970 => self.start_server(),
            970..983 => self.start_client(place),
            _ if self.faults == Faults::FullDisk => self.send(place),
            983..990 => self.cut(place),
            990..993 => self.mute(place),
            993..996 => self.crash_server(),
            _ => self.crash_client(place),
        }
    }

    fn note(&mut self, text: String) {
        self.trace.push(text);
    }

    pub(crate) fn server_now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall_ms: 1_700_000_000_000 + self.now_ms + self.server_skew_ms }
    }

    fn time_passes(&mut self) {
        for place in 0..self.devices.len() {
            if self.devices[place].time_passes(self.now_ms) {
                self.note(format!("{place} wakes"));
            }
            self.carry(place);
        }
        let now = self.server_now();
        if let Some(server) = &mut self.server {
            server.exchange.expire(now);
            server.drain();
        }
    }

    /// Takes what a device wants to write to the wire it is on.
    fn carry(&mut self, place: usize) {
        let device = &mut self.devices[place];
        for output in std::mem::take(&mut device.up) {
            let Link::Open(connection) = device.link else { continue };
            let wire = self.server.as_mut().and_then(|server| server.wires.get_mut(&connection));
            let up = match output {
                Output::TransmitFrames(bytes) => Up::Message(bytes),
                _ => {
                    device.link = Link::None;
                    Up::Closed
                }
            };
            if let Some(wire) = wire {
                wire.up.push_back(up);
            }
        }
    }

    fn give(&mut self, place: usize, input: Input) {
        self.devices[place].input(input, self.now_ms);
        self.carry(place);
    }

    // The network.

    /// A socket opens, or does not; a question over HTTP is answered.
    fn open(&mut self, place: usize) -> bool {
        if self.devices[place].probing {
            self.devices[place].probing = false;
            let speaks_v2 = self.server.as_ref().map(|_| true);
            self.give(place, Input::OriginProbed { refused: false, speaks_v2 });
            return true;
        }
        let Link::Opening { offers_v2 } = self.devices[place].link else { return false };
        let now = self.server_now();
        let lost = self.is_rough && self.random.u32(0..6) == 0;
        self.note(format!("{place} opens"));
        match self.server.as_mut().filter(|_| offers_v2 && !lost) {
            Some(server) => {
                let connection = ConnectionId(self.next_connection);
                self.next_connection += 1;
                server.opened(connection, now);
                self.devices[place].link = Link::Open(connection);
                self.give(place, Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) });
            }
            None => {
                self.devices[place].link = Link::None;
                self.give(place, Input::SocketClosed { code: 1006, reason: String::new() });
            }
        }
        true
    }

    fn up(&mut self, place: usize) -> bool {
        let now = self.server_now();
        let fresh_epoch = self.random.u64(1..);
        let Link::Open(connection) = self.devices[place].link else { return false };
        let heard = self.server.as_mut().is_some_and(|server| server.hear(connection, now, fresh_epoch));
        if heard {
            self.note(format!("{place} up"));
        }
        heard
    }

    fn down(&mut self, place: usize) -> bool {
        let Link::Open(connection) = self.devices[place].link else { return false };
        let Some(server) = &mut self.server else { return false };
        let Some(wire) = server.wires.get_mut(&connection).filter(|wire| !wire.is_mute) else { return false };
        let Some(down) = wire.down.pop_front() else { return false };
        match down {
            Down::Message(bytes) => {
                self.note(format!("{place} down {}", bytes.len()));
                self.give(place, Input::FrameReceived(bytes));
            }
            Down::Close(code) => {
                server.wires.remove(&connection);
                self.note(format!("{place} closed {code}"));
                self.devices[place].link = Link::None;
                self.give(place, Input::SocketClosed { code, reason: String::new() });
            }
        }
        true
    }

    /// Connections of devices that are not on them any more come to their end.
    fn ghosts(&mut self) -> bool {
        let now = self.server_now();
        let fresh_epoch = self.random.u64(1..);
        let Some(server) = &mut self.server else { return false };
        let held = |connection: &ConnectionId| self.devices.iter().any(|device| device.link == Link::Open(*connection));
        let ghosts: Vec<ConnectionId> = server.wires.keys().filter(|connection| !held(connection)).copied().collect();
        for connection in &ghosts {
            while server.hear(*connection, now, fresh_epoch) {}
            server.gone(*connection, now);
        }
        !ghosts.is_empty()
    }

    fn cut(&mut self, place: usize) {
        let Link::Open(connection) = self.devices[place].link else { return };
        self.note(format!("cut {place}"));
        self.devices[place].link = Link::None;
        let now = self.server_now();
        if let Some(server) = &mut self.server {
            server.gone(connection, now);
        }
        self.give(place, Input::SocketClosed { code: 1006, reason: String::new() });
    }

    /// Half open: nothing arrives any more, and nobody is told.
    fn mute(&mut self, place: usize) {
        let Link::Open(connection) = self.devices[place].link else { return };
        if let Some(wire) = self.server.as_mut().and_then(|server| server.wires.get_mut(&connection)) {
            wire.is_mute = true;
            self.note(format!("mute {place}"));
        }
    }

    // The server.

    fn start_server(&mut self) {
        if self.server.is_some() {
            return;
        }
        let exchange = self.store.recover(self.next_start, self.server_now());
        self.next_start += 1;
        let mut server = Server::new(exchange, self.desk.clone(), self.sealed.clone());
        let first = server.exchange.take_batch().expect("a start is written down");
        self.store.commit(&first);
        server.exchange.committed(Ok(()));
        server.drain();
        self.server = Some(server);
        self.note("server starts".to_owned());
    }

    /// Dies, perhaps just after the batch reached the disk, with nobody told.
    fn crash_server(&mut self) {
        let Some(server) = self.server.take() else { return };
        let kept = self.random.bool();
        if let Some(batch) = server.writing.filter(|_| kept) {
            self.store.commit(&batch);
        }
        self.offered.extend(server.offered);
        self.counts += server.counts;
        self.server_crashes += 1;
        self.note(format!("server dies {kept}"));
        for place in 0..self.devices.len() {
            if let Link::Open(_) = self.devices[place].link {
                self.devices[place].link = Link::None;
                self.give(place, Input::SocketClosed { code: 1006, reason: String::new() });
            }
        }
    }

    fn commit(&mut self) {
        let of = if self.faults == Faults::FullDisk { 2 } else { 5 };
        let result = if self.random.u32(0..of) == 0 { Err(CommitError::Full) } else { Ok(()) };
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

    fn fetch(&mut self) -> bool {
        let Some(server) = &mut self.server else { return false };
        let Some((device, wanted)) = server.fetches.pop_front() else { return false };
        let read = |wanted: &Wanted| {
            let message = self.store.messages.get(&wanted.arrival)?;
            let header = Box::from(message.headers.of(device));
            Some(if wanted.header_alone { Fetched::Header(header) } else { Fetched::Entry { entry: message.entry.clone(), header } })
        };
        server.exchange.fetched(device, wanted.iter().map(|wanted| (wanted.arrival, read(wanted))).collect());
        server.drain();
        true
    }

    fn piece(&mut self) -> bool {
        let now = self.server_now();
        self.server.as_mut().is_some_and(|server| server.piece(&self.store, now))
    }

    // The clients.

    fn send(&mut self, place: usize) {
        if self.devices[place].session.is_none() {
            return;
        }
        let peers: Vec<Credential> = [0, 2, 3].map(|device| self.devices[device].credential).to_vec();
        let mut recipients: Vec<Credential> = peers.iter().copied().filter(|_| self.random.u32(0..3) == 0).collect();
        if recipients.is_empty() {
            recipients.push(peers[self.random.usize(0..3)]);
        }
        let kind = self.random.u32(0..30);
        let (realtime, is_request, expires) = (kind == 0, kind == 1 || kind == 2, kind == 3 || kind == 4);
        let is_large = !realtime && self.random.u32(0..8) == 0;
        let bytes = if is_large { self.random.usize(33_000..250_000) } else { 1 };
        let id = self.random.bool().then(|| format!("id {place} {}", self.devices[place].next_count)).filter(|_| !realtime);
        let mut draft = Draft::new(to(&recipients), JsonText::string("s"), JsonText::null());
        draft.realtime = realtime;
        draft.id.clone_from(&id);
        draft.request = is_request.then(|| self.random.f64() * 30_000.0);
        draft.expire_after_ms = expires.then(|| self.random.f64() * 3_000.0);
        let sent = Sent { recipients, expires: expires || is_request, is_request, bytes, id };
        self.send_new(place, sent, draft);
    }

    fn send_new(&mut self, place: usize, sent: Sent, draft: Draft) {
        let device = &mut self.devices[place];
        let text = Text { place, count: device.next_count };
        device.next_count += 1;
        let draft = Draft { content: Content::Json(JsonText::from_spelled(text.content(sent.bytes))), ..draft };
        device.sent.insert(text, sent);
        device.send(text, draft, self.now_ms);
        self.carry(place);
        self.note(format!("{place} sends {}", text.count));
    }

    /// A page that does not know what became of a message sends it again under its id.
    fn again(&mut self, place: usize) {
        let device = &mut self.devices[place];
        if device.session.is_none() {
            return;
        }
        let named: Vec<(Text, Sent)> = device.sent.iter().filter(|(_, sent)| sent.id.is_some()).map(|(t, s)| (*t, s.clone())).collect();
        let Some((text, sent)) = named.get(self.random.usize(0..named.len().max(1))).cloned() else { return };
        let given_up = |ticketed: &crate::history::Ticketed| {
            ticketed.text == Some(text)
                && ticketed.outcomes.iter().any(|outcome| *outcome == Outcome::NotSent || *outcome == Outcome::NoReply)
        };
        if device.history.tickets.values().any(given_up) || sent.is_request || sent.expires {
            return;
        }
        let draft = Draft {
            id: sent.id,
            ..Draft::new(to(&sent.recipients), JsonText::string("s"), JsonText::from_spelled(text.content(sent.bytes)))
        };
        device.send(text, draft, self.now_ms);
        self.carry(place);
        self.note(format!("{place} sends {} again", text.count));
    }

    fn cancel(&mut self, place: usize) {
        let device = &mut self.devices[place];
        let life = device.life;
        let open = device.history.tickets.iter().filter(|((of, _), ticketed)| *of == life && ticketed.outcomes.is_empty());
        let open: Vec<u32> = open.map(|((_, ticket), _)| *ticket).collect();
        if let Some(ticket) = open.last() {
            device.cancel(*ticket, self.now_ms);
            self.carry(place);
            self.note(format!("{place} cancels {ticket}"));
        }
    }
}

fn to(recipients: &[Credential]) -> JsonText {
    let spelled: Vec<String> = recipients.iter().map(|recipient| format!("\"{recipient}\"")).collect();
    JsonText::from_spelled(format!("[{}]", spelled.join(",")))
}
