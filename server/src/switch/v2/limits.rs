//! Bounds of connections of version 2, each with its unit in its name. What bounds connections of either version
//! stands in [`super::super::limits`], what bounds queues in [`msr_delivery::limits`].

/// How many bytes one WebSocket message joins, one frame and one piece more at most: little enough that a slow link
/// takes it within [`WRITE_TIMEOUT_MS`](super::super::limits::WRITE_TIMEOUT_MS).
pub const BATCH_BYTES: usize = 64 * 1024;

/// The longest name of a device.
pub const DEVICE_NAME_BYTES: usize = 256;

/// The longest keyword of a search.
pub const KEYWORD_BYTES: usize = 1_024;

/// The largest body of a realtime message: it goes out in one frame.
pub const REALTIME_BYTES: usize = 2 * msr_delivery::limits::PIECE_BYTES as usize;

/// How many headers a sealed message may have for each peer: as many as devices may stand on a list.
pub const HEADERS_PER_PEER: usize = 64;

/// While so much waits to be written to a connection, it is not read: more than its window of entries, so that only
/// answers it does not read can make it so.
pub const READ_PAUSE_BYTES: usize = 2 * 1024 * 1024;

/// While so much waits to be written to a connection, frames that may be lost (realtime, progress) are.
pub const LOSSY_BYTES: usize = 2 * 1024 * 1024;

/// What one connection may have of messages in pieces.
pub const UPLOAD_BYTES: usize = 16 * 1024 * 1024;

/// What all connections together may have of them.
pub const UPLOAD_BYTES_IN_ALL: usize = 128 * 1024 * 1024;

/// How many messages of one connection may be under way in pieces.
pub const UPLOADS: usize = 64;

/// A message in pieces of which nothing has come for so long is given up.
pub const UPLOAD_IDLE_MS: u64 = 60_000;
