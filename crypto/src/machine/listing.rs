//! The peer's own list on the server: this device stands on it until it leaves, an older one is replaced, revoked devices are
//! not on it. Where it is full, this device takes the place of one that the server does not know any more.

use msr_protocol::v2::{Bytes16, Frame, List, Rest, Varint};
use msr_protocol::{Code, Disposition};

use super::io::{AlarmKind, KeyEvent};
use super::limits::{ANSWER_MS, ASK_AGAIN_MS, LIST_TRIES};
use super::peers::Judged;
use super::sorted::{Set, sort_by_key};
use super::{Machine, Output};
use crate::list::make_room;
use crate::{DeviceList, NextListError, read_list};

/// The list that the server has, beside the one in force here.
enum OnServer {
    Missing,
    Older,
    Same,
    /// Another one of the same number.
    Fork(Box<DeviceList>),
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Listing {
    on_server: Option<OnServer>,
    /// The ticket of the `PutList` under way, its list, and when it was asked.
    put: Option<(u64, Vec<u8>, i64)>,
    tries: u32,
    retry_ms: Option<i64>,
    revoking: Set<Bytes16>,
    told: Option<Code>,
    /// Those of the peer's devices that the server knows; none before it said so.
    pub(super) known: Set<Bytes16>,
    /// Whether this device is to be off the list, and whether it is.
    leaving: bool,
    left: bool,
    /// Why this device cannot stand on it, before somebody makes room.
    pub(super) refused: Option<Code>,
    /// Whether this device stands on the list that the server has, as far as is known.
    pub(super) confirmed: bool,
}

impl Listing {
    pub(super) fn reset(&mut self) {
        *self = Self { revoking: std::mem::take(&mut self.revoking), told: self.told, ..Self::default() };
    }

    pub(super) fn due_ms(&self) -> Option<i64> {
        let answer = self.put.as_ref().map(|(_, _, at_ms)| at_ms.saturating_add(ANSWER_MS));
        answer.or(self.retry_ms)
    }
}

impl Machine {
    /// The server shows the peer's own list.
    pub(super) fn own_list_came(&mut self, bytes: &[u8]) {
        let own = self.me.0;
        if bytes.is_empty() {
            self.listing.on_server = Some(OnServer::Missing);
            self.listing.confirmed = false;
            return;
        }
        let Some(list) = read_list(bytes).ok().filter(|list| list.credential == own && list.secret == self.own.secret) else {
            return self.alarm(own, AlarmKind::ForgedList);
        };
        let now_ms = self.now_ms;
        let peer = self.peers.entry(own);
        peer.heard_ms = now_ms;
        let fork = list.clone();
        // What is held or alarming is for peers: here it is settled by the next list.
        let judged = peer.judge(list);
        (peer.alarm, peer.held) = (None, None);
        self.listing.on_server = Some(match judged {
            Judged::Known => OnServer::Same,
            Judged::Adopted(changes) => {
                self.adopted(own, &changes);
                OnServer::Same
            }
            Judged::Alarm(AlarmKind::Fork) => {
                self.alarm(own, AlarmKind::Fork);
                OnServer::Fork(Box::new(fork))
            }
            Judged::Alarm(AlarmKind::Rollback) => {
                self.alarm(own, AlarmKind::Rollback);
                OnServer::Older
            }
            Judged::Alarm(kind) => {
                self.alarm(own, kind);
                self.listing.confirmed = false;
                return;
            }
            // Another account under this credential: nothing can be done about that from here.
            Judged::Held(changes) => {
                self.held(own, &changes);
                self.listing.confirmed = false;
                return;
            }
        });
    }

    /// Brings the list of the server to what it should be.
    pub(super) fn keep_listed(&mut self) {
        let now_ms = self.now_ms;
        if self.listing.put.as_ref().is_some_and(|(_, _, at_ms)| at_ms.saturating_add(ANSWER_MS) <= now_ms) {
            self.listing.put = None;
        }
        let waits = self.listing.put.is_some() || self.listing.retry_ms.is_some_and(|retry_ms| retry_ms > now_ms);
        if !self.link.registered || !self.prekeys.offered || self.account.is_none() || waits {
            return;
        }
        self.listing.retry_ms = None;
        self.listing.refused = None;
        match self.next_list() {
            Ok(Some(_)) if self.listing.tries >= LIST_TRIES => {
                self.trouble(Code::ListConflict, "the list of this peer's devices changes all the time".to_owned());
                self.listing.tries = 0;
                self.listing.retry_ms = Some(now_ms.saturating_add(ASK_AGAIN_MS));
            }
            Ok(Some(list)) => {
                self.listing.tries += 1;
                let ticket = self.link.next_ticket();
                let mut frame = vec![];
                Frame::PutList { ticket: Varint(ticket), list: Rest(&list) }.write(&mut frame);
                self.listing.put = Some((ticket, list, now_ms));
                self.journal.then(Output::Frames(frame));
            }
            Ok(None) => {}
            Err(code) => {
                self.revoke_failed(code);
                // Who lacks the secret has been listed before, and may be again; for whom there is no room nothing is kept waiting.
                self.listing.refused = Some(code).filter(|code| matches!(code, Code::TooManyDevices | Code::DeviceRevoked));
                if self.listing.told != Some(code) {
                    self.listing.told = Some(code);
                    self.trouble(code, format!("this device cannot be put on the list of the peer's devices: {}", code.reason()));
                }
            }
        }
    }

    /// The list that should be on the server, if it is not. `Err` when that needs what is not here.
    fn next_list(&mut self) -> Result<Option<Vec<u8>>, Code> {
        let (me, now_ms) = (self.me, self.now_ms);
        let Some(on_server) = &self.listing.on_server else { return Ok(None) };
        let in_force = self.peers.get(me.0).ok().flatten().and_then(|peer| peer.list.clone());
        let account = self.own.account.as_ref().ok_or(Code::SecretRequired);
        let (words, listed) = (self.own.words(), self.own.listed());
        let next = NextListError::code;
        let known = &self.listing.known;
        // Before the server said whom it knows, it is as if it knew them all.
        let is_known = |device| known.is_empty() || known.contains(&device);
        match (on_server, in_force) {
            (OnServer::Missing | OnServer::Older, Some(list)) => Ok(Some(list.bytes)),
            (_, None) if self.listing.leaving => Ok(self.has_left()),
            (_, None) => Ok(Some(account?.sign_list(&DeviceList::first(&words, &self.own.secret, listed, now_ms)))),
            (OnServer::Fork(other), Some(list)) => {
                if list.is_revoked(me.1) {
                    return Err(Code::DeviceRevoked);
                }
                let mut merged = list.without_lost(me.1, now_ms).map_err(next)?;
                let List(revoked) = &mut merged.revoked;
                revoked.extend(&other.revoked);
                sort_by_key(revoked, |device| *device);
                revoked.dedup();
                let List(devices) = &mut merged.devices;
                let more = other.devices.iter().filter(|one| list.enrolment(one.device).is_none() && one.device != me.1);
                devices.extend(more);
                devices.push(listed);
                devices.retain(|one| revoked.binary_search(&one.device).is_err());
                make_room(devices, me.1, is_known).map_err(next)?;
                sort_by_key(devices, |one| one.device);
                Ok(Some(account?.sign_list(&merged)))
            }
            (OnServer::Same, Some(list)) if self.listing.leaving => {
                if list.enrolment(me.1).is_some() {
                    return Ok(Some(account?.sign_list(&list.without_lost(me.1, now_ms).map_err(next)?)));
                }
                Ok(self.has_left())
            }
            (OnServer::Same, Some(list)) => {
                if list.enrolment(me.1) != Some(&listed.enrolment) {
                    self.listing.confirmed = false;
                    let merged = list.with_device_in_place(listed, is_known, now_ms).map_err(next)?;
                    return Ok(Some(account?.sign_list(&merged)));
                }
                self.listing.confirmed = true;
                let done: Vec<_> = self.listing.revoking.keys().copied().filter(|&device| list.is_revoked(device)).collect();
                for device in done {
                    self.listing.revoking.remove(&device);
                    self.event(KeyEvent::Revoked { device });
                }
                let Some(&(device, ())) = self.listing.revoking.first() else { return Ok(None) };
                let without = list.without(device, now_ms).map_err(next)?;
                Ok(Some(self.own.account.as_ref().ok_or(Code::SecretRequired)?.sign_list(&without)))
            }
        }
    }

    /// What became of a list.
    pub(super) fn list_put(&mut self, ticket: u64, code: u16, list: &[u8]) {
        if self.listing.put.take_if(|(asked, _, _)| *asked == ticket).is_none() {
            return;
        }
        match Code::from_number(code) {
            Some(code @ (Code::Done | Code::ListConflict)) => {
                if code == Code::Done {
                    self.listing.tries = 0;
                }
                self.own_list_came(list);
            }
            code => {
                let code = code.unwrap_or(Code::InvalidList);
                self.trouble(code, format!("the list of this peer's devices was not taken: {}", code.reason()));
                if code.disposition() == Disposition::Final {
                    self.revoke_failed(code);
                }
                self.listing.retry_ms = Some(self.now_ms.saturating_add(ASK_AGAIN_MS));
            }
        }
    }

    pub(super) fn revoke(&mut self, device: Bytes16) {
        if self.own.account.is_none() {
            self.event(KeyEvent::RevokeFailed { device, code: Code::SecretRequired });
        } else {
            self.listing.revoking.put(device);
        }
    }

    pub(super) fn leave(&mut self) {
        if self.own.account.is_none() {
            return self.event(KeyEvent::RevokeFailed { device: self.me.1, code: Code::SecretRequired });
        }
        self.listing.leaving = true;
        self.listing.confirmed = false;
    }

    /// There is nothing more to put.
    fn has_left(&mut self) -> Option<Vec<u8>> {
        if !std::mem::replace(&mut self.listing.left, true) {
            self.event(KeyEvent::Revoked { device: self.me.1 });
        }
        None
    }

    fn revoke_failed(&mut self, code: Code) {
        if std::mem::take(&mut self.listing.leaving) {
            self.event(KeyEvent::RevokeFailed { device: self.me.1, code });
        }
        for (device, ()) in std::mem::take(&mut self.listing.revoking) {
            self.event(KeyEvent::RevokeFailed { device, code });
        }
    }
}
