//! The keys of a device, for the native driver: a [`Machine`] whose records are in the client's own folder.

use std::path::{Path, PathBuf};

use msr_client::native::{Folder, Keys, Store as _};
use msr_client::{DeliveryTag, Event, Input, Moment, Output, State};
use msr_crypto::{self as crypto, KeyEvent, Machine, OpenTag, Own, OwnDevice, read_list};
use msr_protocol::v2::{Bytes16, Frame, frames};
use tokio::sync::watch;

use super::{Person, convert};

/// What the keys of a device had to tell so far.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// In order.
    pub events: Vec<KeyEvent>,
    /// Which device it is, once it was asked for.
    pub device: Option<Bytes16>,
    /// The ids on the newest own list that the server said it has.
    pub listed: Vec<Bytes16>,
    /// The number of that list.
    pub counter: u64,
    /// One-time keys that the server said it has.
    pub one_time: u64,
}

/// See the module.
pub struct Ring {
    person: Person,
    folder: PathBuf,
    store: Option<Folder>,
    machine: Option<Machine>,
    heard: watch::Sender<Heard>,
    /// What to add to a time on the wall to get the monotonic one.
    to_monotonic_ms: f64,
}

impl Ring {
    /// The keys that are kept below a folder, or new ones as soon as they are asked for.
    pub fn open(person: &Person, folder: &Path) -> Self {
        let folder = folder.join("keys");
        Self { person: person.clone(), folder, store: None, machine: None, heard: watch::channel(Heard::default()).0, to_monotonic_ms: 0.0 }
    }

    /// What it had to tell, to be watched.
    pub fn watch(&self) -> watch::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Tells the machine something; what it says to the session.
    pub fn tell(&mut self, input: crypto::Input, wall_ms: i64) -> Vec<Input> {
        let Some(machine) = &mut self.machine else { return Vec::new() };
        machine.handle_input(input, wall_ms);
        self.drain(wall_ms)
    }

    /// What is due at that time is done; what the machine says to the session.
    pub fn pass(&mut self, wall_ms: i64) -> Vec<Input> {
        let Some(machine) = &mut self.machine else { return Vec::new() };
        machine.handle_timeout(wall_ms);
        self.drain(wall_ms)
    }

    /// The machine of that device; enrolled now where there is none.
    fn machine_of(&mut self, device: Bytes16, wall_ms: i64) {
        if self.heard.borrow().device == Some(device) {
            return;
        }
        let credential = self.person.credential();
        // The one before, of another device, goes first.
        (self.machine, self.store) = (None, None);
        let mut store = Folder::open(&self.folder, credential).unwrap();
        let mut records = store.load().unwrap();
        let kept = records.iter().find(|(key, _)| key == "key:device").and_then(|(_, value)| OwnDevice::decode(value).ok());
        let kept = kept.filter(|kept| kept.device == device);
        let own = kept.unwrap_or_else(|| {
            let gone = records.drain(..).map(|(key, _)| msr_client::Change::Delete { key });
            store.apply(&gone.collect::<Vec<_>>()).unwrap();
            let (own, changes) = Machine::enrol(&self.person.account(), credential, device, wall_ms).unwrap();
            store.apply(&convert::changes(changes)).unwrap();
            records = store.load().unwrap();
            own
        });
        let words = self.person.words().clone();
        let own = Own {
            credential,
            name: words.name,
            email: words.email,
            secret: self.person.account().secret_text(),
            device: own,
            account: Some(self.person.account()),
        };
        self.machine = Some(Machine::new(own, records, wall_ms));
        self.store = Some(store);
        self.heard.send_modify(|heard| heard.device = Some(device));
    }

    fn prove(&mut self, device: Bytes16, nonce: &[u8; 32], host: &str) -> Vec<u8> {
        let credential = self.person.credential();
        let kept = self.store.as_mut().unwrap().load().unwrap();
        let own = kept.iter().find(|(key, _)| key == "key:device").map(|(_, value)| OwnDevice::decode(value).unwrap()).unwrap();
        assert_eq!(own.device, device);
        own.proof(nonce, host, credential)
    }

    /// Does what the machine says. Writes are answered at once: the folder is synced when they return.
    fn drain(&mut self, wall_ms: i64) -> Vec<Input> {
        let mut said = Vec::new();
        let (Some(machine), Some(store)) = (&mut self.machine, &mut self.store) else { return said };
        while let Some(output) = machine.poll_output() {
            match output {
                crypto::Output::Persist { ticket, changes, strict: _ } => {
                    let answer = match store.apply(&convert::changes(changes)) {
                        Ok(()) => crypto::Input::Persisted { ticket },
                        Err(error) => crypto::Input::NotPersisted { ticket, reason: error.to_string() },
                    };
                    machine.handle_input(answer, wall_ms);
                }
                crypto::Output::Frames(frames) => said.push(Input::Keys(frames)),
                crypto::Output::Control { recipient, payload, headers } => said.push(Input::Control { recipient, payload, headers }),
                crypto::Output::Sealed { ticket, outcome } => {
                    said.push(Input::Sealed { ticket, outcome });
                }
                crypto::Output::Opened { tag, outcome } => {
                    said.push(Input::Opened { tag: DeliveryTag(tag.0), outcome });
                }
                crypto::Output::Late { entry, opened } => said.push(Input::Late { entry, opened }),
                crypto::Output::Event(event) => self.heard.send_modify(|heard| heard.events.push(event)),
            }
        }
        said
    }

    /// Notes what the server says it has.
    fn note(&self, bytes: &[u8]) {
        let credential = self.person.credential();
        let own = |list: &[u8]| read_list(list).ok().filter(|list| list.credential == credential);
        for frame in frames(bytes).flatten() {
            let list = match frame {
                Frame::ListPut { list, .. } => own(list.0),
                Frame::Lists { lists, .. } => lists.0.iter().find_map(|list| own(list.list)),
                Frame::Keys { one_time, .. } => {
                    self.heard.send_modify(|heard| heard.one_time = one_time.0);
                    None
                }
                _ => None,
            };
            if let Some(list) = list {
                let listed = list.devices.iter().map(|listed| listed.device).collect();
                self.heard.send_modify(|heard| (heard.listed, heard.counter) = (listed, list.counter));
            }
        }
    }

    fn wall_ms(&mut self, now: Moment) -> i64 {
        self.to_monotonic_ms = now.monotonic_ms - now.wall_ms;
        now.wall_ms as i64
    }
}

impl Keys for Ring {
    fn ask(&mut self, question: Output, now: Moment) -> Vec<Input> {
        let wall_ms = self.wall_ms(now);
        let input = match question {
            Output::Prove { credential, device, nonce, host } => {
                assert_eq!(credential, self.person.credential());
                self.machine_of(device, wall_ms);
                let proof = self.prove(device, &nonce, &host);
                let mut said = vec![Input::Proven { nonce, proof }];
                said.extend(self.drain(wall_ms));
                return said;
            }
            Output::Seal { ticket, letter } => crypto::Input::Seal { ticket, letter },
            Output::Unseal { ticket } => crypto::Input::Unseal { ticket },
            Output::Open { tag, header, entry } => crypto::Input::Open { tag: OpenTag(tag.0), header, entry },
            Output::Keys(frame) => {
                self.note(&frame);
                crypto::Input::Frame(frame)
            }
            Output::LateHandled { id } => crypto::Input::LateHandled { id },
            other => panic!("that is no question to the keys: {other:?}"),
        };
        self.tell(input, wall_ms)
    }

    fn told(&mut self, event: &Event, now: Moment) -> Vec<Input> {
        let wall_ms = self.wall_ms(now);
        match event {
            Event::Registered => self.tell(crypto::Input::Registered, wall_ms),
            Event::State(State::Closed | State::Opened) => self.tell(crypto::Input::Disconnected, wall_ms),
            Event::Devices { devices, .. } => {
                let devices = devices.iter().map(|device| device.device).collect();
                self.tell(crypto::Input::OwnDevices(devices), wall_ms)
            }
            _ => Vec::new(),
        }
    }

    fn deadline_ms(&self) -> f64 {
        let due_ms = self.machine.as_ref().and_then(Machine::poll_timeout);
        due_ms.map_or(f64::INFINITY, |due_ms| due_ms as f64 + self.to_monotonic_ms)
    }

    fn time_out(&mut self, now: Moment) -> Vec<Input> {
        let wall_ms = self.wall_ms(now);
        let Some(machine) = &mut self.machine else { return Vec::new() };
        machine.handle_timeout(wall_ms);
        self.drain(wall_ms)
    }
}
