//! Every bound of delivery, each with its unit in its name.

/// How many entries may be under way to one device, unacknowledged.
pub const WINDOW_ENTRIES: usize = 256;

/// How many bytes of entries may be under way to one device. Of an entry that travels in pieces one piece counts: it
/// is under way in no other way.
pub const WINDOW_BYTES: u64 = 1024 * 1024;

/// How many messages of one device may wait for the disk.
pub const UNCOMMITTED_MESSAGES: usize = 1_024;

/// How much may wait for one device.
pub const QUEUE_BYTES: u64 = 64 * 1024 * 1024;

/// How many devices there may be in all.
pub const DEVICES: usize = 1_000_000;

/// How many devices one peer may have.
pub const DEVICES_PER_PEER: usize = 32;

/// How many outboxes (epochs) of one device are remembered.
pub const OUTBOXES_PER_DEVICE: usize = 4;

/// How many arrivals are reserved on disk at a time.
pub const RESERVED_ARRIVALS: u64 = 1 << 20;

/// How long a message is kept when its sender does not say, ms.
pub const EXPIRE_AFTER_MS: u64 = 7 * 24 * 3_600_000;

/// A sender that says more is taken to mean this: a year.
pub const EXPIRE_AFTER_MAX_MS: u64 = 366 * 24 * 3_600_000;

/// How many bytes of messages, in all, may wait for the disk before more are refused.
pub const UNWRITTEN_BYTES: u64 = 160 * 1024 * 1024;

/// How much of an entry is needed to know again who sent it to whom.
pub const ENTRY_HEAD_BYTES: usize = 20 * 1024;

/// How many waiting entries are read from the disk for one device at a time.
pub const FETCH_ENTRIES: usize = 64;

/// Entries longer than that travel in pieces.
pub const PIECE_BYTES: u32 = 32 * 1024;

/// The largest body of one message.
pub const MESSAGE_BYTES: usize = 15 * 1024 * 1024;

/// The longest header of one device.
pub const HEADER_BYTES_MOST: usize = 1_024;

/// When a sealed message does not fit so many bytes of lists, no more are told with its refusal.
pub const STALE_LISTS_BYTES: usize = 256 * 1024;

/// How long a message that expires before it is on disk is given to get there, ms at a time.
pub const EXPIRY_RETRY_MS: i64 = 50;

/// How many entries one turn drops at most, of those that expired or waited for a retired device: others wait meanwhile.
pub const ENTRIES_PER_TURN: usize = 1_024;

/// How many devices one turn looks at for whether they are idle.
pub const DEVICES_PER_TURN: u32 = 16_384;
