//! What this device shares with one other: Olm sessions, and the counters of the letters between them.

use msr_protocol::v2::{List, Varint};
use sha2::{Digest, Sha256};
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Message, OlmMessage, PreKeyMessage, Session, SessionConfig, SessionKeys};
use zeroize::Zeroizing;

use super::account::OlmAccount;
use super::header::{Lane, kind};
use super::limits::{ANSWERING_MS, KEYS_ANSWERED, SESSIONS_PER_DEVICE, VOIDED_PER_HEADER};
use super::pickle::{pack, unpack};
use super::records::{PairRecord, SessionRecord};
use super::seen::Seen;
use super::spelled::{read_whole, spell};

/// What a session is known by: what vodozemac makes base64 of.
fn session_id(keys: &SessionKeys) -> [u8; 32] {
    let keys = [keys.identity_key, keys.base_key, keys.one_time_key];
    Sha256::digest(keys.map(|key| key.to_bytes()).as_flattened()).into()
}

/// A session: live once it is used, packed as it was last kept.
struct Slot {
    id: [u8; 32],
    live: Option<Session>,
    packed: Option<Vec<u8>>,
}

impl Slot {
    fn new(session: Session) -> Self {
        Self { id: session_id(&session.session_keys()), live: Some(session), packed: None }
    }

    /// The session, about to change.
    fn session(&mut self) -> Option<&mut Session> {
        if self.live.is_none() {
            self.live = self.packed.as_deref().and_then(unpack).map(Session::from_pickle);
        }
        self.live.as_mut()
    }

    fn packed(&mut self) -> Option<&[u8]> {
        if self.packed.is_none() {
            self.packed = self.live.as_ref().and_then(|session| pack(&session.pickle()));
        }
        self.packed.as_deref()
    }
}

/// Why a header was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It is no Olm message, or begins a session of another device.
    Malformed,
    /// No session opens it.
    Broken,
}

/// See the [module](self).
pub(crate) struct Pair {
    pub(crate) identity_key: [u8; 32],
    /// The one to seal with is last: the newest.
    sessions: Vec<Slot>,
    sent: [u64; 3],
    /// What this run of the machine sent begins there.
    sure_from: [u64; 3],
    voided: Vec<u64>,
    pub(crate) received: [Seen; 3],
    pub(crate) fallback_ms: i64,
    /// Whether the device cannot open what the session seals, so that a new one is due. Not kept: it is found again.
    pub(crate) renew: bool,
    /// When that last happened, ms since 1970.
    pub(crate) renewed_ms: i64,
    /// Letters about whose keys the device may be answered, until that is renewed. Not kept.
    answers: usize,
    /// When it is, ms since 1970.
    pub(crate) answers_due_ms: Option<i64>,
}

/// What a header says of its place.
pub(crate) struct Place {
    pub(crate) counter: u64,
    pub(crate) sure_from: u64,
    pub(crate) voided: Vec<u64>,
}

impl Pair {
    /// Counters begin at the time, so that they go on rising should this device ever forget them.
    pub(crate) fn new(identity_key: [u8; 32], now_ms: i64) -> Self {
        let sent = [now_ms.max(0).unsigned_abs(); 3];
        let sure_from = sent.map(|sent| sent + 1);
        let received = Default::default();
        Self {
            identity_key,
            sessions: vec![],
            sent,
            sure_from,
            voided: vec![],
            received,
            fallback_ms: 0,
            renew: false,
            renewed_ms: i64::MIN,
            answers: KEYS_ANSWERED,
            answers_due_ms: None,
        }
    }

    pub(crate) fn from_record(bytes: &[u8]) -> Option<Self> {
        let record: PairRecord<'_> = read_whole(bytes).ok().filter(|record: &PairRecord<'_>| record.version == 2)?;
        let sent = <[Varint; 3]>::try_from(record.sent.0).ok()?.map(|Varint(sent)| sent);
        let received = record.received.0.iter().map(Seen::from_record).collect::<Option<Vec<_>>>()?;
        let slot = |record: &SessionRecord<'_>| Slot { id: record.id, live: None, packed: Some(record.session.to_owned()) };
        Some(Self {
            identity_key: record.identity_key,
            sessions: record.sessions.0.iter().map(slot).collect(),
            sent,
            sure_from: sent.map(|sent| sent.saturating_add(1)),
            voided: record.voided.0.iter().map(|&Varint(counter)| counter).collect(),
            received: received.try_into().ok()?,
            fallback_ms: record.fallback_ms,
            renew: false,
            renewed_ms: i64::MIN,
            answers: KEYS_ANSWERED,
            answers_due_ms: None,
        })
    }

    /// What is to be kept. Packs the sessions that changed since the last time.
    pub(crate) fn record(&mut self) -> Vec<u8> {
        let sent = List(self.sent.map(Varint).to_vec());
        let voided = List(self.voided.iter().map(|&counter| Varint(counter)).collect());
        let received = List(self.received.iter().map(Seen::to_record).collect());
        let mut sessions = List(vec![]);
        for slot in &mut self.sessions {
            let id = slot.id;
            if let Some(session) = slot.packed() {
                sessions.0.push((id, session));
            }
        }
        let sessions = List(sessions.0.iter().map(|(id, session)| SessionRecord { id: *id, session }).collect());
        let (identity_key, fallback_ms) = (self.identity_key, self.fallback_ms);
        spell(&PairRecord { version: 2, identity_key, sent, voided, received, fallback_ms, sessions })
    }

    pub(crate) fn has_session(&self) -> bool {
        !self.sessions.is_empty() && !self.renew
    }

    /// The device has another key: what was shared is worth nothing.
    pub(crate) fn forget_sessions(&mut self, identity_key: [u8; 32]) {
        self.identity_key = identity_key;
        self.sessions.clear();
        self.fallback_ms = 0;
    }

    /// Takes the next counter of a lane.
    pub(crate) fn next_place(&mut self, lane: Lane) -> Place {
        let at = lane as usize;
        self.sent[at] = self.sent[at].saturating_add(1);
        let voided = if lane == Lane::Message { self.voided.clone() } else { vec![] };
        Place { counter: self.sent[at], sure_from: self.sure_from[at], voided }
    }

    /// The message of that counter was not sent, and will not be.
    pub(crate) fn void(&mut self, counter: u64) {
        self.voided.push(counter);
        let surplus = self.voided.len().saturating_sub(VOIDED_PER_HEADER);
        self.voided.drain(..surplus);
    }

    /// About the keys of how many letters the device may be answered now.
    pub(crate) fn may_answer(&mut self, now_ms: i64) -> usize {
        if self.answers_due_ms.take_if(|due_ms| *due_ms <= now_ms).is_some() {
            self.answers = KEYS_ANSWERED;
        }
        self.answers
    }

    /// It was, about so many.
    pub(crate) fn answered(&mut self, letters: usize, now_ms: i64) {
        self.answers = self.answers.saturating_sub(letters);
        self.answers_due_ms.get_or_insert(now_ms.saturating_add(ANSWERING_MS));
    }

    /// Begins a session with a key of the device.
    pub(crate) fn begin(&mut self, account: &OlmAccount, prekey: [u8; 32]) -> bool {
        let identity_key = Curve25519PublicKey::from_bytes(self.identity_key);
        let prekey = Curve25519PublicKey::from_bytes(prekey);
        match account.account.create_outbound_session(SessionConfig::version_1(), identity_key, prekey) {
            Ok(session) => {
                self.push(session);
                self.renew = false;
                true
            }
            Err(_) => false,
        }
    }

    fn push(&mut self, session: Session) {
        self.sessions.push(Slot::new(session));
        let surplus = self.sessions.len().saturating_sub(SESSIONS_PER_DEVICE);
        self.sessions.drain(..surplus);
    }

    /// A header of kind 1 or 2, with the newest session.
    pub(crate) fn seal(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        // One that cannot be read any more is of no use: without it another is begun.
        while self.sessions.last_mut().is_some_and(|slot| slot.session().is_none()) {
            self.sessions.pop();
        }
        let slot = self.sessions.last_mut()?;
        let sealed = slot.session()?.encrypt(text).ok()?;
        slot.packed = None;
        Some(match sealed {
            OlmMessage::PreKey(message) => [&[kind::OLM_PREKEY][..], &message.to_bytes()].concat(),
            OlmMessage::Normal(message) => [&[kind::OLM][..], &message.to_bytes()].concat(),
        })
    }

    /// The text of a header of kind 1, and whether the account changed.
    pub(crate) fn open_prekey(&mut self, account: &mut OlmAccount, bytes: &[u8]) -> Result<(Zeroizing<Vec<u8>>, bool), Unopened> {
        let message = PreKeyMessage::from_bytes(bytes).map_err(|_| Unopened::Malformed)?;
        if message.identity_key().to_bytes() != self.identity_key {
            return Err(Unopened::Malformed);
        }
        let id = session_id(&message.session_keys());
        if let Some(slot) = self.sessions.iter_mut().find(|slot| slot.id == id) {
            let text = slot.session().and_then(|session| session.decrypt(&OlmMessage::PreKey(message)).ok()).ok_or(Unopened::Broken)?;
            slot.packed = None;
            return Ok((Zeroizing::new(text), false));
        }
        let identity_key = Curve25519PublicKey::from_bytes(self.identity_key);
        let created = account.account.create_inbound_session(SessionConfig::version_1(), identity_key, &message);
        let created = created.map_err(|_| Unopened::Broken)?;
        self.push(created.session);
        self.renew = false;
        Ok((Zeroizing::new(created.plaintext), true))
    }

    /// The text of a header of kind 2.
    pub(crate) fn open(&mut self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let message = OlmMessage::Normal(Message::from_bytes(bytes).map_err(|_| Unopened::Malformed)?);
        for slot in self.sessions.iter_mut().rev() {
            // A session that fails to open a message stays as it was.
            if let Some(text) = slot.session().and_then(|session| session.decrypt(&message).ok()) {
                slot.packed = None;
                return Ok(Zeroizing::new(text));
            }
        }
        Err(Unopened::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::SystemRandom;
    use super::*;

    #[test]
    fn a_session_that_cannot_be_read_makes_room_for_another() {
        let account = OlmAccount::new(&mut SystemRandom).unwrap();
        let mut pair = Pair::new(account.identity_key(), 0);
        assert!(pair.begin(&account, account.identity_key()) && pair.seal(b"text").is_some());
        pair.sessions.push(Slot { id: [0; 32], live: None, packed: Some(vec![1]) });
        assert!(pair.seal(b"text").is_some(), "with the one before");
        pair.sessions[0] = Slot { id: [0; 32], live: None, packed: Some(vec![1]) };
        assert_eq!(pair.seal(b"text"), None);
        assert!(!pair.has_session());
    }

    #[test]
    fn answers_are_given_so_many_at_a_time() {
        let mut pair = Pair::new([0; 32], 0);
        assert_eq!((pair.may_answer(0), pair.answers_due_ms), (KEYS_ANSWERED, None));
        pair.answered(KEYS_ANSWERED - 1, 5);
        pair.answered(1, 6);
        assert_eq!((pair.may_answer(7), pair.answers_due_ms), (0, Some(5 + ANSWERING_MS)));
        assert_eq!((pair.may_answer(5 + ANSWERING_MS), pair.answers_due_ms), (KEYS_ANSWERED, None));
    }
}
