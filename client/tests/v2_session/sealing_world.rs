//! A page, its keys and a server, each as slow and forgetful as they may be: connections and processes end at any point,
//! devices change at any point, the keys answer late or only in the end. Nothing is lost, nothing comes twice, and each
//! recipient gets what was sent in the order in which it was. A failing seed replays.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;
use msr_client::{
    Change, Draft, Encrypt, Event, Input, Letter, Moment, Output, PersistTicket, SealTicket, Sealing, Session, Snapshot, Ticket,
};
use msr_protocol::v2::flags::{SEALED, TARGETED};
use msr_protocol::v2::{Exception, Frame, List, SUBPROTOCOL, Varint, frames};
use msr_protocol::{Code, Credential, JsonText};

use crate::keyed::{challenge, keyed, xor};
use crate::stage::{Welcome, welcome_frame};

const RECIPIENTS: u8 = 4;
/// Somebody whose messages wait for a decision most of the time.
const HELD: Credential = Credential([0; 16]);

/// What a server keeps: what it took, for whom, and how many devices there are by now.
#[derive(Default)]
struct Server {
    accepted: u64,
    epoch: u64,
    /// Each list of devices is sealed for under its count.
    devices: u8,
    uploads: BTreeMap<u64, Vec<u8>>,
    taken: BTreeMap<Credential, Vec<String>>,
    controls: Vec<String>,
    stale: usize,
}

impl Server {
    fn take(&mut self, number: u64, message: &Frame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let rejected = |code: Code, out: &mut Vec<u8>| {
            Frame::Rejected { number: Varint(number), code: code.number(), reason: "" }.write(out);
        };
        if number > self.accepted + 1 {
            rejected(Code::OutOfOrder, &mut out);
            return out;
        }
        if number == self.accepted + 1 {
            if let Frame::Send { flags, recipients, payload, device_headers, .. } = message {
                let is_sealed = flags & SEALED != 0;
                if is_sealed && flags & TARGETED == 0 && device_headers.0[0].header != [self.devices] {
                    self.stale += 1;
                    rejected(Code::StaleDevices, &mut out);
                    return out;
                }
                let content = if is_sealed { xor(payload.0) } else { payload.0.to_vec() };
                let content = String::from_utf8(content).unwrap();
                if flags & TARGETED == 0 {
                    assert_eq!(content.starts_with("\"off"), !is_sealed, "{content}");
                    recipients.0.iter().for_each(|recipient| self.taken.entry(*recipient).or_default().push(content.clone()));
                } else {
                    self.controls.push(content);
                }
            }
            self.accepted = number;
        }
        Frame::Accepted { number: Varint(number), timestamp_ms: 1, exceptions: List(Vec::<Exception>::new()) }.write(&mut out);
        out
    }

    fn hear(&mut self, message: &[u8]) -> Vec<u8> {
        let mut answers = Vec::new();
        for frame in frames(message) {
            let frame = frame.unwrap();
            match &frame {
                Frame::Send { number, .. } | Frame::Void { number } => answers.extend(self.take(number.0, &frame)),
                Frame::Begin { upload, .. } => drop(self.uploads.insert(upload.0, Vec::new())),
                Frame::Piece { upload, payload, .. } => self.uploads.get_mut(&upload.0).unwrap().extend_from_slice(payload.0),
                Frame::Finish { upload, number } => {
                    let body = self.uploads.remove(&upload.0).unwrap();
                    if number.0 > 0 {
                        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
                        let whole = [&[msr_protocol::v2::tags::Send][..], &length[..3], &body].concat();
                        answers.extend(self.take(number.0, &frames(&whole).next().unwrap().unwrap()));
                    }
                }
                Frame::Ping { time_ms } => Frame::Pong { origin_time_ms: *time_ms, receive_time_ms: 1 }.write(&mut answers),
                _ => {}
            }
        }
        answers
    }
}

struct World {
    random: Rng,
    now: Moment,
    session: Session,
    disk: BTreeMap<String, Vec<u8>>,
    writes: VecDeque<(PersistTicket, Vec<Change>)>,
    questions: Vec<(SealTicket, Letter)>,
    /// Questions that were answered, and what came of that was not taken back.
    answered: BTreeSet<SealTicket>,
    server: Server,
    is_connected: bool,
    to_server: VecDeque<Vec<u8>>,
    to_client: VecDeque<Input>,
    sent: usize,
    /// What was sent in this run of the process.
    tickets: BTreeMap<Ticket, String>,
    /// What each recipient is to get.
    expected: BTreeMap<Credential, Vec<String>>,
    controls: Vec<String>,
    is_held: bool,
    is_calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Moment { monotonic_ms: 1_000.0, wall_ms: 1e12 };
        let mut world = Self {
            random: Rng::with_seed(seed),
            now,
            session: Session::new(seed),
            disk: BTreeMap::new(),
            writes: VecDeque::new(),
            questions: Vec::new(),
            answered: BTreeSet::new(),
            server: Server::default(),
            is_connected: false,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            sent: 0,
            tickets: BTreeMap::new(),
            expected: BTreeMap::new(),
            controls: Vec::new(),
            is_held: true,
            is_calm: false,
        };
        world.input(Input::Connect(keyed()));
        world
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Restore { credential } => {
                    let records = self.disk.clone().into_iter().collect();
                    let snapshot = Snapshot { credential, records, entropy: [self.random.u8(..); 32] };
                    self.session.handle_input(Input::Restored(snapshot), self.now);
                }
                Output::Persist { ticket, changes, .. } => self.writes.push_back((ticket, changes)),
                Output::OpenSocket { .. } => {
                    self.is_connected = true;
                    self.server.uploads.clear();
                    self.to_client.push_back(Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) });
                    self.to_client.push_back(challenge([self.random.u8(..); 32]));
                }
                Output::Prove { nonce, .. } => self.to_client.push_front(Input::Proven { nonce, proof: Vec::new() }),
                Output::TransmitFrames(bytes) => self.to_server.push_back(bytes),
                Output::CloseSocket { .. } => self.cut(),
                Output::Seal { ticket, letter } => self.questions.push((ticket, letter)),
                Output::Unseal { ticket } => {
                    let before = self.questions.len();
                    self.questions.retain(|(other, _)| *other != ticket);
                    assert!(self.questions.len() < before || self.answered.remove(&ticket), "nobody asked {ticket:?}");
                }
                Output::Event(Event::NotSent { ticket, failure }) => {
                    assert_eq!(failure.code, Code::NotKept);
                    let given_up = &self.tickets[&ticket];
                    self.expected.values_mut().for_each(|expected| expected.retain(|content| content != given_up));
                }
                _ => {}
            }
        }
    }

    fn cut(&mut self) {
        self.is_connected = false;
        self.to_server.clear();
        self.to_client.clear();
    }

    fn send(&mut self) {
        self.sent += 1;
        let mut recipients: Vec<Credential> = (0..RECIPIENTS).filter(|_| self.random.u8(..3) == 0).map(|at| Credential([at; 16])).collect();
        if recipients.is_empty() || recipients.contains(&HELD) {
            recipients = vec![Credential([self.random.u8(..RECIPIENTS); 16])];
        }
        let is_off = self.random.u8(..6) == 0;
        let filling = if self.random.u8(..12) == 0 { "x".repeat(self.random.usize(..60_000)) } else { String::new() };
        let content = format!("\"{}{} {filling}\"", if is_off { "off " } else { "" }, self.sent);
        for recipient in &recipients {
            self.expected.entry(*recipient).or_default().push(content.clone());
        }
        let to: Vec<String> = recipients.iter().map(|recipient| format!("\"{recipient}\"")).collect();
        let to = JsonText::from_spelled(format!("[{}]", to.join(",")));
        let draft = Draft::new(to, JsonText::string("s"), JsonText::from_spelled(content.clone()));
        let encrypt = if is_off { Encrypt::Off } else { [Encrypt::Auto, Encrypt::Required][self.random.usize(..2)] };
        let id = self.random.bool().then(|| self.sent.to_string());
        let ticket = self.session.send(Draft { encrypt, id, ..draft }, self.now);
        self.tickets.insert(ticket, content);
        self.drain();
    }

    fn write(&mut self, fails: bool) {
        let Some((ticket, changes)) = self.writes.pop_front() else { return };
        if fails {
            return self.input(Input::PersistFailed { ticket, reason: String::new() });
        }
        for change in changes {
            match change {
                Change::Put { key, value } => drop(self.disk.insert(key, value)),
                Change::Delete { key } => drop(self.disk.remove(&key)),
            }
        }
        self.input(Input::Persisted { ticket });
    }

    fn answer(&mut self) {
        // The keys may be quicker with one than with another.
        let may = |letter: &Letter| self.is_calm || !self.is_held || !letter.recipients.contains(&HELD);
        let open: Vec<usize> = (0..self.questions.len()).filter(|at| may(&self.questions[*at].1)).collect();
        if open.is_empty() {
            return;
        }
        let (ticket, letter) = self.questions.remove(open[self.random.usize(..open.len())]);
        self.answered.insert(ticket);
        let headers = vec![([1; 16], vec![self.server.devices])];
        let outcome = Sealing::Sealed { payload: xor(&letter.payload), headers };
        self.input(Input::Sealed { ticket, outcome });
    }

    fn server_reads(&mut self) {
        let Some(message) = self.to_server.pop_front() else { return };
        if let Some(Ok(Frame::Hello { outbox_epoch, .. })) = frames(&message).next() {
            if self.server.epoch != outbox_epoch {
                assert_eq!(self.server.epoch, 0, "numbers begin anew for no reason");
                self.server.epoch = outbox_epoch;
            }
            return self.to_client.push_back(welcome_frame(&Welcome { accepted: self.server.accepted, ..Welcome::default() }, 1));
        }
        let answers = self.server.hear(&message);
        if !answers.is_empty() {
            self.to_client.push_back(Input::FrameReceived(answers));
        }
    }

    fn restart(&mut self) {
        self.cut();
        self.writes.clear();
        self.questions.clear();
        self.answered.clear();
        self.tickets.clear();
        self.session = Session::new(self.random.u64(..));
        self.input(Input::Connect(keyed()));
    }

    fn step(&mut self) {
        self.now.monotonic_ms += self.random.f64() * 20.0;
        self.now.wall_ms += 1.0;
        match self.random.u8(..100) {
            // Of a letter of the keys that could not be kept nobody hears which it was.
            0 if !self.is_calm && self.controls.len() == self.server.controls.len() => self.write(true),
            0..40 => self.write(false),
            40..60 => self.answer(),
            60..75 => self.server_reads(),
            75..90 => {
                if let Some(input) = self.to_client.pop_front() {
                    self.input(input);
                }
            }
            // A message that is not on the disk yet may be lost with the process: its page never heard that it is sent.
            90 if !self.is_calm && self.writes.is_empty() && self.random.u8(..8) == 0 => self.restart(),
            91 if !self.is_calm && self.is_connected => {
                self.cut();
                self.input(Input::SocketClosed { code: 1006, reason: String::new() });
            }
            92 if !self.is_calm => self.server.devices = self.server.devices.wrapping_add(1),
            93 if !self.is_calm => {
                let content = format!("\"control {}\"", self.controls.len());
                let headers = vec![([1; 16], vec![0])];
                self.controls.push(content.clone());
                self.input(Input::Control { recipient: HELD, payload: xor(content.as_bytes()), headers });
            }
            94..98 if !self.is_calm => self.send(),
            98 if !self.is_calm => self.is_held = self.random.u8(..6) > 0,
            _ => {
                self.session.handle_timeout(self.now);
                self.drain();
            }
        }
        if self.random.u8(..4) == 0 && self.session.poll_timeout().is_some_and(|at_ms| at_ms <= self.now.monotonic_ms) {
            self.session.handle_timeout(self.now);
            self.drain();
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_and_order_holds() {
    let (mut messages, mut stale, mut passed) = (0, 0, 0);
    for seed in 0..50 {
        let mut world = World::new(seed);
        for _ in 0..3_000 {
            world.step();
        }
        let taken = &world.server.taken;
        passed += taken.iter().filter(|(recipient, _)| **recipient != HELD).map(|(_, taken)| taken.len()).sum::<usize>();
        world.is_calm = true;
        for round in 0.. {
            world.step();
            if world.session.status().waiting == 0 && world.server.controls.len() == world.controls.len() {
                break;
            }
            assert!(round < 200_000, "seed {seed}: {} wait, {} questions", world.session.status().waiting, world.questions.len());
        }
        for (recipient, expected) in &world.expected {
            assert_eq!(world.server.taken.get(recipient), Some(expected), "seed {seed}, {recipient}");
        }
        world.controls.sort();
        world.server.controls.sort();
        assert_eq!(world.server.controls, world.controls, "seed {seed}");
        assert_eq!(world.questions, [], "seed {seed}");
        messages += world.sent;
        stale += world.server.stale;
    }
    // Were these small, it would show nothing.
    assert!(messages > 5_000 && passed > 1_500 && stale > 250, "{messages} messages, {passed} passed, {stale} times devices had changed");
}
