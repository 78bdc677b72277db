//! Every bound of the store, its unit in its name.

/// Size of one segment file, unless its checkpoint or one commit needs more.
pub const SEGMENT_BYTES: u64 = 32 << 20;

/// A segment is at least this many times as large as the checkpoint it begins with, which bounds what checkpoints cost.
pub const SEGMENT_CHECKPOINTS: u64 = 8;

/// The largest entry of a message, its headers included, and the largest piece of an upload.
pub const ENTRY_BYTES: usize = 16 << 20;

/// The longest header of one device.
pub const HEADER_BYTES: usize = 4 << 10;

/// The largest commit.
pub const COMMIT_BYTES: usize = 256 << 20;

/// What one commit copies forward at most out of the segment that is being emptied.
pub const COPY_BYTES: usize = 256 << 10;

/// Starts of the server remembered; a client that knows only an older one starts a new epoch.
pub const STARTS: usize = 65_536;

/// Parts of messages waiting for the writer thread, in bytes: beyond it new messages are refused, acknowledgements are not.
pub const GROUP_BYTES: usize = 32 << 20;

/// The same in parts.
pub const GROUP_PARTS: usize = 65_536;
