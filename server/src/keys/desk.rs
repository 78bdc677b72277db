//! The rules of lists and prekeys, within one transaction: what one request wrote, the next one sees.

use std::collections::{BTreeSet, HashMap};

use msr_protocol::v2::{Bytes16, PeerDevice};
use msr_protocol::{Code, Credential};

use super::check::NewKeys;
use super::limits;
use super::lists::{CurrentLists, KnownList};
use super::tables::{DeviceKeys, Tables};
use crate::store::StoreError;

/// What became of a list that was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPut {
    /// [`Code::Done`], or why not.
    pub code: Code,
    /// The list that the peer has now.
    pub now: Option<KnownList>,
    /// Devices that the list put an end to.
    pub revoked: Vec<Bytes16>,
}

/// What keys a device has here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysLeft {
    /// [`Code::Done`], or why its keys were not taken.
    pub code: Code,
    /// One-time keys that were not handed out.
    pub one_time: u64,
}

/// Keys that were handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// Of each device that has any.
    pub keys: Vec<(Bytes16, Vec<u8>)>,
    /// Devices that should put more, and how many one-time keys they have left.
    pub low: Vec<(PeerDevice, u64)>,
}

/// The rules at work.
pub(super) struct Desk<'a, 'txn> {
    tables: Tables<'txn>,
    current: &'a CurrentLists,
    /// What the transaction makes of the lists.
    fresh: HashMap<Credential, Option<KnownList>>,
    list_bytes: usize,
}

impl<'a, 'txn> Desk<'a, 'txn> {
    pub(super) fn new(tables: Tables<'txn>, current: &'a CurrentLists) -> Self {
        Self { tables, current, fresh: HashMap::new(), list_bytes: current.bytes() }
    }

    /// Whether anything is to be committed.
    pub(super) fn has_changed(&self) -> bool {
        self.tables.changed
    }

    /// Gives what is to be made of the lists in memory, once the transaction is committed.
    pub(super) fn finish(self) -> Result<HashMap<Credential, Option<KnownList>>, StoreError> {
        self.tables.finish()?;
        Ok(self.fresh)
    }

    /// A peer's next list takes effect if none that is as new has.
    pub(super) fn put_list(&mut self, peer: Credential, list: KnownList) -> Result<ListPut, StoreError> {
        let before = self.list(peer);
        let stays = |code: Code| ListPut { code, now: before.clone(), revoked: Vec::new() };
        if let Some(before) = &before
            && before.counter >= list.counter
        {
            // Whoever did not hear the answer asks again.
            return Ok(stays(if before.list.encoded == list.list.encoded { Code::Done } else { Code::ListConflict }));
        }
        let before_bytes = before.as_ref().map_or(0, KnownList::bytes);
        let in_all = self.list_bytes - before_bytes + list.bytes();
        if in_all > limits::LIST_BYTES_IN_ALL && list.bytes() > before_bytes {
            return Ok(stays(Code::StoreFull));
        }
        let is_news = |device: &&Bytes16| before.as_ref().is_none_or(|before| !before.is_revoked(**device));
        let revoked: Vec<Bytes16> = list.list.revoked.iter().filter(is_news).copied().collect();
        self.tables.put_list(peer, &list.list.encoded)?;
        for &device in &revoked {
            self.tables.remove_device(PeerDevice { peer, device })?;
        }
        self.list_bytes = in_all;
        self.fresh.insert(peer, Some(list.clone()));
        Ok(ListPut { code: Code::Done, now: Some(list), revoked })
    }

    /// Keeps keys of a device, as many one-time ones as may be kept.
    pub(super) fn put_keys(&mut self, of: PeerDevice, new: &NewKeys) -> Result<KeysLeft, StoreError> {
        let before = self.tables.device(of)?;
        let mut keys = before.clone().unwrap_or_default();
        let refused = |code: Code, keys: &DeviceKeys| Ok(KeysLeft { code, one_time: keys.left });
        if self.list(of.peer).is_some_and(|list| list.is_revoked(of.device)) {
            return refused(Code::DeviceRevoked, &keys);
        }
        if before.is_none() {
            self.make_room(of.peer)?;
        }
        if self.tables.bytes >= limits::PREKEY_BYTES_IN_ALL {
            return refused(Code::StoreFull, &keys);
        }
        let mut known: BTreeSet<Vec<u8>> = self.tables.one_time(of)?.into_iter().collect();
        for key in &new.one_time {
            if keys.left >= limits::ONE_TIME_KEYS as u64 {
                break;
            }
            // Whoever did not hear the answer brings them again.
            if known.insert(key.to_vec()) {
                self.tables.push_one_time(of, &mut keys, key)?;
            }
        }
        if let Some(fallback) = &new.fallback {
            keys.fallback = fallback.to_vec();
        }
        self.tables.set_device(of, before.as_ref(), &keys)?;
        refused(Code::Done, &keys)
    }

    /// Hands out one key of each device: a one-time key, which is then gone, or else the fallback.
    pub(super) fn claim(&mut self, devices: &[PeerDevice]) -> Result<Claimed, StoreError> {
        let mut claimed = Claimed::default();
        for &of in devices {
            let Some(before) = self.tables.device(of)? else { continue };
            let mut keys = before.clone();
            if let Some(key) = self.tables.take_one_time(of, &mut keys)? {
                self.tables.set_device(of, Some(&before), &keys)?;
                claimed.keys.push((of.device, key));
                if keys.left < limits::ONE_TIME_KEYS_LOW as u64 {
                    claimed.low.push((of, keys.left));
                }
            } else if !keys.fallback.is_empty() {
                claimed.keys.push((of.device, keys.fallback));
            }
        }
        Ok(claimed)
    }

    /// How many one-time keys of a device are left.
    pub(super) fn left(&self, of: PeerDevice) -> Result<KeysLeft, StoreError> {
        let one_time = self.tables.device(of)?.map_or(0, |keys| keys.left);
        Ok(KeysLeft { code: Code::Done, one_time })
    }

    /// Forgets those of the next peers that nobody knows; gives the last one looked at, if there may be more.
    pub(super) fn forget(
        &mut self,
        after: Option<Credential>,
        is_known: &dyn Fn(Credential) -> bool,
    ) -> Result<Option<Credential>, StoreError> {
        let owners = self.tables.owners(after, limits::OWNERS_PER_TURN)?;
        for &owner in owners.iter().filter(|owner| !is_known(**owner)) {
            self.tables.remove_peer(owner)?;
            self.fresh.insert(owner, None);
        }
        Ok(if owners.len() < limits::OWNERS_PER_TURN { None } else { owners.last().copied() })
    }

    fn list(&self, peer: Credential) -> Option<KnownList> {
        self.fresh.get(&peer).cloned().unwrap_or_else(|| self.current.get(peer))
    }

    /// Where as many devices of the peer have keys as may, those of devices that are not on its list go for one more.
    fn make_room(&mut self, peer: Credential) -> Result<(), StoreError> {
        let devices = self.tables.devices(peer)?;
        if devices.len() < limits::KEYED_DEVICES_PER_PEER {
            return Ok(());
        }
        let list = self.list(peer);
        for device in devices.into_iter().filter(|device| !list.as_ref().is_some_and(|list| list.has(*device))) {
            self.tables.remove_device(PeerDevice { peer, device })?;
        }
        Ok(())
    }
}
