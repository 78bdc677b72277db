//! What is known of peers: the list of devices that is in force for each, and when a newer one takes its place.
//!
//! The first list of a peer is believed, as its account signed it and the account stands in the credential. From then
//! on a list must be newer. Devices that a newer one adds are believed too, and told, but for a peer whose safety number
//! a person compared: there the list waits for [`crate::Input::Accept`].

use msr_protocol::Credential;
use msr_protocol::v2::Bytes16;

use super::io::{AlarmKind, PeerChange};
use super::limits::PEERS;
use super::records::PeerRecord;
use super::sorted::{Map, sort_by_key};
use super::spelled::{read_whole, spell};
use crate::{DeviceList, read_list};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Peer {
    /// The list in force.
    pub(crate) list: Option<DeviceList>,
    /// A newer one, or one of another account, that waits for a person.
    pub(crate) held: Option<DeviceList>,
    pub(crate) verified: bool,
    /// Whether something was ever sealed for it.
    pub(crate) written: bool,
    pub(crate) heard_ms: i64,
    /// What the server showed last that cannot be. While it stands nothing is sealed. Not kept: it is found again.
    pub(crate) alarm: Option<AlarmKind>,
}

/// What a list that came means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It is the one in force, or the one that is held.
    Known,
    /// It is in force now.
    Adopted(Vec<PeerChange>),
    /// It waits for a person.
    Held(Vec<PeerChange>),
    /// It cannot be; the one in force stays.
    Alarm(AlarmKind),
}

/// What makes `new` another list than `old`.
fn changes(old: &DeviceList, new: &DeviceList) -> Vec<PeerChange> {
    let same = |one: &DeviceList, device: Bytes16, other: &DeviceList| one.enrolment(device) == other.enrolment(device);
    let removed = old.devices.iter().filter(|listed| !same(new, listed.device, old)).map(|listed| PeerChange::DeviceRemoved(listed.device));
    let added = new.devices.iter().filter(|listed| !same(old, listed.device, new)).map(|listed| PeerChange::DeviceAdded(listed.device));
    removed.chain(added).collect()
}

impl Peer {
    fn from_record(bytes: &[u8]) -> Option<Self> {
        let record: PeerRecord<'_> = read_whole(bytes).ok().filter(|record: &PeerRecord<'_>| record.version == 1)?;
        let list = |bytes: &[u8]| if bytes.is_empty() { Some(None) } else { read_list(bytes).ok().map(Some) };
        let PeerRecord { version: _, list: in_force, held, verified, written, heard_ms } = record;
        Some(Self { list: list(in_force)?, held: list(held)?, verified, written, heard_ms, alarm: None })
    }

    pub(crate) fn to_record(&self) -> Vec<u8> {
        let bytes = |list: &Option<DeviceList>| list.as_ref().map(|list| list.bytes.clone()).unwrap_or_default();
        let (list, held) = (bytes(&self.list), bytes(&self.held));
        let (verified, written, heard_ms) = (self.verified, self.written, self.heard_ms);
        spell(&PeerRecord { version: 1, list: &list, held: &held, verified, written, heard_ms })
    }

    /// Whether nothing is sealed for it now.
    pub(crate) fn holds(&self) -> bool {
        self.held.is_some() || self.alarm.is_some()
    }

    /// What a list of this peer that came means; it is taken over as far as it may.
    pub(crate) fn judge(&mut self, new: DeviceList) -> Judged {
        let Some(old) = &self.list else {
            self.list = Some(new);
            self.alarm = None;
            return Judged::Adopted(vec![PeerChange::NewPeer]);
        };
        if new.account != old.account {
            self.held = Some(new);
            return Judged::Held(vec![PeerChange::NewKey]);
        }
        // What is held was seen: nothing older will do.
        let seen = self.held.as_ref().filter(|held| held.account == old.account).unwrap_or(old);
        let alarm = if new.bytes == seen.bytes {
            self.alarm = None;
            return Judged::Known;
        } else if new.counter < seen.counter {
            Some(AlarmKind::Rollback)
        } else if new.counter == seen.counter {
            Some(AlarmKind::Fork)
        } else if new.devices.iter().any(|listed| seen.is_revoked(listed.device)) {
            Some(AlarmKind::Unrevoked)
        } else {
            None
        };
        if alarm.is_some() {
            self.alarm = alarm;
            return alarm.map_or(Judged::Known, Judged::Alarm);
        }
        self.alarm = None;
        let changes = changes(old, &new);
        let adds = changes.iter().any(|change| matches!(change, PeerChange::DeviceAdded(_)));
        if adds && self.verified {
            self.held = Some(new);
            return Judged::Held(changes);
        }
        (self.list, self.held) = (Some(new), None);
        Judged::Adopted(changes)
    }

    /// A person accepts what is held, and the alarm.
    pub(crate) fn accept(&mut self) -> Vec<PeerChange> {
        self.alarm = None;
        let Some(held) = self.held.take() else { return vec![] };
        let changes = self.list.as_ref().map(|list| changes(list, &held)).unwrap_or_default();
        if self.list.as_ref().is_some_and(|list| list.account != held.account) {
            self.verified = false;
        }
        self.list = Some(held);
        changes
    }
}

/// A record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

/// All peers that are known. Lists are verified when they come, and again when they are first used after a start.
#[derive(Default)]
pub(crate) struct Peers {
    ready: Map<Credential, Box<Peer>>,
    /// Records that were not read yet.
    packed: Map<Credential, Vec<u8>>,
}

impl Peers {
    pub(crate) fn restore(&mut self, credential: Credential, record: Vec<u8>) {
        self.packed.insert(credential, record);
    }

    pub(crate) fn credentials(&self) -> Vec<Credential> {
        self.ready.keys().chain(self.packed.keys()).copied().collect()
    }

    /// What is known of a peer. `Err` once, when that is damaged: it is known no more.
    pub(crate) fn get(&mut self, credential: Credential) -> Result<Option<&mut Peer>, Damaged> {
        if let Some(record) = self.packed.remove(&credential) {
            self.ready.insert(credential, Box::new(Peer::from_record(&record).ok_or(Damaged)?));
        }
        Ok(self.ready.get_mut(&credential).map(Box::as_mut))
    }

    /// The same, and a new one where there is none.
    pub(crate) fn entry(&mut self, credential: Credential) -> &mut Peer {
        if let Some(peer) = self.packed.remove(&credential).and_then(|record| Peer::from_record(&record)) {
            self.ready.insert(credential, Box::new(peer));
        }
        self.ready.get_or(credential, Box::default)
    }

    /// Forgets peers that were neither written to nor verified, where there are too many: those heard of longest ago.
    pub(crate) fn evict(&mut self, but: &[Credential]) -> Vec<Credential> {
        let surplus = (self.ready.len() + self.packed.len()).saturating_sub(PEERS);
        if surplus == 0 {
            return vec![];
        }
        let ready = self.ready.iter().map(|(&credential, peer)| (credential, peer.written || peer.verified, peer.heard_ms));
        let packed = self.packed.iter().filter_map(|(&credential, record)| {
            let record = read_whole::<PeerRecord<'_>>(record).ok()?;
            Some((credential, record.written || record.verified, record.heard_ms))
        });
        let loose = ready.chain(packed).filter(|(credential, fast, _)| !fast && !but.contains(credential));
        let mut loose: Vec<_> = loose.map(|(credential, _, heard_ms)| (heard_ms, credential)).collect();
        sort_by_key(&mut loose, |one| *one);
        loose.truncate(surplus);
        let gone: Vec<_> = loose.into_iter().map(|(_, credential)| credential).collect();
        for credential in &gone {
            self.ready.remove(credential);
            self.packed.remove(credential);
        }
        gone
    }
}
