//! The server while it runs: the exchange, the batch on its way to the disk, and the connections' wires.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use msr_delivery::{Batch, ConnectionId, DeviceIndex, DeviceList, Effect, Exchange, Greeting, Lists, Offered, Wanted};
use msr_protocol::Credential;
use msr_protocol::v2::DeviceHeader;

use crate::client::flags_of;
use crate::world::PEERS;

/// What a client says.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Hello(Greeting),
    Send { number: u64, recipients: Vec<Credential>, headers: Vec<(u8, Vec<u8>)>, payload: Vec<u8> },
    Ack(u64),
}

/// What a client hears.
#[derive(Debug, Clone)]
pub(crate) enum Heard {
    Welcome {
        queue_epoch: u64,
        start: u64,
        accepted: u64,
        gap: bool,
    },
    Frame(Vec<u8>),
    Entry {
        sequence: u64,
        entry: Arc<[u8]>,
        header: Box<[u8]>,
    },
    /// An entry whose bytes come later.
    Begin {
        sequence: u64,
        header: Box<[u8]>,
    },
    Closed,
}

/// The lists of all peers: all of their devices.
struct Listed;

impl Lists for Listed {
    fn list(&self, peer: Credential) -> Option<Arc<DeviceList>> {
        let theirs = PEERS.iter().zip(0..).filter(|(other, _)| [**other; 16] == peer.0);
        let devices: Vec<_> = theirs.map(|(_, place): (_, u8)| [place; 16]).collect();
        Some(Arc::new(DeviceList { devices, ..DeviceList::default() }))
    }
}

#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) up: VecDeque<Said>,
    pub(crate) down: VecDeque<Heard>,
}

pub(crate) struct Server {
    pub(crate) exchange: Exchange,
    pub(crate) writing: Option<Batch>,
    pub(crate) wires: BTreeMap<ConnectionId, Wire>,
    /// Entries on their way in pieces.
    pub(crate) large: VecDeque<(ConnectionId, u64)>,
    pub(crate) fetches: VecDeque<(DeviceIndex, Vec<Wanted>)>,
}

impl Server {
    /// Carries out what the exchange asks for; what goes to a connection that is gone is lost.
    pub(crate) fn drain(&mut self) {
        while let Some(effect) = self.exchange.poll_effect() {
            match effect {
                Effect::Frame { connection, frame } => self.tell(connection, Heard::Frame(frame)),
                Effect::Entry { connection, arrival, entry, header } => {
                    self.tell(connection, Heard::Entry { sequence: arrival, entry, header });
                }
                Effect::Large { connection, arrival, header, .. } => {
                    self.tell(connection, Heard::Begin { sequence: arrival, header });
                    self.large.push_back((connection, arrival));
                }
                Effect::Fetch { device, wanted } => self.fetches.push_back((device, wanted)),
                Effect::Version1 { .. } => unreachable!("nobody speaks version 1 here"),
                Effect::Close { connection, .. } => self.tell(connection, Heard::Closed),
            }
        }
    }

    pub(crate) fn tell(&mut self, connection: ConnectionId, heard: Heard) {
        if let Some(wire) = self.wires.get_mut(&connection) {
            wire.down.push_back(heard);
        }
    }

    pub(crate) fn hear(&mut self, connection: ConnectionId, said: Said, now: msr_delivery::Now) {
        match said {
            Said::Hello(greeting) => {
                let welcomed = self.exchange.hello(connection, &greeting, now).expect("a device registers");
                self.drain();
                let (queue_epoch, start, accepted, gap) = (welcomed.queue_epoch, welcomed.start, welcomed.accepted, welcomed.gap);
                self.tell(connection, Heard::Welcome { queue_epoch, start, accepted, gap });
                self.exchange.ready(connection);
            }
            Said::Send { number, recipients, headers, payload } => {
                let device_headers = headers.iter().map(|(place, header)| DeviceHeader { device: [*place; 16], header }).collect();
                let offered = Offered {
                    number,
                    flags: flags_of(number),
                    expire_after_ms: 1 << 40,
                    recipients,
                    device_headers,
                    reply_to: None,
                    subject: "\"s\"",
                    payload: &payload,
                    live: &Default::default(),
                    sayable_in_version_1: true,
                };
                self.exchange.offer(connection, &offered, &Listed, now);
            }
            Said::Ack(sequence) => self.exchange.acknowledge(connection, sequence, now),
        }
        self.drain();
    }
}
