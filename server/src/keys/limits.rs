//! Bounds of lists and keys, each with its unit in its name. How many devices one list has is in [`msr_crypto::limits`].

/// The longest encoded list: enough for one that is full, and as many as one `Lists` frame has fit into one WebSocket
/// message, with what else is joined to it.
pub const LIST_BYTES: usize = 14_500;

/// How many lists one `GetLists` asks for.
pub const LISTS_PER_FRAME: usize = 64;

/// What all lists together take, in memory and on disk. A list that would make it more is refused.
pub const LIST_BYTES_IN_ALL: usize = 256 * 1024 * 1024;

/// What one list takes in memory beside its own bytes, about.
pub(super) const LIST_OWN_BYTES: usize = 256;

/// The longest encoded prekey.
pub const PREKEY_BYTES: usize = 256;

/// How many one-time keys of one device are kept, and how many one `PutKeys` brings at most.
pub const ONE_TIME_KEYS: usize = 100;

/// When a claim leaves fewer of them, the device is told, if it is connected.
pub const ONE_TIME_KEYS_LOW: usize = 20;

/// How many devices of one peer may have keys here: all of a full list, and those that are about to take the place of others.
pub const KEYED_DEVICES_PER_PEER: usize = msr_crypto::limits::DEVICES_PER_LIST + msr_delivery::limits::DEVICES_PER_PEER;

/// What all prekeys together take on disk. More are refused beyond.
pub const PREKEY_BYTES_IN_ALL: u64 = 4 * 1024 * 1024 * 1024;

/// How many devices one `Claim` asks for.
pub const DEVICES_PER_CLAIM: usize = 256;

/// What verifying one signature costs of a connection's rate, in messages.
pub const VERIFYING_COST_MESSAGES: u32 = 10;

/// What taking a key of one device costs of a connection's rate, in messages: it may be a key that somebody else could use.
pub const CLAIM_COST_MESSAGES: u32 = 10;

/// Requests of one connection that wait for the disk. One more is refused.
pub const REQUESTS_PER_CONNECTION: usize = 16;

/// Requests of all connections that wait for the disk; likewise.
pub const REQUESTS: usize = 1_024;

/// The most requests that one commit answers.
pub(super) const BATCH_REQUESTS: usize = 256;

/// How long after the disk refused something it is tried again.
pub(super) const RETRY_MS: u64 = 500;

/// How many peers one turn of forgetting looks at.
pub(super) const OWNERS_PER_TURN: usize = 1_024;
