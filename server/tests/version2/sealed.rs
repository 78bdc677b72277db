//! Sealed messages over the wire: every device gets its own header, whatever happens to the server; and what is not sealed
//! as it must be.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use msr_delivery::{DeviceList, Lists};
use msr_protocol::v2::{DeviceHeader, Entry, Field as _, Frame, List, MessageId, Rest, Varint, flags, frames};
use msr_protocol::{Code, Credential};
use msr_server::delivery::StoredQueues;
use msr_server::keys::StoredKeys;
use msr_server::store::PeerStore;
use msr_server::switch::{Rules, Switch};
use msr_store::MemoryDisk;

use crate::client::{Client, Device, encoded, opcode};
use crate::versions::enter_v1;

/// The lists that the server has.
#[derive(Default)]
struct Listed(Mutex<BTreeMap<Credential, Arc<DeviceList>>>);

impl Lists for Listed {
    fn list(&self, peer: Credential) -> Option<Arc<DeviceList>> {
        self.0.lock().unwrap().get(&peer).cloned()
    }
}

impl Listed {
    fn put(&self, devices: &[&Device]) {
        let list = DeviceList {
            devices: devices.iter().map(|device| device.device).collect(),
            encoded: b"a list".to_vec(),
            ..DeviceList::default()
        };
        self.0.lock().unwrap().insert(devices[0].credential(), Arc::new(list));
    }
}

struct Place {
    switch: Switch,
    disk: MemoryDisk,
    lists: Arc<Listed>,
    _folder: tempfile::TempDir,
}

impl Place {
    fn on(disk: MemoryDisk, lists: Arc<Listed>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (storage, recovered) = disk.open();
        let queues = StoredQueues::on(Box::new(storage), recovered, || 1_700_000_000_000).unwrap();
        let store = PeerStore::open(folder.path(), Duration::from_secs(1_000), 0).unwrap();
        let keys = StoredKeys::open(folder.path()).unwrap();
        let switch = Switch::with_lists(store, queues, keys, Rules::default(), Arc::clone(&lists) as Arc<dyn Lists + Send + Sync>);
        Self { switch, disk, lists, _folder: folder }
    }

    fn new() -> Self {
        Self::on(MemoryDisk::new(), Arc::default())
    }

    /// The server is killed, and starts again on what was on disk.
    fn crash(self) -> Self {
        self.disk.crash();
        Self::on(self.disk, self.lists)
    }

    async fn enter(&self, device: &Device) -> Person {
        let mut client = Client::connect(&self.switch).await;
        client.send(&device.hello()).await;
        let mut person = Person { client, device: device.clone(), said: VecDeque::new() };
        assert_eq!(person.next().await, Said::Welcome);
        person
    }
}

/// What the server said, as far as it counts here.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Welcome,
    Accepted(u64, Vec<(u64, u16)>),
    Rejected(u64, u16),
    Trouble(u16),
    Lists(Vec<(Credential, Vec<u8>)>),
    /// A message in one frame or in pieces: its header and its payload.
    Message(Vec<u8>, Vec<u8>),
    Realtime(Vec<u8>, Vec<u8>),
}

struct Person {
    client: Client,
    device: Device,
    said: VecDeque<Said>,
}

impl Person {
    async fn next(&mut self) -> Said {
        let mut large: Option<(Vec<u8>, Vec<u8>, u64)> = None;
        while self.said.is_empty() || large.is_some() {
            let (opcode, message) = self.client.next_message().await.expect("the stream ended");
            assert!(opcode != opcode::CLOSE, "closed: {message:?}");
            for frame in frames(&message).map(Result::unwrap).filter(|_| opcode == opcode::BINARY) {
                match frame {
                    Frame::DeliverBegin { header, total_bytes, .. } => large = Some((header.to_vec(), Vec::new(), total_bytes.0)),
                    Frame::DeliverPiece { payload, .. } => {
                        let (_, entry, total) = large.as_mut().unwrap();
                        entry.extend(payload.0);
                        if entry.len() as u64 == *total {
                            let (header, entry, _) = large.take().unwrap();
                            self.said.extend(payload_of(&entry).map(|payload| Said::Message(header, payload)));
                        }
                    }
                    frame => self.said.extend(said(frame)),
                }
            }
        }
        self.said.pop_front().unwrap()
    }

    async fn send(&mut self, message: &Sealed<'_>) {
        self.client.send(&message.frame()).await;
    }

    async fn accepted(&mut self, number: u64) {
        assert_eq!(self.next().await, Said::Accepted(number, Vec::new()));
    }

    /// Makes sure that nothing else waits to be read.
    async fn nothing_else(&mut self) {
        self.client.send(&encoded(&Frame::Find { ticket: Varint(1), keyword: "x" })).await;
        loop {
            let (_, message) = self.client.next_message().await.unwrap();
            for frame in frames(&message).map(Result::unwrap) {
                if matches!(frame, Frame::Found { .. }) {
                    return assert_eq!(self.said, []);
                }
                self.said.extend(said(frame));
            }
        }
    }
}

fn said(frame: Frame<'_>) -> Option<Said> {
    Some(match frame {
        Frame::Welcome { .. } => Said::Welcome,
        Frame::Accepted { number, exceptions, .. } => {
            Said::Accepted(number.0, exceptions.0.iter().map(|exception| (exception.recipient.0, exception.code)).collect())
        }
        Frame::Rejected { number, code, .. } => Said::Rejected(number.0, code),
        Frame::Trouble { code, .. } => Said::Trouble(code),
        Frame::Lists { ticket: Varint(0), lists } => Said::Lists(lists.0.iter().map(|list| (list.peer, list.list.to_vec())).collect()),
        Frame::Deliver { header, entry, .. } => Said::Message(header.to_vec(), payload_of(entry.0)?),
        Frame::Realtime { header, entry } => Said::Realtime(header.to_vec(), payload_of(entry.0)?),
        _ => return None,
    })
}

fn payload_of(mut entry: &[u8]) -> Option<Vec<u8>> {
    match Entry::read(&mut entry).unwrap() {
        Entry::Message(message) => Some(message.payload.0.to_vec()),
        Entry::Receipt(_) => None,
    }
}

/// A message, sealed as it must be unless something else is said.
struct Sealed<'a> {
    number: u64,
    flags: u8,
    to: Vec<Credential>,
    headers: Vec<(&'a Device, Vec<u8>)>,
    reply_to: Option<MessageId>,
    subject: &'a str,
    payload: Vec<u8>,
}

impl<'a> Sealed<'a> {
    fn new(number: u64, to: &Device, devices: &[&'a Device]) -> Self {
        let headers = devices.iter().map(|device| (*device, header(number, device))).collect();
        let payload = format!("sealed {number}").into_bytes();
        Self { number, flags: flags::SEALED, to: vec![to.credential()], headers, reply_to: None, subject: "\"\"", payload }
    }

    fn frame(&self) -> Vec<u8> {
        let headers = self.headers.iter().map(|(device, header)| DeviceHeader { device: device.device, header });
        encoded(&Frame::Send {
            number: Varint(self.number),
            flags: self.flags,
            expire_after_ms: Varint(1_000_000),
            recipients: List(self.to.clone()),
            device_headers: List(headers.collect()),
            reply_to: self.reply_to,
            subject: self.subject,
            payload: Rest(&self.payload),
        })
    }

    fn for_device(&self, device: &Device) -> Said {
        Said::Message(header(self.number, device), self.payload.clone())
    }
}

fn header(number: u64, device: &Device) -> Vec<u8> {
    format!("{number} for {}", String::from_utf8_lossy(&device.device)).into_bytes()
}

struct People {
    phone: Device,
    desk: Device,
    bob_1: Device,
    bob_2: Device,
}

/// Ann with a phone and a desk, Bob with two devices; all four are listed.
fn people(place: &Place) -> People {
    let device = Device::new;
    let people = People { phone: device("Ann", 1), desk: device("Ann", 2), bob_1: device("Bob", 1), bob_2: device("Bob", 2) };
    place.lists.put(&[&people.phone, &people.desk]);
    place.lists.put(&[&people.bob_1, &people.bob_2]);
    people
}

#[tokio::test(start_paused = true)]
async fn each_device_gets_its_own_header_and_who_comes_later_none() {
    let place = Place::new();
    let People { phone, desk, bob_1, bob_2 } = people(&place);
    let (mut ann, mut copy) = (place.enter(&phone).await, place.enter(&desk).await);
    let (mut one, mut two) = (place.enter(&bob_1).await, place.enter(&bob_2).await);
    let message = Sealed::new(1, &bob_1, &[&bob_2, &desk, &bob_1]);
    ann.send(&message).await;
    for person in [&mut one, &mut two, &mut copy] {
        let expected = message.for_device(&person.device);
        assert_eq!(person.next().await, expected);
    }
    ann.accepted(1).await;
    let mut later = place.enter(&Device::new("Bob", 3)).await;
    assert_eq!(later.next().await, Said::Message(Vec::new(), message.payload));
}

#[tokio::test(start_paused = true)]
async fn headers_outlive_a_kill_with_large_messages_too() {
    let place = Place::new();
    let People { phone, desk, bob_1, bob_2 } = people(&place);
    drop((place.enter(&desk).await, place.enter(&bob_1).await, place.enter(&bob_2).await));
    let mut ann = place.enter(&phone).await;
    let small = Sealed::new(1, &bob_1, &[&desk, &bob_1, &bob_2]);
    let large = Sealed { payload: vec![7; 200_000], ..Sealed::new(2, &bob_1, &[&desk, &bob_1, &bob_2]) };
    ann.send(&small).await;
    ann.accepted(1).await;
    ann.client
        .upload(
            1,
            &Sealed { number: 0, payload: large.payload.clone(), headers: large.headers.clone(), ..Sealed::new(0, &bob_1, &[]) }.frame(),
            &[],
        )
        .await;
    ann.client.finish(1, 2).await;
    ann.accepted(2).await;
    // One gets it while it may still be in memory, the others from the disk of a server that was killed.
    let mut one = place.enter(&bob_1).await;
    assert_eq!((one.next().await, one.next().await), (small.for_device(&bob_1), large.for_device(&bob_1)));
    let place = place.crash();
    for device in [&desk, &bob_1, &bob_2] {
        let mut person = place.enter(device).await;
        assert_eq!((person.next().await, person.next().await), (small.for_device(device), large.for_device(device)));
    }
    let mut later = place.enter(&Device::new("Bob", 3)).await;
    assert_eq!(
        (later.next().await, later.next().await),
        (Said::Message(Vec::new(), small.payload), Said::Message(Vec::new(), large.payload))
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_lists_is_refused_until_it_does() {
    let place = Place::new();
    let People { phone, desk, bob_1, bob_2 } = people(&place);
    let (mut ann, mut one) = (place.enter(&phone).await, place.enter(&bob_1).await);
    drop(place.enter(&bob_2).await);
    let stale = Sealed::new(1, &bob_1, &[&desk, &bob_1]);
    ann.send(&stale).await;
    ann.send(&Sealed::new(2, &bob_1, &[&desk, &bob_1])).await;
    assert_eq!(ann.next().await, Said::Lists(vec![(bob_1.credential(), b"a list".to_vec())]));
    assert_eq!(ann.next().await, Said::Rejected(1, Code::StaleDevices.number()));
    assert_eq!(ann.next().await, Said::Rejected(2, Code::OutOfOrder.number()));
    let good = Sealed::new(1, &bob_1, &[&desk, &bob_1, &bob_2]);
    ann.send(&good).await;
    assert_eq!(one.next().await, good.for_device(&bob_1));
    ann.accepted(1).await;
    // It is on disk: what the lists say by now changes nothing.
    place.lists.put(&[&bob_2]);
    ann.send(&good).await;
    ann.accepted(1).await;
    let known_without_list = Device::new("Eve", 1);
    drop(place.enter(&known_without_list).await);
    ann.send(&Sealed::new(2, &known_without_list, &[&desk])).await;
    assert_eq!(ann.next().await, Said::Lists(vec![(known_without_list.credential(), Vec::new())]));
    assert_eq!(ann.next().await, Said::Rejected(2, Code::StaleDevices.number()));
    ann.send(&Sealed::new(2, &Device::new("Nobody", 1), &[&desk])).await;
    assert_eq!(ann.next().await, Said::Accepted(2, vec![(0, Code::UnknownRecipient.number())]));
    one.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sealed_as_it_must_be() {
    let place = Place::new();
    let People { phone, desk, bob_1, bob_2 } = people(&place);
    let (mut ann, mut one) = (place.enter(&phone).await, place.enter(&bob_1).await);
    let all = [&desk, &bob_1, &bob_2];
    let sealed = || Sealed::new(1, &bob_1, &all);
    let id = MessageId { device: [1; 16], outbox_epoch: 1, number: Varint(1) };
    for message in [
        Sealed { flags: 0, ..sealed() },
        Sealed { flags: flags::TARGETED, headers: Vec::new(), ..sealed() },
        Sealed { headers: vec![(&bob_1, vec![7; 1_025])], ..sealed() },
        Sealed { headers: vec![(&bob_1, b"1".to_vec()), (&bob_2, b"2".to_vec()), (&bob_1, b"3".to_vec())], ..sealed() },
        Sealed { subject: "\"s\"", ..sealed() },
        Sealed { reply_to: Some(id), ..sealed() },
    ] {
        ann.send(&message).await;
        assert_eq!(ann.next().await, Said::Rejected(1, Code::InvalidArgument.number()));
        ann.send(&Sealed { number: 0, flags: message.flags | flags::REALTIME, ..message }).await;
        assert_eq!(ann.next().await, Said::Trouble(Code::InvalidArgument.number()));
    }
    let longest = |device| (device, vec![7; 1_024]);
    ann.send(&Sealed { headers: all.map(longest).into(), ..sealed() }).await;
    assert_eq!(one.next().await, Said::Message(vec![7; 1_024], sealed().payload));
    ann.accepted(1).await;
    one.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn realtime_and_targeted() {
    let place = Place::new();
    let People { phone, desk, bob_1, bob_2 } = people(&place);
    let mut ann = place.enter(&phone).await;
    let (mut one, mut two, mut copy) = (place.enter(&bob_1).await, place.enter(&bob_2).await, place.enter(&desk).await);
    let now = Sealed { flags: flags::SEALED | flags::REALTIME, ..Sealed::new(0, &bob_1, &[&bob_2, &desk]) };
    ann.send(&now).await;
    for (person, header) in [(&mut one, Vec::new()), (&mut two, header(0, &bob_2)), (&mut copy, header(0, &desk))] {
        assert_eq!(person.next().await, Said::Realtime(header, now.payload.clone()));
    }
    let targeted = Sealed { flags: flags::SEALED | flags::TARGETED, ..Sealed::new(1, &bob_1, &[&bob_2]) };
    ann.send(&targeted).await;
    assert_eq!(two.next().await, targeted.for_device(&bob_2));
    ann.accepted(1).await;
    let only_now = Sealed { flags: now.flags | flags::TARGETED, ..Sealed::new(0, &bob_1, &[&desk]) };
    ann.send(&only_now).await;
    assert_eq!(copy.next().await, Said::Realtime(header(0, &desk), only_now.payload));
    let mut later = place.enter(&Device::new("Bob", 3)).await;
    for person in [&mut one, &mut two, &mut later] {
        person.nothing_else().await;
    }
}

#[tokio::test(start_paused = true)]
async fn version_1_gets_nothing_sealed() {
    let place = Place::new();
    let People { phone, desk, bob_1, bob_2 } = people(&place);
    let (mut old, olds) = enter_v1(&place.switch, "Old").await;
    let (mut old_bob, _) = enter_v1(&place.switch, "Bob").await;
    let (mut ann, mut one) = (place.enter(&phone).await, place.enter(&bob_1).await);
    let mut message = Sealed::new(1, &bob_1, &[&desk, &bob_1, &bob_2]);
    message.to.push(olds.credential());
    message.payload = b"{}".to_vec();
    ann.send(&message).await;
    assert_eq!(one.next().await, message.for_device(&bob_1));
    assert_eq!(ann.next().await, Said::Accepted(1, vec![(1, Code::NotInVersion1.number())]));
    ann.send(&Sealed { number: 0, flags: message.flags | flags::REALTIME, ..message }).await;
    let plain = crate::client::message(2, 0, 1_000, &[bob_1.credential(), olds.credential()], b"\"plain\"");
    ann.client.send(&plain).await;
    for old in [&mut old, &mut old_bob] {
        assert!(old.next_text().await.contains(r#""content":"plain""#), "the first thing that comes is not sealed");
    }
}
