//! What the server's frames mean for the keys: lists, what became of ours, keys to begin sessions with.

use msr_protocol::v2::{ClaimedKey, Frame, List, PeerList, Prekey, Varint, frames_for_keys};
use msr_protocol::{Code, Credential};

use super::Machine;
use super::io::AlarmKind;
use super::link::Answer;
use super::peers::Judged;
use super::records::PairKey;
use super::spelled::read_whole;
use crate::{PublicKey, read_list, verify_prekey};

impl Machine {
    pub(super) fn frames_came(&mut self, bytes: &[u8]) {
        for frame in frames_for_keys(bytes) {
            match frame {
                Ok(Frame::Lists { ticket: Varint(ticket), lists: List(lists) }) => self.lists_came(ticket, &lists),
                Ok(Frame::ListPut { ticket: Varint(ticket), code, list }) => self.list_put(ticket, code, list.0),
                Ok(Frame::Keys { ticket: Varint(ticket), code, one_time: Varint(one_time) }) => self.keys_counted(ticket, code, one_time),
                Ok(Frame::Claimed { ticket: Varint(ticket), code, keys: List(keys) }) => self.keys_claimed(ticket, code, &keys),
                Ok(_) => {}
                Err(error) => self.trouble(Code::BadMessage, format!("a frame for the keys cannot be read: {error}")),
            }
        }
    }

    fn lists_came(&mut self, ticket: u64, lists: &[PeerList<'_>]) {
        let asked = self.link.lists_answered(ticket);
        for &PeerList { peer, list } in lists {
            if peer == self.me.0 {
                self.own_list_came(list);
            } else if asked.contains(&peer) || self.link.heard(peer).is_some() || matches!(self.peers.get(peer), Ok(Some(_))) {
                // Whom the server did not know when it was asked may have come since: it says so with a refusal (521).
                self.list_came(peer, list);
            }
        }
        for credential in asked {
            if !lists.iter().any(|list| list.peer == credential) {
                self.link.hear(credential, Answer::Unknown, self.now_ms);
            }
        }
    }

    fn list_came(&mut self, credential: Credential, bytes: &[u8]) {
        if bytes.is_empty() {
            self.link.hear(credential, Answer::Empty, self.now_ms);
            let known = matches!(self.peers.get(credential), Ok(Some(peer)) if peer.list.is_some());
            if known {
                self.alarmed(credential, AlarmKind::ListDenied);
            }
            return;
        }
        let Some(list) = read_list(bytes).ok().filter(|list| list.credential == credential) else {
            self.link.hear(credential, Answer::Forged, self.now_ms);
            self.alarmed(credential, AlarmKind::ForgedList);
            return;
        };
        self.link.hear(credential, Answer::Listed, self.now_ms);
        let now_ms = self.now_ms;
        let peer = self.peers.entry(credential);
        peer.heard_ms = now_ms;
        let before = peer.alarm;
        match peer.judge(list) {
            Judged::Known => {}
            Judged::Adopted(changes) => self.adopted(credential, &changes),
            Judged::Held(changes) => self.held(credential, &changes),
            Judged::Alarm(kind) if before == Some(kind) => {}
            Judged::Alarm(kind) => self.alarm(credential, kind),
        }
    }

    fn keys_claimed(&mut self, ticket: u64, code: u16, keys: &[ClaimedKey<'_>]) {
        for pair in self.link.claims_answered(ticket) {
            if code != Code::Done.number() {
                self.link.bad_key(pair, self.now_ms);
                continue;
            }
            match keys.iter().find(|key| key.device == pair.1) {
                Some(key) => self.key_claimed(pair, key.key),
                None => self.link.no_key(pair, self.now_ms),
            }
        }
    }

    /// A key of a device came: it begins a session, if the device signed it and it is not one that was replaced.
    fn key_claimed(&mut self, key: PairKey, prekey: &[u8]) {
        let Some(enrolment) = self.enrolment(key) else { return };
        let device_key = PublicKey::from_bytes(&enrolment.device_key);
        let prekey = read_whole::<Prekey>(prekey).ok();
        let signed = |prekey: &Prekey| device_key.as_ref().is_some_and(|device_key| verify_prekey(key.0, key.1, device_key, prekey));
        let Some(prekey) = prekey.filter(signed) else {
            self.link.bad_key(key, self.now_ms);
            self.alarm(key.0, AlarmKind::ForgedKey);
            return;
        };
        let now_ms = self.now_ms;
        // Of the key that is enrolled now.
        self.pair(key);
        let (Some(account), Some(pair)) = (&self.account, self.pairs.get_mut(&key)) else { return };
        if prekey.is_fallback && prekey.made_ms < pair.fallback_ms {
            self.link.bad_key(key, now_ms);
            self.alarm(key.0, AlarmKind::OldKey);
            return;
        }
        if prekey.is_fallback {
            pair.fallback_ms = prekey.made_ms;
        }
        if pair.begin(account, prekey.key) {
            pair.renewed_ms = now_ms;
            self.pairs_changed.put(key);
        } else {
            self.link.bad_key(key, now_ms);
            self.alarm(key.0, AlarmKind::ForgedKey);
        }
    }
}
