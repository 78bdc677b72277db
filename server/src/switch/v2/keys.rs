//! Lists of devices and prekeys: what a connection puts, and what it asks for of others.
//!
//! What has to be on disk first is answered later, from another task. Lists go out through the queues, so that a
//! connection never hears of an older one after a newer.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use msr_crypto::PublicKey;
use msr_delivery::Lists as _;
use msr_protocol::v2::{Bytes16, ClaimedKey, Frame, List, PeerDevice, PeerList, Rest, Varint};
use msr_protocol::{Code, Credential, JsonText};
use tracing::{debug, info, warn};

use super::connection::Connection;
use crate::delivery::Outgoing;
use crate::keys::{Claimed, KeysLeft, ListPut, Request, checked_keys, checked_list, limits};
use crate::switch::Shared;

/// What one signature and what it stands for take in a list, about.
const LISTED_BYTES: usize = 150;

/// What a registration by key made of a connection.
#[derive(Debug, Clone)]
pub(super) struct ByKey {
    /// The peer, and this device of it.
    pub(super) of: PeerDevice,
    /// The key of this device, as the account enrolled it.
    pub(super) device_key: PublicKey,
    /// What names the account's key.
    pub(super) secret: JsonText,
}

impl Connection {
    /// A frame about lists or keys came, of a client.
    pub(super) fn hear_of_keys(&mut self, frame: &Frame<'_>) -> ControlFlow<()> {
        // 0 is for what the server says unasked.
        let ticket = match frame {
            Frame::PutList { ticket, .. }
            | Frame::GetLists { ticket, .. }
            | Frame::PutKeys { ticket, .. }
            | Frame::Claim { ticket, .. }
                if ticket.0 != 0 =>
            {
                *ticket
            }
            _ => return self.break_off(Code::BadMessage),
        };
        match frame {
            Frame::PutList { list, .. } => self.put_list(ticket, list.0),
            Frame::GetLists { peers, .. } => self.get_lists(ticket, &peers.0),
            Frame::PutKeys { fallback, one_time, .. } => self.put_keys(ticket, *fallback, &one_time.0),
            Frame::Claim { devices, .. } => self.claim(ticket, &devices.0),
            _ => return self.break_off(Code::BadMessage),
        }
        ControlFlow::Continue(())
    }

    /// Says what the server has of a device that has just been welcomed.
    pub(super) fn tell_of_keys(&self, by_key: &ByKey) {
        let (shared, connection, of) = (&self.shared, self.name(), by_key.of);
        shared.queues.act(|exchange, now| {
            // It may have been revoked since it was looked at.
            if shared.keys.lists().get(of.peer).is_some_and(|list| list.is_revoked(of.device)) {
                return exchange.revoke(of.peer, of.device, now);
            }
            let list = shared.keys.lists().list(of.peer);
            let list = list.as_ref().map_or(&[][..], |list| &list.encoded);
            exchange.tell(connection, &Frame::Lists { ticket: Varint(0), lists: List(vec![PeerList { peer: of.peer, list }]) });
        });
        let say = self.sayer();
        // The device waits for it before it is listed, and seals nothing before: there is one a connection, and it is always said.
        let answer = Box::new(move |left: Result<KeysLeft, Code>| {
            let KeysLeft { code, one_time } = left.unwrap_or_else(|code| KeysLeft { code, one_time: 0 });
            say(&Frame::Keys { ticket: Varint(0), code: code.number(), one_time: Varint(one_time) });
        });
        shared.keys.ask_in_turn(Request::Left { of, answer });
    }

    fn put_list(&mut self, ticket: Varint, signed: &[u8]) {
        self.verifies(signed.len() / LISTED_BYTES);
        let checked = match &self.by_key {
            Some(by_key) => {
                self.may_ask().and_then(|()| checked_list(by_key.of.peer, &by_key.secret, signed).map(|list| (by_key.of, list)))
            }
            None => Err(Code::InvalidList),
        };
        let (shared, connection) = (Arc::clone(&self.shared), self.name());
        match checked {
            Err(code) => {
                self.count_refused(code);
                let now = self.registered.and_then(|peer| shared.keys.lists().list(peer));
                let list = Rest(now.as_ref().map_or(&[][..], |now| &now.encoded));
                shared.queues.act(|exchange, _now| exchange.tell(connection, &Frame::ListPut { ticket, code: code.number(), list }));
            }
            Ok((of, list)) => {
                let asking = Arc::clone(&self.requests);
                let answer = Box::new(move |put: Result<ListPut, Code>| {
                    drop(asking);
                    shared.list_was_put(ticket, connection, of.peer, put);
                });
                self.shared.keys.ask(Request::PutList { peer: of.peer, list, answer });
            }
        }
    }

    fn get_lists(&mut self, ticket: Varint, peers: &[Credential]) {
        self.allowance.spend(u32::try_from(1 + peers.len()).unwrap_or(u32::MAX), 0);
        if peers.len() > limits::LISTS_PER_FRAME {
            return self.trouble(Code::InvalidArgument, "too many lists at once");
        }
        let shared = &self.shared;
        let lists: Vec<_> = peers.iter().map(|peer| (*peer, shared.keys.lists().list(*peer))).collect();
        let known = shared.queues.known_among(peers);
        let is_known = |peer: Credential| known.contains(&peer) || shared.registry.has_version_1(peer);
        let told = lists.iter().filter(|(peer, list)| list.is_some() || is_known(*peer));
        let told = told.map(|(peer, list)| PeerList { peer: *peer, list: list.as_ref().map_or(&[][..], |list| &list.encoded) });
        self.answer(&Frame::Lists { ticket, lists: List(told.collect()) });
    }

    fn put_keys(&mut self, ticket: Varint, fallback: Option<&[u8]>, one_time: &[&[u8]]) {
        self.verifies(usize::from(fallback.is_some()) + one_time.len().min(limits::ONE_TIME_KEYS));
        let say = self.sayer();
        let say = move |code: Code, one_time: u64| say(&Frame::Keys { ticket, code: code.number(), one_time: Varint(one_time) });
        let checked = match &self.by_key {
            Some(by_key) => {
                self.may_ask().and_then(|()| checked_keys(by_key.of, &by_key.device_key, fallback, one_time).map(|keys| (by_key.of, keys)))
            }
            None => Err(Code::InvalidList),
        };
        match checked {
            Err(code) => {
                self.count_refused(code);
                say(code, 0);
            }
            Ok((of, keys)) => {
                let asking = Arc::clone(&self.requests);
                let answer = Box::new(move |left: Result<KeysLeft, Code>| {
                    drop(asking);
                    let KeysLeft { code, one_time } = left.unwrap_or_else(|code| KeysLeft { code, one_time: 0 });
                    say(code, one_time);
                });
                self.shared.keys.ask(Request::PutKeys { of, keys, answer });
            }
        }
    }

    fn claim(&mut self, ticket: Varint, devices: &[PeerDevice]) {
        let cost = u32::try_from(devices.len()).unwrap_or(u32::MAX).saturating_mul(limits::CLAIM_COST_MESSAGES);
        self.allowance.spend(cost.saturating_add(1), 0);
        let say = self.sayer();
        let say = move |code: Code, keys: &[(Bytes16, Vec<u8>)]| {
            let keys = keys.iter().map(|(device, key)| ClaimedKey { device: *device, key });
            say(&Frame::Claimed { ticket, code: code.number(), keys: List(keys.collect()) });
        };
        let wanted = match self.by_key {
            Some(_) if devices.len() <= limits::DEVICES_PER_CLAIM => self.may_ask(),
            Some(_) | None => Err(Code::InvalidArgument),
        };
        if let Err(code) = wanted {
            self.count_refused(code);
            return say(code, &[]);
        }
        let mut seen = BTreeSet::new();
        let devices = devices.iter().filter(|of| seen.insert((of.peer, of.device))).copied().collect();
        let (shared, asking) = (Arc::clone(&self.shared), Arc::clone(&self.requests));
        let answer = Box::new(move |claimed: Result<Claimed, Code>| {
            drop(asking);
            match claimed {
                Ok(Claimed { keys, low }) => {
                    say(Code::Done, &keys);
                    shared.keys_are_low(&low);
                }
                Err(code) => say(code, &[]),
            }
        });
        self.shared.keys.ask(Request::Claim { devices, answer });
    }

    /// Signatures are about to be verified.
    fn verifies(&mut self, signatures: usize) {
        let cost = u32::try_from(signatures).unwrap_or(u32::MAX).saturating_mul(limits::VERIFYING_COST_MESSAGES);
        self.allowance.spend(cost.saturating_add(1), 0);
    }

    /// Whether one request more of this connection may wait for the disk.
    fn may_ask(&self) -> Result<(), Code> {
        // One handle is the connection's own.
        if Arc::strong_count(&self.requests) > limits::REQUESTS_PER_CONNECTION { Err(Code::RateLimited) } else { Ok(()) }
    }

    fn count_refused(&self, code: Code) {
        self.shared.counters.refused.add(1);
        info!(code = code.number(), reason = code.reason(), "lists or keys not taken");
    }

    /// Writes to the connection, from wherever.
    fn sayer(&self) -> impl Fn(&Frame<'_>) + Send + 'static {
        let queue = Arc::clone(self.queue());
        move |frame| {
            if queue.push(Outgoing::frame(frame)).is_err() {
                debug!("an answer found the connection ending");
            }
        }
    }
}

impl Shared {
    /// Answers, tells the peer's other connections, and closes those of devices that are none any more.
    fn list_was_put(&self, ticket: Varint, connection: msr_delivery::ConnectionId, peer: Credential, put: Result<ListPut, Code>) {
        let is_stored = matches!(put, Ok(ListPut { code: Code::Done, .. }));
        let ListPut { code, now, revoked } =
            put.unwrap_or_else(|code| ListPut { code, now: self.keys.lists().get(peer), revoked: Vec::new() });
        let list = now.as_ref().map_or(&[][..], |now| &now.list.encoded);
        self.queues.act(|exchange, time| {
            exchange.tell(connection, &Frame::ListPut { ticket, code: code.number(), list: Rest(list) });
            if is_stored {
                exchange.tell_others(peer, connection, &Frame::Lists { ticket: Varint(0), lists: List(vec![PeerList { peer, list }]) });
            }
            for &device in &revoked {
                exchange.revoke(peer, device, time);
            }
        });
        if code == Code::StoreFull {
            self.counters.refused.add(1);
            warn!(%peer, code = code.number(), list_bytes = self.keys.lists().bytes(), "a list was not put: there is no room");
        }
        if is_stored {
            info!(%peer, revoked = revoked.len(), "a list was put");
        }
    }

    /// Devices that should put more keys are told so.
    fn keys_are_low(&self, low: &[(PeerDevice, u64)]) {
        if low.is_empty() {
            return;
        }
        self.queues.act(|exchange, _now| {
            for &(of, left) in low {
                let frame = Frame::Keys { ticket: Varint(0), code: Code::Done.number(), one_time: Varint(left) };
                exchange.tell_device(of.peer, of.device, &frame);
            }
        });
    }
}
