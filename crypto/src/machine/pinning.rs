//! What follows when the list of a peer changes, or cannot be: who is told, what is forgotten, what is held.

use msr_protocol::Credential;
use msr_protocol::v2::Enrolment;

use super::io::{AlarmKind, KeyEvent, PeerChange};
use super::limits::DEVICES_LEFT_PER_PEER;
use super::records::{PairKey, pair_key, peer_key};
use super::{Machine, Pair};

/// How a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is on the list in force.
    Listed,
    /// It is on a list that waits for a person.
    Held,
    /// It was revoked.
    Revoked,
    /// It is on no list that is known.
    Unknown,
}

impl Machine {
    /// How the account enrolled a device on the list in force.
    pub(super) fn enrolment(&mut self, (credential, device): PairKey) -> Option<Enrolment> {
        self.peers.get(credential).ok()??.list.as_ref()?.enrolment(device).copied()
    }

    pub(super) fn standing(&mut self, (credential, device): PairKey) -> Standing {
        let Ok(Some(peer)) = self.peers.get(credential) else { return Standing::Unknown };
        let lists = [peer.list.as_ref(), peer.held.as_ref()];
        if lists.iter().flatten().any(|list| list.is_revoked(device)) {
            Standing::Revoked
        } else if lists[0].is_some_and(|list| list.enrolment(device).is_some()) {
            Standing::Listed
        } else if lists[1].is_some_and(|list| list.enrolment(device).is_some()) {
            Standing::Held
        } else {
            Standing::Unknown
        }
    }

    /// What is shared with a listed device.
    pub(super) fn pair(&mut self, key: PairKey) -> Option<&mut Pair> {
        let identity_key = self.enrolment(key)?.identity_key;
        let now_ms = self.now_ms;
        let pair = self.pairs.get_or(key, || Box::new(Pair::new(identity_key, now_ms)));
        if pair.identity_key != identity_key {
            pair.forget_sessions(identity_key);
        }
        Some(pair)
    }

    /// Something about a peer that cannot be: nothing is sealed for it until the server shows what can.
    pub(super) fn alarmed(&mut self, credential: Credential, kind: AlarmKind) {
        let before = match self.peers.get(credential) {
            Ok(Some(peer)) if peer.list.is_some() => peer.alarm.replace(kind),
            Ok(_) => None,
            Err(_) => return self.peer_damaged(credential),
        };
        if before != Some(kind) {
            self.alarm(credential, kind);
        }
    }

    /// What was known of a peer cannot be read: it is met anew, and told.
    pub(super) fn peer_damaged(&mut self, credential: Credential) {
        self.trouble(msr_protocol::Code::Damaged, format!("what was known of {credential} cannot be read; it is met anew"));
        self.journal.delete(peer_key(credential));
    }

    pub(super) fn keep_peer(&mut self, credential: Credential) {
        let record = self.peers.entry(credential).to_record();
        self.journal.put(peer_key(credential), record);
        for gone in self.peers.evict(&[self.me.0, credential]) {
            self.journal.delete(peer_key(gone));
            let pairs: Vec<_> = self.pairs.keys().filter(|pair| pair.0 == gone).copied().collect();
            pairs.into_iter().for_each(|pair| self.forget_pair(pair));
        }
    }

    /// A list is in force that was not before.
    pub(super) fn adopted(&mut self, credential: Credential, changes: &[PeerChange]) {
        self.keep_peer(credential);
        for &change in changes {
            if let PeerChange::DeviceRemoved(device) = change {
                self.device_gone((credential, device));
            }
            let change = match change {
                PeerChange::DeviceAdded(device) if credential == self.me.0 => PeerChange::OwnDeviceAdded(device),
                PeerChange::DeviceRemoved(device) if credential == self.me.0 => PeerChange::OwnDeviceRemoved(device),
                PeerChange::NewPeer if credential == self.me.0 => continue,
                PeerChange::OwnDeviceAdded(device) if device == self.me.1 => continue,
                other => other,
            };
            if change != PeerChange::OwnDeviceAdded(self.me.1) {
                self.event(KeyEvent::PeerChanged { credential, change, holds: false });
            }
        }
        self.retry_unknown(credential);
    }

    /// A list waits for a person.
    pub(super) fn held(&mut self, credential: Credential, changes: &[PeerChange]) {
        self.keep_peer(credential);
        for &change in changes {
            self.event(KeyEvent::PeerChanged { credential, change, holds: true });
        }
    }

    /// A device is off the list, or enrolled anew. Unless it was revoked it may come back, and keeps its counters meanwhile: so
    /// are they kept here.
    fn device_gone(&mut self, gone: PairKey) {
        if self.standing(gone) == Standing::Revoked {
            return self.forget_pair(gone);
        }
        let Some(pair) = self.pairs.get_mut(&gone) else { return };
        pair.forget_sessions(pair.identity_key);
        self.pairs_changed.put(gone);
        let mut left: Vec<_> = self.pairs.keys().filter(|key| key.0 == gone.0 && **key != gone).copied().collect();
        left.retain(|&key| self.standing(key) != Standing::Listed);
        if left.len() >= DEVICES_LEFT_PER_PEER {
            self.forget_pair(left[0]);
        }
    }

    fn forget_pair(&mut self, pair: PairKey) {
        if self.pairs.remove(&pair).is_some() {
            self.pairs_changed.remove(&pair);
            self.pairs_with_gaps.remove(&pair);
            self.journal.delete(pair_key(pair));
        }
    }

    pub(super) fn accept(&mut self, credential: Credential) {
        if !matches!(self.peers.get(credential), Ok(Some(_))) {
            return;
        }
        let changes = self.peers.entry(credential).accept();
        for change in changes {
            if let PeerChange::DeviceRemoved(device) = change {
                self.device_gone((credential, device));
            }
        }
        self.keep_peer(credential);
        self.retry_unknown(credential);
    }

    pub(super) fn verify(&mut self, credential: Credential, verified: bool) {
        if matches!(self.peers.get(credential), Ok(Some(peer)) if peer.list.is_some()) {
            self.peers.entry(credential).verified = verified;
            self.keep_peer(credential);
        }
    }

    /// Letters are missing for so long that it is to be told.
    pub(super) fn tell_gaps(&mut self) {
        let now_ms = self.now_ms;
        for (key, ()) in self.pairs_with_gaps.clone() {
            // What came and cannot be opened yet is not missing.
            if self.late.waits_for(key) {
                continue;
            }
            let Some(pair) = self.pairs.get_mut(&key) else {
                self.pairs_with_gaps.remove(&key);
                continue;
            };
            // A realtime letter is lost with the connection, and a control letter is asked for anew.
            let missing = pair.received[0].tell(now_ms);
            if pair.received[0].due_ms().is_none() {
                self.pairs_with_gaps.remove(&key);
            }
            if missing > 0 {
                self.pairs_changed.put(key);
                self.event(KeyEvent::Gap { credential: key.0, device: key.1, missing });
            }
        }
    }

    pub(super) fn gaps_due_ms(&self) -> Option<i64> {
        let due = |key| self.pairs.get(key).and_then(|pair| pair.received[0].due_ms());
        self.pairs_with_gaps.keys().filter(|key| !self.late.waits_for(**key)).filter_map(due).min()
    }
}
