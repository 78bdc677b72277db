//! A client as far as the keys know it: an outbox that is sealed anew after a restart, marks that a message is handled,
//! a disk that takes its time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use msr_crypto::*;
use msr_protocol::v2::*;
use msr_protocol::{Credential, JsonText};

use super::server::{Queued, Sent, Server};

pub struct Client {
    pub seed: u8,
    pub me: (Credential, Bytes16),
    pub disk: BTreeMap<String, Vec<u8>>,
    pub machine: Machine,
    pub online: bool,
    pub writes: VecDeque<(PersistTicket, Vec<Change>)>,
    pub frames: VecDeque<Vec<u8>>,
    pub outbox: BTreeMap<u64, Letter>,
    /// What was sealed while there was no connection.
    pub ready: BTreeMap<u64, Sealing>,
    pub last: u64,
    /// Queued letters that are being opened.
    pub opening: BTreeMap<u64, MessageId>,
    pub handled: BTreeMap<MessageId, Opened>,
    /// How often a message was handed over after it was handled.
    pub again: usize,
    pub failed: Vec<Failure>,
    pub events: Vec<KeyEvent>,
    pub plain: Vec<u64>,
    pub refused: Vec<(u64, Failure)>,
    /// Writes that were answered.
    pub written: usize,
}

pub fn account(seed: u8) -> AccountKey {
    AccountKey::from_seed(&[seed; 32])
}

pub fn words(seed: u8) -> Words {
    Words { name: JsonText::string(&format!("peer {seed}")), email: JsonText::string("") }
}

pub fn credential(seed: u8) -> Credential {
    words(seed).credential(&account(seed).secret_text())
}

/// A message with that text.
pub fn letter(recipients: &[u8], text: &str) -> Letter {
    Letter {
        recipients: recipients.iter().copied().map(credential).collect(),
        flags: 0,
        reply_to: None,
        subject: JsonText::string("subject"),
        payload: text.as_bytes().to_vec(),
        required: false,
        allow_plain: false,
    }
}

impl Client {
    pub fn new(seed: u8, id: Bytes16, now_ms: i64) -> Self {
        let me = (credential(seed), id);
        let (_, records) = Machine::enrol(&account(seed), me.0, id, now_ms).unwrap();
        let mut disk = BTreeMap::new();
        apply(&mut disk, &records);
        let machine = Self::start(seed, &disk, Some(account(seed)), now_ms);
        Self {
            seed,
            me,
            disk,
            machine,
            online: false,
            writes: VecDeque::new(),
            frames: VecDeque::new(),
            outbox: BTreeMap::new(),
            ready: BTreeMap::new(),
            last: 0,
            opening: BTreeMap::new(),
            handled: BTreeMap::new(),
            again: 0,
            failed: vec![],
            events: vec![],
            plain: vec![],
            refused: vec![],
            written: 0,
        }
    }

    fn start(seed: u8, disk: &BTreeMap<String, Vec<u8>>, account_key: Option<AccountKey>, now_ms: i64) -> Machine {
        let device = OwnDevice::decode(&disk["key:device"]).unwrap();
        let (Words { name, email }, secret) = (words(seed), account(seed).secret_text());
        let own = Own { credential: credential(seed), name, email, secret, device, account: account_key };
        Machine::new(own, disk.clone().into_iter().collect(), now_ms)
    }

    /// The process ends; of the writes under way the first `kept` reach the disk. Another starts.
    pub fn crash(&mut self, kept: usize, now_ms: i64) {
        for (_, changes) in self.writes.drain(..).take(kept) {
            apply(&mut self.disk, &changes);
        }
        self.machine = Self::start(self.seed, &self.disk, Some(account(self.seed)), now_ms);
        (self.online, self.opening) = (false, BTreeMap::new());
        self.frames.clear();
        self.ready.clear();
        for (&number, letter) in &self.outbox {
            self.machine.handle_input(Input::Seal { ticket: SealTicket(number), letter: letter.clone() }, now_ms);
        }
    }

    /// As it was kept, without the account's key.
    pub fn forget_account(&mut self, now_ms: i64) {
        self.machine = Self::start(self.seed, &self.disk, None, now_ms);
    }

    pub fn connect(&mut self, server: &mut Server, now_ms: i64) {
        self.online = true;
        self.machine.handle_input(Input::Registered, now_ms);
        self.frames.push_back(server.register(self.me));
        self.opening.clear();
        for (number, outcome) in std::mem::take(&mut self.ready) {
            self.sealed(server, number, outcome, now_ms);
        }
    }

    pub fn disconnect(&mut self, now_ms: i64) {
        self.online = false;
        self.frames.clear();
        self.opening.clear();
        self.machine.handle_input(Input::Disconnected, now_ms);
    }

    pub fn send(&mut self, letter: Letter, now_ms: i64) -> u64 {
        self.last += 1;
        self.outbox.insert(self.last, letter.clone());
        self.machine.handle_input(Input::Seal { ticket: SealTicket(self.last), letter }, now_ms);
        self.last
    }

    /// Begins to open the next entry of the queue that is not being opened.
    pub fn open_next(&mut self, server: &Server, now_ms: i64) -> bool {
        let Some(queue) = server.queues.get(&self.me) else { return false };
        let Some(queued) = queue.iter().find(|queued| !self.opening.contains_key(&queued.sequence)).cloned() else { return false };
        self.open(queued, now_ms);
        true
    }

    pub fn open(&mut self, Queued { sequence, header, entry }: Queued, now_ms: i64) {
        let Ok(Entry::Message(delivery)) = Entry::read(&mut entry.as_slice()) else { panic!("no message") };
        self.opening.insert(sequence, delivery.id);
        self.machine.handle_input(Input::Open { tag: OpenTag(sequence), header, entry }, now_ms);
    }

    pub fn write(&mut self, succeeds: bool, now_ms: i64) -> bool {
        let Some((ticket, changes)) = self.writes.pop_front() else { return false };
        if succeeds {
            apply(&mut self.disk, &changes);
            self.written += 1;
            self.machine.handle_input(Input::Persisted { ticket }, now_ms);
        } else {
            self.machine.handle_input(Input::NotPersisted { ticket, reason: "full".to_owned() }, now_ms);
        }
        true
    }

    fn handle(&mut self, id: MessageId, opened: Opened) {
        if let Some(before) = self.handled.get(&id) {
            assert_eq!(*before, opened, "a message changed");
            self.again += 1;
        }
        self.handled.insert(id, opened);
    }

    /// Does what the machine says; whether it said anything.
    pub fn drain(&mut self, server: &mut Server, now_ms: i64) -> bool {
        let mut any = false;
        while let Some(output) = self.machine.poll_output() {
            any = true;
            match output {
                Output::Frames(frames) if self.online => {
                    let answer = server.answer(self.me, &frames);
                    self.frames.push_back(answer);
                }
                Output::Frames(_) => {}
                Output::Control { recipient, payload, headers } => {
                    self.last += 1;
                    let (number, flags) = (self.last, flags::SEALED | flags::TARGETED);
                    let recipients = &[recipient];
                    server.send(&Sent { from: self.me, number, flags, recipients, payload: &payload, headers: &headers, now_ms }).unwrap();
                }
                Output::Persist { ticket, changes, strict } => {
                    assert!(strict && self.writes.is_empty());
                    let keys: BTreeSet<_> = changes.iter().map(key).collect();
                    assert!(keys.len() == changes.len() && keys.iter().all(|key| key.starts_with("key:") && key.len() <= 64));
                    self.writes.push_back((ticket, changes));
                }
                Output::Sealed { ticket: SealTicket(number), outcome } => self.sealed(server, number, outcome, now_ms),
                Output::Opened { tag: OpenTag(sequence), outcome } => {
                    let Some(id) = self.opening.remove(&sequence) else { continue };
                    match outcome {
                        Opening::Opened(opened) => self.handle(id, opened),
                        Opening::Silent => {}
                        Opening::Failed(failure) => self.failed.push(failure),
                    }
                    if let Some(queue) = server.queues.get_mut(&self.me) {
                        queue.retain(|queued| queued.sequence != sequence);
                    }
                }
                Output::Late { entry, opened } => {
                    let Ok(Entry::Message(delivery)) = Entry::read(&mut entry.as_slice()) else { panic!("no message") };
                    self.handle(delivery.id, opened);
                    self.machine.handle_input(Input::LateHandled { id: delivery.id }, now_ms);
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        any
    }

    fn sealed(&mut self, server: &mut Server, number: u64, outcome: Sealing, now_ms: i64) {
        let Some(letter) = self.outbox.get(&number).cloned() else { return };
        match outcome {
            Sealing::Sealed { .. } if !self.online => {
                self.ready.insert(number, outcome);
            }
            Sealing::Sealed { payload, headers } => {
                let flags = flags::SEALED | letter.flags & flags::REALTIME;
                let recipients = &letter.recipients;
                match server.send(&Sent { from: self.me, number, flags, recipients, payload: &payload, headers: &headers, now_ms }) {
                    Ok(()) => {
                        self.outbox.remove(&number);
                    }
                    Err(lists) => {
                        // 521: the lists come first, then it is sealed anew.
                        self.machine.handle_input(Input::Frame(lists), now_ms);
                        self.machine.handle_input(Input::Seal { ticket: SealTicket(number), letter }, now_ms);
                    }
                }
            }
            Sealing::Plain => {
                self.outbox.remove(&number);
                self.plain.push(number);
            }
            Sealing::Refused(failure) => {
                self.refused.push((number, failure.clone()));
                if failure.code == msr_protocol::Code::NotKept {
                    self.machine.handle_input(Input::Seal { ticket: SealTicket(number), letter }, now_ms);
                } else {
                    self.outbox.remove(&number);
                }
            }
        }
    }

    /// The texts of the messages that were handled, in order.
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<_> = self.handled.values().map(|opened| String::from_utf8(opened.payload.clone()).unwrap()).collect();
        texts.sort();
        texts
    }

    pub fn alarms(&self) -> Vec<AlarmKind> {
        let kind = |event: &KeyEvent| if let KeyEvent::Alarm { kind, .. } = event { Some(*kind) } else { None };
        self.events.iter().filter_map(kind).collect()
    }
}

fn key(change: &Change) -> &String {
    match change {
        Change::Put { key, .. } | Change::Delete { key } => key,
    }
}

pub fn apply(disk: &mut BTreeMap<String, Vec<u8>>, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Put { key, value } => disk.insert(key.clone(), value.clone()),
            Change::Delete { key } => disk.remove(key),
        };
    }
}
