//! Every bound both ends know of, each with its unit in its name. What only a server or only a client bounds stands
//! in a `limits.rs` of its own.

/// A registration must have come by then: three times the original's 1 440 ms.
pub const REGISTRATION_TIMEOUT_MS: u64 = 3 * 1_440;

/// The largest message of version 1, as text.
pub const MESSAGE_BYTES: usize = 1024 * 1024;

/// How deep JSON may nest before it is refused.
pub const JSON_DEPTH: usize = 128;

/// How many recipients one message may name.
pub const RECIPIENTS: usize = 1_000;

/// The longest spelled name, e-mail address or secret of a peer.
pub const PEER_FIELD_BYTES: usize = 4 * 1024;

/// The largest spelled location of a peer.
pub const LOCATION_BYTES: usize = 8 * 1024;

/// How many peers one search gives, as in the original.
pub const FOUND_PEERS: usize = 20;
