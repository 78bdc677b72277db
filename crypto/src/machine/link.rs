//! What is asked of the server, and what it answered: on this connection, until it is lost.

use msr_protocol::Credential;
use msr_protocol::v2::{Frame, List, PeerDevice, Varint};

use super::limits::{ANSWER_MS, ASK_AGAIN_MS, ASK_FIRST_MS, CLAIMS_PER_FRAME, LISTS_PER_FRAME, PEERS};
use super::records::PairKey;
use super::sorted::{Map, Set};

/// What the server said of the list of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Here it is.
    Listed,
    /// There is the peer, but no list.
    Empty,
    /// There is no such peer.
    Unknown,
    /// Something that is not the peer's list.
    Forged,
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Link {
    pub(crate) registered: bool,
    last_ticket: u64,
    lists_wanted: Set<Credential>,
    lists_asked: Map<u64, (Vec<Credential>, i64)>,
    /// With when it is asked again, and how long after.
    heard: Map<Credential, (Answer, i64, i64)>,
    claims_wanted: Set<PairKey>,
    claims_asked: Map<u64, (Vec<PairKey>, i64)>,
    /// Devices of which the server has no key, and when it is asked again.
    keyless: Map<PairKey, i64>,
    /// Devices of which it has a key that is not theirs, and when it is asked again.
    barred: Map<PairKey, i64>,
}

impl Link {
    /// The connection is another one: nothing that was asked will be answered.
    pub(crate) fn reset(&mut self, registered: bool) {
        *self = Self { registered, last_ticket: self.last_ticket, ..Self::default() };
    }

    pub(crate) fn next_ticket(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    pub(crate) fn want_list(&mut self, credential: Credential) {
        if !self.lists_asked.values().any(|(asked, _)| asked.contains(&credential)) {
            self.lists_wanted.put(credential);
        }
    }

    /// What was answered, and when it is worth asking again.
    pub(crate) fn heard(&self, credential: Credential) -> Option<(Answer, i64)> {
        self.heard.get(&credential).map(|&(answer, again_ms, _)| (answer, again_ms))
    }

    pub(crate) fn hear(&mut self, credential: Credential, answer: Answer, now_ms: i64) {
        if self.heard.len() >= PEERS {
            self.heard.clear();
        }
        // Who has just come is about to put its list.
        let wait_ms = match self.heard.get(&credential) {
            Some((Answer::Empty | Answer::Forged, _, wait_ms)) => wait_ms.saturating_mul(2).min(ASK_AGAIN_MS),
            Some((Answer::Listed | Answer::Unknown, ..)) | None => ASK_FIRST_MS,
        };
        self.heard.insert(credential, (answer, now_ms.saturating_add(wait_ms), wait_ms));
    }

    /// The peers that an answer is of; those that it leaves out are unknown to the server.
    pub(crate) fn lists_answered(&mut self, ticket: u64) -> Vec<Credential> {
        self.lists_asked.remove(&ticket).map(|(asked, _)| asked).unwrap_or_default()
    }

    pub(crate) fn is_asked(&self, credential: Credential) -> bool {
        self.lists_wanted.contains(&credential) || self.lists_asked.values().any(|(asked, _)| asked.contains(&credential))
    }

    pub(crate) fn want_key(&mut self, pair: PairKey) {
        if !self.claims_asked.values().any(|(asked, _)| asked.contains(&pair)) {
            self.claims_wanted.put(pair);
        }
    }

    pub(crate) fn claims_answered(&mut self, ticket: u64) -> Vec<PairKey> {
        self.claims_asked.remove(&ticket).map(|(asked, _)| asked).unwrap_or_default()
    }

    pub(crate) fn no_key(&mut self, pair: PairKey, now_ms: i64) {
        self.keyless.insert(pair, now_ms.saturating_add(ASK_AGAIN_MS));
    }

    pub(crate) fn bad_key(&mut self, pair: PairKey, now_ms: i64) {
        self.barred.insert(pair, now_ms.saturating_add(ASK_AGAIN_MS));
    }

    pub(crate) fn is_keyless(&self, pair: PairKey, now_ms: i64) -> bool {
        self.keyless.get(&pair).is_some_and(|&until_ms| until_ms > now_ms)
    }

    pub(crate) fn is_barred(&self, pair: PairKey, now_ms: i64) -> bool {
        self.barred.get(&pair).is_some_and(|&until_ms| until_ms > now_ms)
    }

    /// When a device is asked about again, ms since 1970.
    pub(crate) fn bars_end_ms(&self) -> Option<i64> {
        self.barred.values().chain(self.keyless.values()).min().copied()
    }

    /// When an answer is late, ms since 1970.
    pub(crate) fn answer_due_ms(&self) -> Option<i64> {
        let lists = self.lists_asked.values().map(|&(_, at_ms)| at_ms);
        let claims = self.claims_asked.values().map(|&(_, at_ms)| at_ms);
        lists.chain(claims).min().map(|at_ms| at_ms.saturating_add(ANSWER_MS))
    }

    /// The frames that ask for what is wanted; what was asked too long ago is wanted again.
    pub(crate) fn ask(&mut self, now_ms: i64) -> Option<Vec<u8>> {
        if !self.registered {
            return None;
        }
        let late = |at_ms: i64| at_ms.saturating_add(ANSWER_MS) <= now_ms;
        for (asked, at_ms) in self.lists_asked.values() {
            self.lists_wanted.extend(asked.iter().copied().filter(|_| late(*at_ms)));
        }
        for (asked, at_ms) in self.claims_asked.values() {
            self.claims_wanted.extend(asked.iter().copied().filter(|_| late(*at_ms)));
        }
        self.lists_asked.retain(|_, (_, at_ms)| !late(*at_ms));
        self.claims_asked.retain(|_, (_, at_ms)| !late(*at_ms));
        self.barred.retain(|_, until_ms| *until_ms > now_ms);
        self.keyless.retain(|_, until_ms| *until_ms > now_ms);
        let mut frames = vec![];
        while !self.lists_wanted.is_empty() {
            let peers: Vec<_> = self.lists_wanted.keys().copied().take(LISTS_PER_FRAME).collect();
            self.lists_wanted.retain(|credential, ()| !peers.contains(credential));
            let ticket = self.next_ticket();
            Frame::GetLists { ticket: Varint(ticket), peers: List(peers.clone()) }.write(&mut frames);
            self.lists_asked.insert(ticket, (peers, now_ms));
        }
        while !self.claims_wanted.is_empty() {
            // An answer names devices alone, so that each id stands in a frame once.
            let mut claim: Vec<PairKey> = vec![];
            for &pair in self.claims_wanted.keys() {
                if claim.len() < CLAIMS_PER_FRAME && !claim.iter().any(|claimed| claimed.1 == pair.1) {
                    claim.push(pair);
                }
            }
            self.claims_wanted.retain(|pair, ()| !claim.contains(pair));
            let devices = List(claim.iter().map(|&(peer, device)| PeerDevice { peer, device }).collect());
            let ticket = self.next_ticket();
            Frame::Claim { ticket: Varint(ticket), devices }.write(&mut frames);
            self.claims_asked.insert(ticket, (claim, now_ms));
        }
        (!frames.is_empty()).then_some(frames)
    }
}
