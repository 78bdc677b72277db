//! A session of dialect B, as it is remembered.

use std::fmt;
use std::sync::Arc;

use super::Profile;

/// The SHA-256 of a session id: the id itself opens the session, so it is never kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionDigest(pub [u8; 32]);

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four bytes tell sessions apart in a log.
        write!(f, "SessionDigest({}…)", hex::encode(&self.0[..4]))
    }
}

/// What became of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Its connection is open.
    Open,
    /// Its connection ended: the id resumes it, once.
    Ended,
    /// It was resumed, by that session; or, with none, it is barred.
    Used {
        /// Who goes on with it.
        successor: Option<SessionDigest>,
    },
}

/// A session and what it needs to register again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Which.
    pub digest: SessionDigest,
    /// Whose.
    pub profile: Arc<Profile>,
    /// What became of it.
    pub state: SessionState,
    /// Since when it is in that state, in ms since 1970.
    pub since_ms: i64,
}
