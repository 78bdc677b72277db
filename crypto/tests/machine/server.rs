//! A server as far as the keys know it: lists, prekeys handed out once, a queue for each device. Its fields are public:
//! a hostile one is made of it by hand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use msr_crypto::read_list;
use msr_protocol::Credential;
use msr_protocol::v2::*;

pub type Device = (Credential, Bytes16);
/// What each device gets beside the body.
pub type Headers = Vec<(Bytes16, Vec<u8>)>;

#[derive(Default, Clone)]
pub struct Keys {
    pub one_time: VecDeque<Vec<u8>>,
    pub fallback: Option<Vec<u8>>,
}

#[derive(Clone)]
pub struct Queued {
    pub sequence: u64,
    pub header: Vec<u8>,
    pub entry: Vec<u8>,
}

#[derive(Default)]
pub struct Server {
    pub lists: BTreeMap<Credential, Vec<u8>>,
    pub keys: BTreeMap<Device, Keys>,
    pub queues: BTreeMap<Device, VecDeque<Queued>>,
    pub numbers: BTreeSet<(Bytes16, u64)>,
    pub sequence: u64,
    /// Every list that was ever put.
    pub history: Vec<Vec<u8>>,
    /// Every letter that was ever accepted, with its headers.
    pub letters: Vec<(Vec<u8>, Headers)>,
    /// Frames for other connections of a peer.
    pub pushes: Vec<(Device, Vec<u8>)>,
    /// Answers lists of these peers with these bytes instead.
    pub lies: BTreeMap<Credential, Vec<u8>>,
    /// Answers claims for these devices with these keys instead.
    pub false_keys: BTreeMap<Bytes16, Vec<u8>>,
    /// Does not check whether headers cover the lists.
    pub lax: bool,
}

pub struct Sent<'a> {
    pub from: Device,
    pub number: u64,
    pub flags: u8,
    pub recipients: &'a [Credential],
    pub payload: &'a [u8],
    pub headers: &'a [(Bytes16, Vec<u8>)],
    pub now_ms: i64,
}

fn frame(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = vec![];
    frame.write(&mut out);
    out
}

impl Server {
    pub fn is_known(&self, credential: Credential) -> bool {
        self.queues.keys().any(|device| device.0 == credential)
    }

    fn list(&self, peer: Credential) -> Vec<u8> {
        self.lies.get(&peer).or(self.lists.get(&peer)).cloned().unwrap_or_default()
    }

    pub fn lists(&self, ticket: u64, peers: &[Credential]) -> Vec<u8> {
        let lists: Vec<_> = peers.iter().filter(|peer| self.is_known(**peer)).map(|peer| (*peer, self.list(*peer))).collect();
        let lists = List(lists.iter().map(|(peer, list)| PeerList { peer: *peer, list }).collect());
        frame(&Frame::Lists { ticket: Varint(ticket), lists })
    }

    pub fn register(&mut self, device: Device) -> Vec<u8> {
        self.queues.entry(device).or_default();
        let keys = self.keys.entry(device).or_default().one_time.len() as u64;
        let mut frames = self.lists(0, &[device.0]);
        frames.extend(frame(&Frame::Keys { ticket: Varint(0), code: 200, one_time: Varint(keys) }));
        frames
    }

    pub fn answer(&mut self, from: Device, bytes: &[u8]) -> Vec<u8> {
        let mut answers = vec![];
        for asked in frames(bytes) {
            match asked.unwrap() {
                Frame::PutList { ticket, list } => {
                    let new = read_list(list.0).unwrap();
                    assert_eq!(new.credential, from.0);
                    let old = self.lists.get(&from.0).map(|list| read_list(list).unwrap().counter).unwrap_or(0);
                    let code = if new.counter > old { 200 } else { 424 };
                    if code == 200 {
                        self.lists.insert(from.0, list.0.to_vec());
                        self.history.push(list.0.to_vec());
                        let push = self.lists(0, &[from.0]);
                        let others = self.queues.keys().filter(|device| device.0 == from.0 && **device != from);
                        self.pushes.extend(others.map(|device| (*device, push.clone())));
                        self.queues.retain(|device, _| device.0 != from.0 || !new.is_revoked(device.1));
                    }
                    answers.extend(frame(&Frame::ListPut { ticket, code, list: Rest(&self.lists[&from.0]) }));
                }
                Frame::GetLists { ticket, peers } => answers.extend(self.lists(ticket.0, &peers.0)),
                Frame::PutKeys { ticket, fallback, one_time } => {
                    let keys = self.keys.entry(from).or_default();
                    keys.fallback = fallback.map(<[u8]>::to_vec).or(keys.fallback.take());
                    keys.one_time.extend(one_time.0.iter().map(|key| key.to_vec()));
                    let one_time = Varint(keys.one_time.len() as u64);
                    answers.extend(frame(&Frame::Keys { ticket, code: 200, one_time }));
                }
                Frame::Claim { ticket, devices } => {
                    let mut claimed = vec![];
                    for device in devices.0 {
                        let keys = self.keys.entry((device.peer, device.device)).or_default();
                        let honest = keys.one_time.pop_front().or(keys.fallback.clone());
                        let key = self.false_keys.get(&device.device).cloned().or(honest);
                        claimed.extend(key.map(|key| (device.device, key)));
                    }
                    let keys = List(claimed.iter().map(|(device, key)| ClaimedKey { device: *device, key }).collect());
                    answers.extend(frame(&Frame::Claimed { ticket, code: 200, keys }));
                }
                other => panic!("no frame of the keys: {other:?}"),
            }
        }
        answers
    }

    /// The devices that need a header.
    fn cover(&self, sent: &Sent<'_>) -> BTreeSet<Bytes16> {
        let devices = |peer: &Credential| self.lists.get(peer).map(|list| read_list(list).unwrap().devices).unwrap_or_default();
        let mut cover: BTreeSet<_> = sent.recipients.iter().chain([&sent.from.0]).flat_map(devices).map(|one| one.device).collect();
        if !sent.recipients.contains(&sent.from.0) {
            cover.remove(&sent.from.1);
        }
        cover
    }

    /// Takes a letter; or the lists that it does not fit.
    pub fn send(&mut self, sent: &Sent<'_>) -> Result<(), Vec<u8>> {
        assert!(sent.headers.iter().all(|(_, header)| header.len() <= 1_024), "a header is too long");
        let targeted = sent.flags & flags::TARGETED != 0;
        let have: BTreeSet<_> = sent.headers.iter().map(|(device, _)| *device).collect();
        if !targeted && !self.lax && have != self.cover(sent) {
            let peers: Vec<_> = sent.recipients.iter().copied().chain([sent.from.0]).collect();
            return Err(self.lists(0, &peers));
        }
        if !self.numbers.insert((sent.from.1, sent.number)) {
            return Ok(());
        }
        let id = MessageId { device: sent.from.1, outbox_epoch: 1, number: Varint(sent.number) };
        let delivery = Delivery {
            from: sent.from.0,
            id,
            timestamp_ms: sent.now_ms,
            flags: sent.flags,
            recipients: List(sent.recipients.to_vec()),
            reply_to: None,
            subject: "\"\"",
            payload: Rest(sent.payload),
        };
        let mut entry = vec![];
        Entry::Message(delivery).write(&mut entry);
        self.letters.push((entry.clone(), sent.headers.to_vec()));
        for (device, queue) in &mut self.queues {
            let concerned = sent.recipients.contains(&device.0) || device.0 == sent.from.0;
            let own = *device == sent.from && !sent.recipients.contains(&sent.from.0);
            let header = sent.headers.iter().find(|(id, _)| *id == device.1).map(|(_, header)| header.clone());
            if concerned && !own && (!targeted || header.is_some()) {
                self.sequence += 1;
                queue.push_back(Queued { sequence: self.sequence, header: header.unwrap_or_default(), entry: entry.clone() });
            }
        }
        Ok(())
    }
}
