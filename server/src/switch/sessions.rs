//! Sessions of dialect B: an id, given with the answer to a registration, opens one; when its connection has ended, the
//! id alone registers again, once. An id that comes a second time has been copied by somebody: then nobody may go on
//! with that session, neither who asks nor who has gone on with it.
//!
//! Ids are 128 random bits of the system's generator, the one TLS uses: whoever guesses one is that peer. Only
//! their SHA-256 is kept, so that neither memory nor disk gives a session away.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use msr_protocol::Code;
use parking_lot::Mutex;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

use super::remembered::{Rank, Remembered};
use crate::store::{PeerStore, Profile, SessionDigest, SessionState, StoredSession};

/// What opens a session: 32 hex digits.
#[derive(Clone)]
pub(super) struct SessionId(String);

impl SessionId {
    /// A new one.
    pub(super) fn random(generator: &SystemRandom) -> Result<Self, Code> {
        let mut bytes = [0; 16];
        // It fails only where the system has no randomness yet: later it has.
        generator.fill(&mut bytes).map_err(|_| Code::GoingAway)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// What a client says is one.
    pub(super) fn told(text: String) -> Self {
        Self(text)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn digest(&self) -> SessionDigest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        SessionDigest(bytes)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digest().fmt(f)
    }
}

/// Why a session cannot be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotResumed {
    /// No session with this id waits to be resumed.
    Unknown,
    /// It was resumed before; the connection that goes on with it now, if there is one.
    Violation {
        /// To be closed.
        connection: Option<u64>,
    },
}

impl NotResumed {
    pub(super) fn code(self) -> Code {
        match self {
            Self::Unknown => Code::InvalidResume,
            Self::Violation { .. } => Code::ResumeViolation,
        }
    }
}

/// All sessions, open and remembered.
pub(super) struct Sessions {
    table: Mutex<Table>,
    store: PeerStore,
}

#[derive(Default)]
struct Table {
    sessions: HashMap<SessionDigest, Session>,
    over: Remembered,
}

struct Session {
    profile: Arc<Profile>,
    state: State,
    /// By age, when it is over.
    rank: Option<Rank>,
}

#[derive(Clone, Copy)]
enum State {
    Open { connection: u64 },
    Ended,
    Used { successor: Option<SessionDigest> },
}

impl Sessions {
    /// The sessions that the store remembers.
    pub(super) fn new(store: PeerStore) -> Self {
        let mut stored = store.take_sessions();
        stored.sort_by_key(|session| session.since_ms);
        let mut table = Table::default();
        for StoredSession { digest, profile, state, since_ms } in stored {
            let state = match state {
                // Nothing is connected yet.
                SessionState::Open | SessionState::Ended => State::Ended,
                SessionState::Used { successor } => State::Used { successor },
            };
            for forgotten in table.put(digest, profile, state, since_ms) {
                store.forget_session(forgotten);
            }
        }
        Self { table: Mutex::new(table), store }
    }

    /// Whose session this is, if it can be resumed. One that was resumed before is barred by the question.
    pub(super) fn look_up(&self, digest: SessionDigest, now_ms: i64) -> Result<Arc<Profile>, NotResumed> {
        self.resumable(&mut self.table.lock(), digest, now_ms)
    }

    /// Whether a session was resumed before, which bars it.
    pub(super) fn check_not_used(&self, digest: SessionDigest, now_ms: i64) -> Result<(), NotResumed> {
        match self.look_up(digest, now_ms) {
            Ok(_) | Err(NotResumed::Unknown) => Ok(()),
            Err(violation @ NotResumed::Violation { .. }) => Err(violation),
        }
    }

    /// Opens a session.
    pub(super) fn open(&self, digest: SessionDigest, profile: Arc<Profile>, connection: u64, now_ms: i64) {
        self.set(&mut self.table.lock(), digest, profile, State::Open { connection }, now_ms);
    }

    /// Uses a session up: it goes on as `successor`.
    pub(super) fn resume(&self, digest: SessionDigest, successor: SessionDigest, connection: u64, now_ms: i64) -> Result<(), NotResumed> {
        let mut table = self.table.lock();
        let profile = self.resumable(&mut table, digest, now_ms)?;
        self.set(&mut table, digest, Arc::clone(&profile), State::Used { successor: Some(successor) }, now_ms);
        self.set(&mut table, successor, profile, State::Open { connection }, now_ms);
        Ok(())
    }

    /// The connection of a session ended; the session can be resumed, unless it was barred.
    pub(super) fn end(&self, digest: SessionDigest, now_ms: i64) {
        let mut table = self.table.lock();
        if let Some(Session { profile, state: State::Open { .. }, .. }) = table.sessions.get(&digest) {
            let profile = Arc::clone(profile);
            self.set(&mut table, digest, profile, State::Ended, now_ms);
        }
    }

    /// The peer of an open session said good-bye: it is forgotten, unless it was barred.
    pub(super) fn finish(&self, digest: SessionDigest) {
        let mut table = self.table.lock();
        if matches!(table.sessions.get(&digest), Some(Session { state: State::Open { .. }, .. })) {
            table.remove(digest);
            self.store.forget_session(digest);
        }
    }

    /// Forgets the sessions that have been over for longer than the TTL. The store clears its own.
    pub(super) fn clear(&self, now_ms: i64) {
        let ttl_ms = i64::try_from(self.store.ttl().as_millis()).unwrap_or(i64::MAX);
        let mut table = self.table.lock();
        while let Some(digest) = table.over.oldest_before(now_ms.saturating_sub(ttl_ms)) {
            table.remove(digest);
        }
    }

    fn resumable(&self, table: &mut Table, digest: SessionDigest, now_ms: i64) -> Result<Arc<Profile>, NotResumed> {
        match table.sessions.get(&digest) {
            Some(Session { state: State::Ended, profile, .. }) => Ok(Arc::clone(profile)),
            Some(Session { state: State::Used { successor }, .. }) => {
                let successor = *successor;
                Err(NotResumed::Violation { connection: self.bar(table, successor, now_ms) })
            }
            Some(Session { state: State::Open { .. }, .. }) | None => Err(NotResumed::Unknown),
        }
    }

    /// Bars whatever a session has become by now; gives the connection that is open with it.
    fn bar(&self, table: &mut Table, mut successor: Option<SessionDigest>, now_ms: i64) -> Option<u64> {
        // A successor is always younger than what it succeeds, so that this ends.
        while let Some(digest) = successor {
            let session = table.sessions.get(&digest)?;
            let connection = match session.state {
                State::Used { successor: next } => {
                    successor = next;
                    continue;
                }
                State::Open { connection } => Some(connection),
                State::Ended => None,
            };
            let profile = Arc::clone(&session.profile);
            self.set(table, digest, profile, State::Used { successor: None }, now_ms);
            return connection;
        }
        None
    }

    fn set(&self, table: &mut Table, digest: SessionDigest, profile: Arc<Profile>, state: State, since_ms: i64) {
        let stored_state = match state {
            State::Open { .. } => SessionState::Open,
            State::Ended => SessionState::Ended,
            State::Used { successor } => SessionState::Used { successor },
        };
        self.store.put_session(StoredSession { digest, profile: Arc::clone(&profile), state: stored_state, since_ms });
        for forgotten in table.put(digest, profile, state, since_ms) {
            self.store.forget_session(forgotten);
        }
    }
}

impl Table {
    /// Puts a session into a state; gives those that are forgotten for it.
    fn put(&mut self, digest: SessionDigest, profile: Arc<Profile>, state: State, since_ms: i64) -> Vec<SessionDigest> {
        self.remove(digest);
        let credential = profile.credential;
        let is_over = !matches!(state, State::Open { .. });
        let rank = is_over.then(|| self.over.add(digest, &profile, since_ms));
        self.sessions.insert(digest, Session { profile, state, rank });
        let mut forgotten = Vec::new();
        while let Some(surplus) = self.over.surplus(credential) {
            self.remove(surplus);
            forgotten.push(surplus);
        }
        forgotten
    }

    fn remove(&mut self, digest: SessionDigest) {
        if let Some(Session { rank: Some(rank), .. }) = self.sessions.remove(&digest) {
            self.over.remove(rank);
        }
    }
}
