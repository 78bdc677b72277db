//! Bounds of the driver of the queues, each with its unit in its name. Those of the queues themselves are in
//! [`msr_delivery::limits`].

/// A connection with so many messages that wait for the disk is not read until some are there.
pub const UNCOMMITTED_MESSAGES_PAUSE: u64 = 512;

/// While so many bytes of all messages wait for the disk, nobody who sends is read.
pub const UNWRITTEN_BYTES_PAUSE: u64 = 64 * 1024 * 1024;

/// How long the disk is left in peace after it was full, at first; each time it is still full, twice as long.
pub const FULL_PAUSE_MS: u64 = 20;

/// And no longer than this.
pub const FULL_PAUSE_MAX_MS: u64 = 1_000;

/// How often it is looked for what has expired.
pub const EXPIRY_TICK_MS: u64 = 1_000;

/// How many entries one read of the disk fetches, for all devices that wait; one request more at most.
pub const FETCH_ENTRIES_AT_ONCE: usize = 512;

/// How much of a large entry is read at a time for one connection.
pub const PART_BYTES: u32 = 8 * msr_delivery::limits::PIECE_BYTES;

/// How many large entries are read and checked at once.
pub const LARGE_READS_AT_ONCE: usize = 4;

/// How much of the store is read at a time when the queues are built at the start.
pub const RECOVERY_BYTES: usize = 4 * 1024 * 1024;
