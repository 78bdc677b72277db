//! What a driver keeps, unread.

use msr_protocol::Credential;

/// Names one [`crate::Output::Persist`] until it is answered; never used twice in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersistTicket(pub u64);

/// One change of what a driver keeps; keys and values are opaque to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Keep this, in place of what that key had.
    Put {
        /// The key: ASCII, at most 64 characters.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Forget what that key has.
    Delete {
        /// The key.
        key: String,
    },
}

/// All that a driver keeps for one peer on this device.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whose it is.
    pub credential: Credential,
    /// Keys and values, in any order.
    pub records: Vec<(String, Vec<u8>)>,
    /// Fresh randomness from the system: ids and epochs are made of it.
    pub entropy: [u8; 32],
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { credential, records, entropy: _ } = self;
        f.debug_struct("Snapshot").field("credential", credential).field("records", &records.len()).finish_non_exhaustive()
    }
}
