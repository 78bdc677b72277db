//! What the server has of keys: lists, and prekeys that are handed out once. It outlives the server's process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use msr_crypto::read_list;
use msr_delivery::{DeviceList, Lists};
use msr_protocol::v2::{Bytes16, ClaimedKey, Frame, List, PeerList, Rest, Varint};
use msr_protocol::{Code, Credential};

#[derive(Default)]
struct Prekeys {
    one_time: VecDeque<Vec<u8>>,
    fallback: Option<Vec<u8>>,
}

#[derive(Default)]
pub(crate) struct Desk {
    lists: BTreeMap<Credential, Arc<DeviceList>>,
    prekeys: BTreeMap<(Credential, Bytes16), Prekeys>,
}

impl Lists for Desk {
    fn list(&self, peer: Credential) -> Option<Arc<DeviceList>> {
        self.lists.get(&peer).cloned()
    }
}

impl Desk {
    /// What a device is told once it is registered.
    pub(crate) fn greeting(&mut self, peer: Credential, device: Bytes16) -> Vec<u8> {
        let mut out = self.show(0, &[peer]);
        let one_time = Varint(self.prekeys.entry((peer, device)).or_default().one_time.len() as u64);
        Frame::Keys { ticket: Varint(0), code: Code::Done.number(), one_time }.write(&mut out);
        out
    }

    fn show(&self, ticket: u64, peers: &[Credential]) -> Vec<u8> {
        let list = |peer: &Credential| PeerList { peer: *peer, list: self.lists.get(peer).map_or(&[], |list| &list.encoded) };
        let mut out = Vec::new();
        Frame::Lists { ticket: Varint(ticket), lists: List(peers.iter().map(list).collect()) }.write(&mut out);
        out
    }

    /// Answers a frame; with what the peer's other devices are told.
    pub(crate) fn answer(&mut self, peer: Credential, device: Bytes16, frame: &Frame<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut out, mut push, code) = (Vec::new(), None, Code::Done.number());
        match frame {
            Frame::GetLists { ticket, peers } => out = self.show(ticket.0, &peers.0),
            Frame::PutList { ticket, list } => {
                let new = read_list(list.0).unwrap();
                let is_newer = self.lists.get(&peer).is_none_or(|old| read_list(&old.encoded).unwrap().counter < new.counter);
                if is_newer {
                    let devices = new.devices.iter().map(|listed| listed.device).collect();
                    self.lists.insert(peer, Arc::new(DeviceList { devices, revoked: new.revoked, encoded: list.0.to_vec() }));
                    push = Some(self.show(0, &[peer]));
                }
                let code = if is_newer { code } else { Code::ListConflict.number() };
                Frame::ListPut { ticket: *ticket, code, list: Rest(&self.lists[&peer].encoded) }.write(&mut out);
            }
            Frame::PutKeys { ticket, fallback, one_time } => {
                let prekeys = self.prekeys.entry((peer, device)).or_default();
                prekeys.fallback = fallback.map(<[u8]>::to_vec).or(prekeys.fallback.take());
                prekeys.one_time.extend(one_time.0.iter().map(|key| key.to_vec()));
                let one_time = Varint(prekeys.one_time.len() as u64);
                Frame::Keys { ticket: *ticket, code, one_time }.write(&mut out);
            }
            Frame::Claim { ticket, devices } => {
                let mut claimed = Vec::new();
                for device in &devices.0 {
                    let prekeys = self.prekeys.entry((device.peer, device.device)).or_default();
                    claimed.extend(prekeys.one_time.pop_front().or(prekeys.fallback.clone()).map(|key| (device.device, key)));
                }
                let keys = List(claimed.iter().map(|(device, key)| ClaimedKey { device: *device, key }).collect());
                Frame::Claimed { ticket: *ticket, code, keys }.write(&mut out);
            }
            other => panic!("a client does not say {other:?}"),
        }
        (out, push)
    }
}
