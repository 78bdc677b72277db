//! What bounds the outside of the server, each with its unit in its name. What both ends of a connection know of is
//! in [`msr_protocol::limits`].

/// A TLS handshake must be done by then.
pub const TLS_HANDSHAKE_MS: u64 = 10_000;

/// The headers of a request must have come by then; also how long a connection may idle between two requests.
pub const REQUEST_HEADERS_MS: u64 = 10_000;

/// The request line and headers of one request.
pub const REQUEST_HEADERS_BYTES: usize = 16 * 1_024;

/// How many headers one request may have.
pub const REQUEST_HEADERS: usize = 64;

/// How long a connection may speak plain HTTP before it is ended, so that nobody holds one by reading slowly.
pub const HTTP_CONNECTION_MS: u64 = 300_000;

/// How long a plain HTTP connection gets to finish its response when it is ended.
pub const HTTP_CLOSE_MS: u64 = 2_000;

/// What the kernel queues while the server is busy accepting.
pub const ACCEPT_BACKLOG: u32 = 4_096;

/// How long accepting rests when the system has no file descriptor or memory to give.
pub const ACCEPT_PAUSE_MS: u64 = 250;

/// File descriptors kept for everything that is no connection.
pub const RESERVED_FILES: u64 = 64;

/// How many refused connections are told why at a time; the others are just closed.
pub const REFUSALS_AT_ONCE: usize = 64;

/// How long a refused connection gets to read why.
pub const REFUSAL_MS: u64 = 1_000;

/// The read buffer of a WebSocket. It takes many small frames in one read; axum's own 128 KiB would cost that much
/// for each idle connection.
pub const WEBSOCKET_READ_BUFFER_BYTES: usize = 4_096;

/// From how many bytes on a WebSocket writes without being told to flush.
pub const WEBSOCKET_WRITE_BUFFER_BYTES: usize = 4_096;

/// What may wait in the write buffer of a WebSocket: the largest message, several times as long when it is spelled
/// anew (`1e20` becomes 21 digits), and one more behind it.
pub const WEBSOCKET_WRITE_BUFFER_MAX_BYTES: usize = 16 * msr_protocol::limits::MESSAGE_BYTES;

/// How often key and certificate are looked at for changes.
pub const TLS_RELOAD_MS: u64 = 2_000;

/// How many log lines of one kind a client can cause in a second.
pub const LOG_LINES_PER_SECOND: u32 = 50;

/// How much of a client's text a log line shows.
pub const LOG_TEXT_CHARS: usize = 200;
