//! Every bound of identities by key, each with its unit in its name.

/// How many devices a list names: each message for the peer carries a header for every one.
pub const DEVICES_PER_LIST: usize = 64;

/// How many revoked ids a list remembers.
pub const REVOKED_PER_LIST: usize = 256;

/// The longest host and port in a proof: a name has at most 253 characters (RFC 1035), a port five.
pub const HOST_BYTES: usize = 253 + 1 + 5;

/// The largest content of a backup.
pub const BACKUP_BYTES: usize = 64 * 1024 * 1024;
