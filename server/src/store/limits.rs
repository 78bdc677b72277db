//! Bounds of the store, each with its unit in its name.

/// Changes that wait to be written. What comes on top of them is lost to the store (never to who is online), and logged.
pub(super) const WAITING_CHANGES: usize = 65_536;

/// What the profiles among them may hold, in bytes; likewise.
pub(super) const WAITING_BYTES: usize = 32 * 1024 * 1024;

/// The most changes one commit writes.
pub(super) const BATCH_CHANGES: usize = 4_096;

/// How long a first change waits for others to share its commit with.
pub(super) const LINGER_MS: u64 = 50;

/// What the engine may keep of the file in memory.
pub(super) const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// How long after the disk refused something it is tried again.
pub(super) const RETRY_MS: u64 = 500;
