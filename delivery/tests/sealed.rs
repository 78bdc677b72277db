//! Sealed messages: compared with the lists when they are new, and each device gets the header that is its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use msr_delivery::{
    Batch, ConnectionId, DeviceList, Effect, Exchange, Fetched, Greeting, Lists, Now, Offered, RecoveredMessage, Recovering, Recovery,
    StoredDevice, StoredMessage, Wanted,
};
use msr_protocol::v2::{DeviceHeader, Entry, Field as _, Frame, flags, frames};
use msr_protocol::{Code, Credential};

const NOW: Now = Now { monotonic_ms: 0, wall_ms: 1_000 };

/// The sender's device; its peer has number 1, and each connection the number of its device.
const SENDER: u8 = 11;

#[derive(Default)]
struct Known(BTreeMap<u8, DeviceList>);

impl Lists for Known {
    fn list(&self, peer: Credential) -> Option<Arc<DeviceList>> {
        self.0.get(&peer.0[0]).cloned().map(Arc::new)
    }
}

struct World {
    exchange: Exchange,
    lists: Known,
    live: BTreeSet<Credential>,
    /// Everything that was committed.
    batches: Vec<Batch>,
}

/// What the sender hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Accepted(u64, Vec<(u64, u16)>),
    Rejected(u64, u16),
    /// Whose lists, and how many bytes each has.
    Lists(Vec<(u8, usize)>),
}

fn peer(number: u8) -> Credential {
    Credential([number; 16])
}

impl World {
    /// The sender and its sibling 12, of peer 1; 21 and 22 of peer 2; 31 of peer 3, which has no list.
    fn new() -> Self {
        let exchange = Recovering::new(Recovery::default(), 1).finish();
        let mut world = Self { exchange, lists: Known::default(), live: BTreeSet::new(), batches: Vec::new() };
        for device in [SENDER, 12, 21, 22, 31] {
            world.register(device);
        }
        world.put_list(1, &[11, 12], &[]);
        world.put_list(2, &[21, 22], &[]);
        world.commit();
        world.effects();
        world
    }

    fn register(&mut self, device: u8) {
        let connection = ConnectionId(device.into());
        let greeting = Greeting {
            credential: peer(device / 10),
            device: [device; 16],
            name: String::new(),
            outbox_epoch: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            fresh_epoch: 1,
        };
        self.exchange.hello(connection, &greeting, NOW).unwrap();
        self.exchange.ready(connection);
    }

    fn put_list(&mut self, of: u8, devices: &[u8], revoked: &[u8]) {
        let keys = |devices: &[u8]| devices.iter().map(|device| [*device; 16]).collect();
        let list = DeviceList { devices: keys(devices), revoked: keys(revoked), encoded: vec![0; 100 + devices.len()] };
        self.lists.0.insert(of, list);
    }

    fn offer(&mut self, number: u64, more_flags: u8, to: &[u8], devices: &[u8], payload: &[u8]) {
        let headers: Vec<(u8, Vec<u8>)> = devices.iter().map(|device| (*device, header(number, *device))).collect();
        let offered = Offered {
            number,
            flags: flags::SEALED | more_flags,
            expire_after_ms: 1_000_000,
            recipients: to.iter().map(|number| peer(*number)).collect(),
            device_headers: headers.iter().map(|(device, header)| DeviceHeader { device: [*device; 16], header }).collect(),
            reply_to: None,
            subject: "\"\"",
            payload,
            live: &self.live,
            sayable_in_version_1: false,
        };
        self.exchange.offer(ConnectionId(SENDER.into()), &offered, &self.lists, NOW);
    }

    fn commit(&mut self) {
        while let Some(batch) = self.exchange.take_batch() {
            self.batches.push(batch);
            self.exchange.committed(Ok(()));
        }
    }

    fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.exchange.poll_effect()).collect()
    }

    /// What the sender hears when everything is on disk.
    fn heard(&mut self) -> Vec<Heard> {
        self.commit();
        let mut heard = Vec::new();
        for effect in self.effects() {
            let Effect::Frame { connection: ConnectionId(11), frame } = effect else { continue };
            for frame in frames(&frame) {
                heard.push(match frame.unwrap() {
                    Frame::Accepted { number, exceptions, .. } => {
                        Heard::Accepted(number.0, exceptions.0.iter().map(|exception| (exception.recipient.0, exception.code)).collect())
                    }
                    Frame::Rejected { number, code, .. } => Heard::Rejected(number.0, code),
                    Frame::Lists { ticket, lists } if ticket.0 == 0 => {
                        Heard::Lists(lists.0.iter().map(|list| (list.peer.0[0], list.list.len())).collect())
                    }
                    _ => continue,
                });
            }
        }
        heard
    }

    /// Which device got an entry now, with which header.
    fn delivered(&mut self) -> Vec<(u64, Vec<u8>)> {
        let entries = self.effects().into_iter().filter_map(|effect| match effect {
            Effect::Entry { connection, header, .. } | Effect::Large { connection, header, .. } => Some((connection.0, header.into())),
            _ => None,
        });
        entries.collect()
    }

    fn kept(&self) -> impl Iterator<Item = &StoredMessage> {
        self.batches.iter().flat_map(|batch| &batch.messages)
    }

    /// Starts again from what was committed.
    fn restart(&mut self) {
        let devices = self.batches.iter().flat_map(|batch| &batch.devices).map(|device| (device.index, device.clone()));
        let devices: BTreeMap<_, StoredDevice> = devices.collect();
        let reserved_until = self.batches.iter().filter_map(|batch| batch.reserve).max().unwrap();
        let next_device = devices.len() as u32;
        let recovery = Recovery { devices: devices.into_values().collect(), reserved_until, next_device, ..Recovery::default() };
        let mut recovering = Recovering::new(recovery, 2);
        for StoredMessage { arrival, entry, expires_ms, devices, headers } in self.kept() {
            let header_bytes: Vec<u16> = devices.iter().map(|device| headers.of(*device).len() as u16).collect();
            let (arrival, bytes, expires_ms, header_bytes) = (*arrival, entry.len() as u32, *expires_ms, header_bytes.as_slice());
            recovering.message(RecoveredMessage { arrival, bytes, head: entry, expires_ms, devices, header_bytes }, NOW);
        }
        self.exchange = recovering.finish();
        self.commit();
    }

    /// Reads what the exchange wants to read; gives what that was.
    fn fetch(&mut self) -> Vec<Wanted> {
        let mut all = Vec::new();
        for effect in self.effects() {
            let Effect::Fetch { device, wanted } = effect else { continue };
            let read = |wanted: &Wanted| {
                let StoredMessage { entry, headers, .. } = self.kept().find(|message| message.arrival == wanted.arrival)?;
                let header = headers.of(device).into();
                Some(if wanted.header_alone { Fetched::Header(header) } else { Fetched::Entry { entry: entry.clone(), header } })
            };
            let read = wanted.iter().map(|wanted| (wanted.arrival, read(wanted))).collect();
            self.exchange.fetched(device, read);
            all.extend(wanted);
        }
        all
    }
}

fn header(number: u64, device: u8) -> Vec<u8> {
    format!("{number} for {device}").into_bytes()
}

fn accepted(number: u64) -> Vec<Heard> {
    vec![Heard::Accepted(number, Vec::new())]
}

fn stale(number: u64, lists: &[(u8, usize)]) -> Vec<Heard> {
    vec![Heard::Lists(lists.to_vec()), Heard::Rejected(number, Code::StaleDevices.number())]
}

#[test]
fn every_device_gets_its_own_header() {
    let mut world = World::new();
    world.offer(1, 0, &[2], &[12, 21, 22], b"sealed");
    assert_eq!(world.delivered(), [12, 21, 22].map(|device| (u64::from(device), header(1, device))));
    assert_eq!(world.heard(), accepted(1));
    world.offer(2, 0, &[1], &[11, 12], b"sealed");
    assert_eq!(world.delivered(), [11, 12].map(|device| (u64::from(device), header(2, device))), "the sender itself is a recipient");
    world.offer(3, flags::REALTIME, &[2], &[12, 22], b"sealed");
    let realtime = world.effects().into_iter().filter_map(|effect| {
        let Effect::Frame { connection, frame } = effect else { return None };
        let Some(Ok(Frame::Realtime { header, .. })) = frames(&frame).next() else { return None };
        Some((connection.0, header.to_vec()))
    });
    assert_eq!(realtime.collect::<Vec<_>>(), [(12, header(3, 12)), (21, Vec::new()), (22, header(3, 22))], "compared with no list");
}

#[test]
fn headers_that_do_not_fit_are_refused_until_they_do() {
    let mut world = World::new();
    world.offer(1, 0, &[2], &[12, 21], b"one device of the recipient is missing");
    world.offer(2, 0, &[2], &[12, 21, 22], b"later");
    let mut expected = stale(1, &[(2, 102)]);
    expected.push(Heard::Rejected(2, Code::OutOfOrder.number()));
    assert_eq!(world.heard(), expected);
    world.offer(1, 0, &[2], &[21, 22], b"the sender's other device is missing");
    assert_eq!(world.heard(), stale(1, &[(1, 102)]));
    world.offer(1, 0, &[2], &[], b"both are");
    assert_eq!(world.heard(), stale(1, &[(1, 102), (2, 102)]));
    world.offer(1, 0, &[2], &[11, 12, 21, 22], b"the sending device gets none");
    assert_eq!(world.heard(), stale(1, &[(1, 102), (2, 102)]));
    world.offer(1, 0, &[1], &[12], b"but when it is a recipient");
    assert_eq!(world.heard(), stale(1, &[(1, 102)]));
    assert!(world.kept().next().is_none());
    world.offer(1, 0, &[2], &[12, 21, 22], b"good");
    world.offer(2, 0, &[2], &[12, 21, 22], b"good");
    assert_eq!(world.heard(), [Heard::Accepted(1, Vec::new()), Heard::Accepted(2, Vec::new())]);
}

#[test]
fn a_header_too_much_is_refused_too() {
    let mut world = World::new();
    world.put_list(2, &[22], &[21]);
    world.offer(1, 0, &[2], &[12, 21, 22], b"one is revoked");
    assert_eq!(world.heard(), stale(1, &[(2, 101)]));
    world.offer(1, 0, &[2], &[12, 22, 99], b"one is nobody's");
    assert_eq!(world.heard(), stale(1, &[(1, 102), (2, 101)]));
    world.put_list(1, &[11], &[12]);
    world.offer(1, 0, &[2], &[12, 21], b"one is revoked, another missing");
    assert_eq!(world.heard(), stale(1, &[(2, 101), (1, 101)]));
}

#[test]
fn who_has_no_list() {
    let mut world = World::new();
    world.offer(1, 0, &[2, 3], &[12, 21, 22], b"3 is known and has none");
    assert_eq!(world.heard(), stale(1, &[(3, 0)]));
    world.live.insert(peer(5));
    world.offer(1, 0, &[2, 4, 5], &[12, 21, 22], b"4 is unknown, 5 in version 1 alone");
    let exceptions = vec![(1, Code::UnknownRecipient.number()), (2, Code::NotInVersion1.number())];
    assert_eq!(world.heard(), [Heard::Accepted(1, exceptions)]);
    world.offer(2, 0, &[4], &[12], b"for nobody but the sender's other device");
    assert_eq!(world.heard(), [Heard::Accepted(2, vec![(0, Code::UnknownRecipient.number())])]);
    world.lists.0.remove(&1);
    world.offer(3, 0, &[2], &[21, 22], b"the sender has none");
    assert_eq!(world.heard(), stale(3, &[(1, 0)]));
}

#[test]
fn what_was_accepted_is_not_compared_again() {
    let mut world = World::new();
    world.offer(1, 0, &[2], &[12, 21, 22], b"good");
    world.put_list(2, &[22], &[21]);
    world.offer(1, 0, &[2], &[12, 21, 22], b"good");
    assert_eq!(world.heard(), accepted(1), "while it waits for the disk, the one answer serves");
    world.offer(1, 0, &[2], &[12, 21, 22], b"good");
    assert_eq!(world.heard(), accepted(1));
    assert_eq!(world.kept().count(), 1);
}

#[test]
fn a_targeted_message_is_for_those_that_have_a_header() {
    let mut world = World::new();
    world.offer(1, flags::TARGETED, &[2], &[22, 31, 99], b"neither a stranger's device nor one that is not there");
    assert_eq!(world.delivered(), [(22, header(1, 22))]);
    assert_eq!(world.heard(), accepted(1));
    world.offer(2, flags::TARGETED, &[2, 3, 4], &[12, 31], b"one of 3 and the sender's other");
    assert_eq!(world.delivered(), [(12, header(2, 12)), (31, header(2, 31))]);
    let exceptions = vec![(0, Code::DeviceRetired.number()), (2, Code::UnknownRecipient.number())];
    assert_eq!(world.heard(), [Heard::Accepted(2, exceptions)]);
    for again in [false, true] {
        let device = 23 + u8::from(again);
        world.register(device);
        assert!(world.delivered().iter().all(|(connection, _)| *connection != u64::from(device)), "nobody inherits it");
        world.commit();
        world.restart();
    }
}

#[test]
fn headers_are_there_after_a_restart_and_who_comes_later_has_none() {
    let mut world = World::new();
    let large = vec![7; 100_000];
    world.offer(1, 0, &[2], &[12, 21, 22], b"small");
    world.offer(2, 0, &[2], &[12, 21, 22], &large);
    let unwritten_bytes = world.exchange.unwritten_bytes();
    world.commit();
    let written = world.kept().map(|message| message.entry.len() as u64 + message.headers.bytes());
    assert_eq!(unwritten_bytes, written.sum::<u64>());
    world.restart();
    world.register(22);
    let wanted = world.fetch();
    assert_eq!(wanted.iter().map(|wanted| wanted.header_alone).collect::<Vec<_>>(), [false, true]);
    assert_eq!(world.delivered(), [(22, header(1, 22)), (22, header(2, 22))]);
    world.register(23);
    let wanted = world.fetch();
    assert_eq!(
        wanted.iter().map(|wanted| wanted.header_alone).collect::<Vec<_>>(),
        [false],
        "there is no header to be read of the large one"
    );
    assert_eq!(world.delivered(), [(23, Vec::new()), (23, Vec::new())]);
}

/// The receipts that the sender's device is sent now: recipient and code.
fn receipts(world: &mut World) -> Vec<(u8, u16)> {
    world.commit();
    let entries = world.effects().into_iter().filter_map(|effect| match effect {
        Effect::Entry { connection: ConnectionId(11), entry, .. } => Some(entry),
        _ => None,
    });
    let receipts = entries.filter_map(|entry| match Entry::read(&mut &*entry) {
        Ok(Entry::Receipt(receipt)) => Some((receipt.recipient.0[0], receipt.code)),
        _ => None,
    });
    receipts.collect()
}

/// Handles everything that was written to that device.
fn acknowledge(world: &mut World, device: u8) {
    let last = world.kept().map(|message| message.arrival).max().unwrap();
    world.exchange.acknowledge(ConnectionId(device.into()), last, NOW);
}

#[test]
fn what_a_device_cannot_open_is_not_delivered_by_it() {
    for again in [false, true] {
        let mut world = World::new();
        world.offer(1, 0, &[2], &[12, 21, 22], b"sealed before 23 was there");
        world.commit();
        world.register(23);
        if again {
            world.restart();
            for device in [SENDER, 12, 21, 22, 23] {
                world.register(device);
            }
            world.fetch();
        }
        acknowledge(&mut world, 23);
        assert_eq!(receipts(&mut world), [], "it has no header");
        acknowledge(&mut world, 22);
        assert_eq!(receipts(&mut world), [(2, Code::Done.number())]);
        acknowledge(&mut world, 21);
        assert_eq!(receipts(&mut world), []);
    }
    // An older one that is not on the list has none either.
    for again in [false, true] {
        let mut world = World::new();
        world.put_list(2, &[22], &[]);
        world.offer(1, 0, &[2], &[12, 22], b"21 is not listed");
        world.commit();
        if again {
            world.restart();
            for device in [SENDER, 12, 21, 22] {
                world.register(device);
            }
            world.fetch();
        }
        acknowledge(&mut world, 21);
        assert_eq!(receipts(&mut world), [], "it has no header");
        acknowledge(&mut world, 22);
        assert_eq!(receipts(&mut world), [(2, Code::Done.number())]);
    }
    let mut world = World::new();
    world.offer(1, 0, &[2], &[12, 21, 22], b"sealed before 23 was there");
    world.commit();
    world.register(23);
    acknowledge(&mut world, 23);
    for device in [21, 22] {
        world.exchange.retire_own(ConnectionId(23), [device; 16], NOW);
    }
    assert_eq!(receipts(&mut world), [(2, Code::DeviceRetired.number())], "nobody is left who could open it");
}
