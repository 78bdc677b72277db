//! A process of the soak test with several devices in it, to be killed at any moment.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use msr_client::native::{Client, Options, Sent, SharedKeys, Storage};
use msr_client::{Draft, Event as Told, Inbound, Progress, Settings, Ticket};
use msr_crypto::KeyEvent;
use msr_protocol::{Credential, JsonText, Peer, hash_secret};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::history::{DeviceId, Event, Name, PeerId};
use crate::keyed::{Heard, Person, Ring};
use crate::quoted;

/// Before a file of this name is in the folder, nothing is sent: everybody is to be known first.
pub(super) const GO: &str = "go";

/// When a file of this name is in the folder, nothing more is sent.
pub(super) const STOP: &str = "stop";

/// How many messages of one device may wait to be accepted before it sends another.
const IN_FLIGHT: usize = 16;

/// How long a device rests between two messages, ms.
const REST_MS: std::ops::Range<u64> = 20..400;

/// What such a process is told.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// Where the server is, on 127.0.0.1.
    pub port: u16,
    /// Where devices keep what they must not forget, and write down what happens.
    pub folder: PathBuf,
    /// Which devices are in this process.
    pub devices: Vec<u32>,
    /// How many devices there are in all.
    pub all: u32,
    /// All that is random.
    pub seed: u64,
    /// Whether the peers have identities by key.
    pub keyed: bool,
}

impl Arguments {
    /// The command line, after the name of the program.
    pub fn to_words(&self) -> Vec<String> {
        let devices: Vec<_> = self.devices.iter().map(ToString::to_string).collect();
        let Self { port, folder, all, seed, keyed, .. } = self;
        let folder = folder.display().to_string();
        vec!["devices".into(), port.to_string(), folder, devices.join(","), all.to_string(), seed.to_string(), keyed.to_string()]
    }

    /// The other way round, without the first word; `None` when it is not one.
    pub fn from_words(words: &[String]) -> Option<Self> {
        let [port, folder, devices, all, seed, keyed] = words else { return None };
        Some(Self {
            port: port.parse().ok()?,
            folder: folder.into(),
            devices: devices.split(',').map(|device| device.parse().ok()).collect::<Option<_>>()?,
            all: all.parse().ok()?,
            seed: seed.parse().ok()?,
            keyed: keyed.parse().ok()?,
        })
    }
}

/// Whose a device is: of ten devices, the last four are second devices of the first four peers.
pub(super) fn peer_of(device: u32, all: u32) -> PeerId {
    PeerId(device % peers(all))
}

fn peers(all: u32) -> u32 {
    (all * 3).div_ceil(5)
}

/// Where a device writes down what happens to it.
pub(super) fn log_of(folder: &Path, device: u32) -> PathBuf {
    folder.join(format!("{device}.log"))
}

/// Whose a device with keys is.
pub(super) fn person(id: PeerId) -> Person {
    Person::new(&format!("Peer {}", id.0))
}

fn peer(id: PeerId, keyed: bool) -> Peer {
    if keyed {
        return person(id).peer();
    }
    let name = format!("Peer {}", id.0);
    Peer {
        email: JsonText::string(&format!("{}@example.org", id.0)),
        secret: JsonText::string(&hash_secret(&name)),
        name: JsonText::string(&name),
        publish: true,
        ..Peer::default()
    }
}

/// Runs until it is killed.
pub async fn run(arguments: Arguments) {
    let mut running = JoinSet::new();
    for device in arguments.devices.clone() {
        running.spawn(Device::new(&arguments, device).run());
    }
    running.join_all().await;
}

/// One line for each event; a line is written at once, so that a kill cannot take it back.
struct Log(File);

impl Log {
    fn write(&mut self, event: &Event) {
        self.0.write_all(format!("{event}\n").as_bytes()).expect("the log can be written");
    }
}

struct Device {
    id: u32,
    folder: PathBuf,
    log: Log,
    random: fastrand::Rng,
    peers: BTreeMap<Credential, PeerId>,
    client: Client,
    next_number: u64,
    /// What the handler was called for in this run, in order, and how many of them are noted for sure.
    handled: Vec<Name>,
    settled: usize,
    /// Messages of an earlier run that still wait to be accepted.
    restored: BTreeMap<Ticket, u64>,
    /// What the keys tell, where there are any.
    alarms: Option<watch::Receiver<Heard>>,
}

/// A message that was sent: its number, what of the handled is noted when it is accepted, and what became of it.
type Answer = (u64, usize, Result<Sent, msr_client::Failure>);

impl Device {
    fn new(arguments: &Arguments, id: u32) -> Self {
        let path = log_of(&arguments.folder, id);
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let last = written.lines().rev().find_map(|line| match line.parse() {
            Ok(Event::Sent { number, .. }) => Some(number),
            _ => None,
        });
        let log = Log(OpenOptions::new().append(true).create(true).open(path).expect("the log can be opened"));
        let (seed, own) = (arguments.seed ^ u64::from(id), peer_of(id, arguments.all));
        let folder = arguments.folder.join(id.to_string());
        let ring = arguments.keyed.then(|| Ring::open(&person(own), &folder));
        let alarms = ring.as_ref().map(Ring::watch);
        let keys = ring.map(|ring| SharedKeys::new(Arc::new(Mutex::new(ring))));
        let settings = Settings {
            server: format!("ws://127.0.0.1:{}", arguments.port),
            peer: peer(own, arguments.keyed),
            device: format!("device {id}"),
            autoreconnect: true,
        };
        let options = Options {
            seed,
            origin: Some(format!("http://127.0.0.1:{}", arguments.port)),
            storage: Storage::Folder(folder),
            by_hand: true,
            keys,
            ..Options::default()
        };
        Self {
            id,
            folder: arguments.folder.clone(),
            log,
            random: fastrand::Rng::with_seed(seed),
            peers: (0..peers(arguments.all)).map(|id| (peer(PeerId(id), arguments.keyed).credential(), PeerId(id))).collect(),
            client: Client::new(settings, options),
            next_number: last.unwrap_or(0) + 1,
            handled: Vec::new(),
            settled: 0,
            restored: BTreeMap::new(),
            alarms,
        }
    }

    async fn run(mut self) {
        let mut events = self.client.events();
        let client = self.client.clone();
        tokio::spawn(async move {
            let connected = client.connect().await;
            assert!(connected.is_ok(), "{connected:?}");
        });
        let mut sending: JoinSet<Answer> = JoinSet::new();
        let mut rested = Box::pin(sleep(Duration::from_millis(self.random.u64(REST_MS))));
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => self.hear(event).await,
                    None => panic!("device {} was told nothing more", self.id),
                },
                Some(answer) = sending.join_next() => self.answered(answer.expect("no task is aborted")),
                () = &mut rested => {
                    if sending.len() < IN_FLIGHT && self.folder.join(GO).exists() && !self.folder.join(STOP).exists() {
                        self.send(&mut sending);
                    }
                    rested = Box::pin(sleep(Duration::from_millis(self.random.u64(REST_MS))));
                }
            }
        }
    }

    fn send(&mut self, sending: &mut JoinSet<Answer>) {
        let number = self.next_number;
        self.next_number += 1;
        let count = if self.random.u32(0..4) == 0 { self.random.usize(2..5) } else { 1 };
        let chosen = self.random.choose_multiple(self.peers.iter(), count);
        let (credentials, to): (Vec<_>, Vec<_>) =
            chosen.into_iter().map(|(credential, peer)| (quoted(&credential.to_string()), *peer)).unzip();
        self.log.write(&Event::Sent { number, to });
        let name = Name { sender: DeviceId(self.id), number };
        let padding = if self.random.u32(0..60) == 0 { self.random.usize(30_000..120_000) } else { self.random.usize(0..300) };
        let content = JsonText::string(&format!("{name} {}", "x".repeat(padding)));
        let to = JsonText::from_spelled(format!("[{}]", credentials.join(",")));
        let draft = Draft { id: Some(number.to_string()), ..Draft::new(to, JsonText::string("soak"), content) };
        let (client, noted) = (self.client.clone(), self.handled.len());
        sending.spawn(async move { (number, noted, client.send(draft).await) });
    }

    fn answered(&mut self, (number, noted, answer): Answer) {
        match answer {
            Ok(Sent::Accepted { recipients, .. }) => {
                // What was handled before this was sent is noted: the notes go to the disk in their order.
                self.settle(noted);
                self.report(number, &recipients);
                self.log.write(&Event::Accepted(number));
            }
            other => panic!("device {}: message {number} is {other:?}", self.id),
        }
    }

    fn settle(&mut self, noted: usize) {
        for name in self.handled.get(self.settled..noted).unwrap_or_default() {
            self.log.write(&Event::Settled(*name));
        }
        self.settled = self.settled.max(noted);
    }

    /// Everybody is honest here.
    fn no_alarm(&self) {
        let told = self.alarms.as_ref().map(|heard| heard.borrow().events.clone()).unwrap_or_default();
        let alarm = told.iter().find(|event| matches!(event, KeyEvent::Alarm { .. }));
        assert!(alarm.is_none(), "device {}: {alarm:?}", self.id);
    }

    async fn hear(&mut self, event: Told) {
        self.no_alarm();
        match event {
            Told::Message(message) => self.handle(*message).await,
            Told::Restored { ticket, id } => {
                let number = id.and_then(|id| id.parse().ok()).expect("every message has its number as its id");
                self.restored.insert(ticket, number);
            }
            Told::Accepted { ticket, recipients, .. } => {
                if let Some(number) = self.restored.remove(&ticket) {
                    self.report(number, &recipients);
                    self.log.write(&Event::Accepted(number));
                }
            }
            Told::Gap => self.log.write(&Event::Gap),
            Told::Refused(failure) => panic!("device {} is refused: {failure:?}", self.id),
            Told::Trouble(failure) => eprintln!("device {}: {failure}", self.id),
            Told::NotSent { failure, .. } => eprintln!("device {}: not sent: {failure}", self.id),
            Told::Receipt(receipt) if matches!(receipt.progress, Progress::Expired | Progress::Error(_)) => {
                panic!("device {}: nothing expires or fails here: {receipt:?}", self.id);
            }
            _ => {}
        }
    }

    async fn handle(&mut self, inbound: Inbound) {
        assert_eq!(inbound.encrypted, self.alarms.is_some(), "device {}: {inbound:?}", self.id);
        let text: String = serde_json::from_str(inbound.message.content.as_str()).expect("a string");
        let name = text.split(' ').next().and_then(|name| name.parse().ok()).expect("a name");
        self.log.write(&Event::Called(name));
        self.handled.push(name);
        // Some handlers take their time, and are cut off the more easily.
        if self.random.u32(0..10) == 0 {
            sleep(Duration::from_millis(self.random.u64(1..150))).await;
        }
        let tag = inbound.tag.expect("a message of version 2 has a tag");
        let _closed = self.client.handled(tag).await;
    }

    fn report(&mut self, number: u64, recipients: &[(Credential, Progress)]) {
        for (credential, progress) in recipients {
            if let Progress::Error(code) = progress {
                let peer = self.peers[credential];
                self.log.write(&Event::Reported { number, peer, code: *code });
            }
        }
    }
}
