//! The keys of a device: the real machine while its page lives. Its records are on the disk of the device, and their writes
//! stand in one line with those of the session.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use msr_client::{DeliveryTag, Event, Input, Output, SealTicket, State};
use msr_crypto::{self as crypto, AccountKey, Change, KeyEvent, Machine, OpenTag, Own, OwnDevice, PersistTicket, Sealing, Words};
use msr_protocol::v2::Bytes16;
use msr_protocol::{Code, JsonText, Peer};

use crate::history::Text;

/// What each sealed body says.
pub(crate) type Sealed = Rc<RefCell<BTreeMap<Vec<u8>, Text>>>;

/// What the keys say: to the session, or to the disk, `None` being the first keys of a device.
pub(crate) enum Said {
    Input(Input),
    Keep(Option<PersistTicket>, Vec<Change>),
}

pub(crate) struct Keys {
    person: u8,
    machine: Option<Machine>,
    /// The device that is enrolled once its keys are on the disk, and the connection that waits for it.
    proving: Option<(Bytes16, [u8; 32])>,
    sealing: BTreeMap<SealTicket, Text>,
    sealed: Sealed,
    /// What no honest server and disk bring about.
    pub(crate) alarms: Vec<String>,
}

impl Keys {
    pub(crate) fn new(person: u8, sealed: Sealed) -> Self {
        Self { person, machine: None, proving: None, sealing: BTreeMap::new(), sealed, alarms: Vec::new() }
    }

    fn account(&self) -> AccountKey {
        AccountKey::from_seed(&[self.person; 32])
    }

    fn words(&self) -> Words {
        Words { name: JsonText::string(&format!("peer {}", self.person)), email: JsonText::string("") }
    }

    pub(crate) fn peer(&self) -> Peer {
        let Words { name, email } = self.words();
        Peer { name, email, secret: self.account().secret_text(), ..Peer::default() }
    }

    /// The page ends.
    pub(crate) fn crash(&mut self) {
        (self.machine, self.proving) = (None, None);
        self.sealing.clear();
    }

    pub(crate) fn ask(&mut self, question: Output, disk: &BTreeMap<String, Vec<u8>>, wall_ms: i64) -> Vec<Said> {
        let input = match question {
            Output::Prove { device, nonce, .. } => return self.prove(device, nonce, disk, wall_ms),
            Output::Seal { ticket, letter } => {
                let text = std::str::from_utf8(&letter.payload).ok().and_then(Text::read).expect("a text of ours");
                self.sealing.insert(ticket, text);
                crypto::Input::Seal { ticket, letter }
            }
            Output::Unseal { ticket } => crypto::Input::Unseal { ticket },
            Output::Open { tag, header, entry } => crypto::Input::Open { tag: OpenTag(tag.0), header, entry },
            Output::Keys(frame) => crypto::Input::Frame(frame),
            Output::LateHandled { id } => crypto::Input::LateHandled { id },
            other => panic!("that is no question to the keys: {other:?}"),
        };
        self.tell(input, wall_ms)
    }

    pub(crate) fn told(&mut self, event: &Event, wall_ms: i64) -> Vec<Said> {
        match event {
            Event::Registered => self.tell(crypto::Input::Registered, wall_ms),
            Event::State(State::Closed | State::Opened) => self.tell(crypto::Input::Disconnected, wall_ms),
            _ => Vec::new(),
        }
    }

    /// What was to be kept is, or is not.
    pub(crate) fn kept(&mut self, ticket: Option<PersistTicket>, fails: bool, disk: &BTreeMap<String, Vec<u8>>, wall_ms: i64) -> Vec<Said> {
        match ticket {
            Some(ticket) if fails => self.tell(crypto::Input::NotPersisted { ticket, reason: "the disk is full".to_owned() }, wall_ms),
            Some(ticket) => self.tell(crypto::Input::Persisted { ticket }, wall_ms),
            None => {
                let (device, nonce) = self.proving.take().expect("it was asked");
                self.prove(device, nonce, disk, wall_ms)
            }
        }
    }

    pub(crate) fn deadline_ms(&self) -> Option<i64> {
        self.machine.as_ref()?.poll_timeout()
    }

    pub(crate) fn time_passes(&mut self, wall_ms: i64) -> Vec<Said> {
        let Some(machine) = self.machine.as_mut().filter(|machine| machine.poll_timeout().is_some_and(|at_ms| at_ms <= wall_ms)) else {
            return Vec::new();
        };
        machine.handle_timeout(wall_ms);
        let still = machine.poll_timeout().is_some_and(|at_ms| at_ms <= wall_ms);
        let said = self.drain();
        assert!(!still || !said.is_empty(), "a time-out that is always due");
        said
    }

    fn prove(&mut self, device: Bytes16, nonce: [u8; 32], disk: &BTreeMap<String, Vec<u8>>, wall_ms: i64) -> Vec<Said> {
        let credential = self.peer().credential();
        if self.machine.is_none() {
            if self.proving.is_some() {
                self.proving = Some((device, nonce));
                return Vec::new();
            }
            let Some(own) = disk.get("key:device").map(|bytes| OwnDevice::decode(bytes).unwrap()) else {
                let (_, changes) = Machine::enrol(&self.account(), credential, device, wall_ms).unwrap();
                self.proving = Some((device, nonce));
                return vec![Said::Keep(None, changes)];
            };
            assert_eq!(own.device, device, "the keys are of another device");
            let records = disk.iter().filter(|(key, _)| key.starts_with("key:")).map(|(key, value)| (key.clone(), value.clone())).collect();
            let (Words { name, email }, account) = (self.words(), self.account());
            let own = Own { credential, name, email, secret: account.secret_text(), device: own, account: Some(account) };
            self.machine = Some(Machine::new(own, records, wall_ms));
        }
        // This server looks at no signature.
        let mut said = vec![Said::Input(Input::Proven { nonce, proof: Vec::new() })];
        said.extend(self.drain());
        said
    }

    fn tell(&mut self, input: crypto::Input, wall_ms: i64) -> Vec<Said> {
        if let Some(machine) = &mut self.machine {
            machine.handle_input(input, wall_ms);
        }
        self.drain()
    }

    fn drain(&mut self) -> Vec<Said> {
        let mut said = Vec::new();
        while let Some(output) = self.machine.as_mut().and_then(Machine::poll_output) {
            said.push(match output {
                crypto::Output::Persist { ticket, changes, .. } => Said::Keep(Some(ticket), changes),
                crypto::Output::Frames(frames) => Said::Input(Input::Keys(frames)),
                crypto::Output::Control { recipient, payload, headers } => Said::Input(Input::Control { recipient, payload, headers }),
                crypto::Output::Sealed { ticket, outcome } => {
                    let text = self.sealing.remove(&ticket);
                    if let (Sealing::Sealed { payload, .. }, Some(text)) = (&outcome, text) {
                        self.sealed.borrow_mut().insert(payload.clone(), text);
                    }
                    assert_ne!(outcome, Sealing::Plain, "all have keys");
                    Said::Input(Input::Sealed { ticket, outcome })
                }
                crypto::Output::Opened { tag, outcome } => Said::Input(Input::Opened { tag: DeliveryTag(tag.0), outcome }),
                crypto::Output::Late { entry, opened } => Said::Input(Input::Late { entry, opened }),
                crypto::Output::Event(event) => {
                    match event {
                        KeyEvent::Alarm { .. } => self.alarms.push(format!("{event:?}")),
                        KeyEvent::Trouble(failure) if failure.code != Code::NotKept => self.alarms.push(failure.to_string()),
                        _ => {}
                    }
                    continue;
                }
            });
        }
        said
    }
}
