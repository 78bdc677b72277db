//! Bounds of the switch, each with its unit in its name. Those both ends know are in [`msr_protocol::limits`].

/// What may wait to be written to one connection, in messages. One more, and the connection is closed with
/// [`SlowConsumer`](msr_protocol::Code::SlowConsumer).
pub const QUEUE_MESSAGES: usize = 4_096;

/// What may wait to be written to one connection, in bytes; likewise.
pub const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// What one queue may hold without asking: more is taken from [`QUEUED_BYTES_IN_ALL`].
pub const QUEUE_OWN_BYTES: usize = 64 * 1024;

/// What all queues together may hold beyond their own share.
pub const QUEUED_BYTES_IN_ALL: usize = 512 * 1024 * 1024;

/// The largest message in another dialect: JavaScript spells some numbers longer than they came.
pub const RESPELLED_BYTES: usize = 2 * msr_protocol::limits::MESSAGE_BYTES;

/// A text shorter than this is copied before it waits: as a slice it would keep the whole read buffer it came in.
pub const COPY_BELOW_BYTES: usize = 1_024;

/// How many frames are taken from a connection before others get their turn.
pub const READS_PER_TURN: u32 = 64;

/// How many messages one write joins, at most.
pub const BATCH_MESSAGES: usize = 256;

/// How many bytes one write joins, one message more at most.
pub const BATCH_BYTES: usize = 256 * 1024;

/// How long one such write may take.
pub const WRITE_TIMEOUT_MS: u64 = 20_000;

/// How long the closing handshake may take.
pub const CLOSE_TIMEOUT_MS: u64 = 2_000;

/// A WebSocket ping goes out this often; who sends nothing for two of them is closed with
/// [`Silent`](msr_protocol::Code::Silent).
pub const HEARTBEAT_MS: u64 = 10_000;

/// Bytes alone keep a connection for that long: then a message, or the answer to a ping, must have come whole, or it is
/// closed likewise. The largest message so needs 9 kB/s.
pub const MESSAGE_TIMEOUT_MS: u64 = 120_000;

/// How many connections one credential may have.
pub const CONNECTIONS_PER_CREDENTIAL: usize = 64;

/// What one connection may send for long, in messages a second; for what a message costs see [`super::Rate`].
pub const MESSAGES_PER_SECOND: u32 = 10_000;

/// What it may send at once, in messages.
pub const MESSAGE_BURST: u32 = 20_000;

/// What one connection may send for long, in bytes a second.
pub const BYTES_PER_SECOND: u32 = 8 * 1024 * 1024;

/// What it may send at once, in bytes.
pub const BYTE_BURST: u32 = 32 * 1024 * 1024;

/// So many copies cost as much as one more message: connections reached, the sender's own among them, or recipients named
/// where those are more.
pub const COPIES_PER_COST: usize = 10;

/// What a search costs, in messages: it looks at everybody who can be found.
pub const SEARCH_COST_MESSAGES: u32 = 100;

/// What a message that is dropped, and a second registration, costs, in messages: each leaves a line in the log.
pub const DROP_COST_MESSAGES: u32 = 100;

/// How many sessions that are over are remembered; beyond, the oldest are forgotten.
pub const REMEMBERED_SESSIONS: usize = 200_000;

/// How many of them may be of one credential; beyond, its own oldest are forgotten.
pub const REMEMBERED_SESSIONS_PER_CREDENTIAL: usize = 64;

/// How much all of them may hold, in bytes; beyond, the oldest are forgotten.
pub const REMEMBERED_BYTES: usize = 128 * 1024 * 1024;

/// What one of them counts beside the texts of its peer.
pub const SESSION_OWN_BYTES: usize = 256;

/// How often what is older than the TTL is cleared; more often when the TTL itself is shorter.
pub const CLEARING_INTERVAL_MS: u64 = 60 * 60 * 1_000;

/// And no more often than this.
pub const CLEARING_INTERVAL_MIN_MS: u64 = 1_000;

/// How many texts a queue keeps room for when it is empty.
pub const KEPT_TEXTS: usize = 32;
