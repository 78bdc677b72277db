//! Every bound of a client, each with its unit in its name.

/// A socket must be open by then.
pub const CONNECT_TIMEOUT_MS: f64 = 20_000.0;

/// A registration must be answered by then.
pub const REGISTRATION_TIMEOUT_MS: f64 = 10_000.0;

/// How long the question whether the server refuses this origin may hold up the next attempt.
pub const PROBE_TIMEOUT_MS: f64 = 5_000.0;

/// Of connections that fail before they open, one after the other, the first and then each of so many asks why.
pub const PROBE_EVERY_FAILURES: u32 = 8;

/// The longest first wait before a reconnect.
pub const BACKOFF_BASE_MS: f64 = 500.0;

/// The longest wait before a reconnect.
pub const BACKOFF_CAP_MS: f64 = 30_000.0;

/// From the start of one attempt to the start of the next at least, however often somebody says that the network is back.
pub const ATTEMPT_INTERVAL_MS: f64 = 100.0;

/// A registration that lasted so long was a success: the next loss starts with a short wait again.
pub const LASTED_MS: f64 = 10_000.0;

/// How many messages wait in the outbox; the next one is refused.
pub const OUTBOX_MESSAGES: usize = 10_000;

/// How many bytes wait in the outbox; what would exceed them is refused.
pub const OUTBOX_BYTES: usize = 16 * 1024 * 1024;

/// How long a message waits that does not say: 7 days.
pub const EXPIRE_AFTER_MS: f64 = 7.0 * 24.0 * 3_600.0 * 1_000.0;

/// Of so many messages the keys are asked ahead of what the server has taken; see [`SEALING_BYTES`].
pub const SEALING_AT_ONCE: usize = 128;

/// As [`SEALING_AT_ONCE`], in bytes. Beyond either, they are asked of the first message alone of those for one recipient: what
/// waits for a decision about one holds up nobody else.
pub const SEALING_BYTES: usize = 4 * 1024 * 1024;

/// Of no more messages are the keys asked in any case.
pub const SEALING_MOST: usize = 256;

/// Where fewer messages than that are out of the queue, the keys open those of one device ahead of its handler, if they are not
/// larger than [`PIECE_BYTES`].
pub const OPENED_AHEAD: usize = 128;

/// Of so many realtime messages the keys are asked at once, each way; the oldest gives way to another.
pub const LIVE_AT_ONCE: usize = 32;

/// How many searches wait for their answer; the next one is refused.
pub const SEARCHES: usize = 64;

/// A search must be complete by then.
pub const SEARCH_TIMEOUT_MS: f64 = 10_000.0;

/// A server that does not say how many peers it found has named them all when it was silent for so long.
pub const SEARCH_QUIET_MS: f64 = 500.0;

/// Of how many settled searches a late answer is recognised.
pub const SETTLED_SEARCHES: usize = 64;

/// What a message takes beside its recipients, subject and content.
pub const MESSAGE_ENVELOPE_BYTES: usize = 160;

/// How many bytes wait in the outbox of version 2, which is on disk and in memory; what would exceed them is refused.
pub const DURABLE_OUTBOX_BYTES: usize = 64 * 1024 * 1024;

/// The largest message of version 2 that is taken in; a server may take less.
pub const DURABLE_MESSAGE_BYTES: usize = 15 * 1024 * 1024;

/// The longest id that a page may give a message.
pub const MESSAGE_ID_BYTES: usize = 256;

/// Numbers without a message in front of one that has: more are not told one by one, the numbers start anew instead.
pub const VOIDS: u64 = 10_000;

/// Of how many accepted messages receipts are told under their tickets.
pub const RECEIPTS: usize = 10_000;

/// How many requests wait for their answer; the next one is refused.
pub const REQUESTS: usize = 1_000;

/// How many accepted messages are known by the ids that the page gave them.
pub const KNOWN_IDS: usize = 1_000;

/// Of how many outboxes is known what was handled of them.
pub const MARKS: usize = 10_000;

/// The largest entry that a server may deliver.
pub const ENTRY_BYTES: usize = 16 * 1024 * 1024;

/// So many handled entries are acknowledged at once.
pub const ACK_ENTRIES: u64 = 16;

/// Fewer are acknowledged when the first of them has waited for so long.
pub const ACK_DELAY_MS: f64 = 50.0;

/// How long to wait after the store refused notes that nobody waits for.
pub const PERSIST_RETRY_MS: f64 = 1_000.0;

/// How often a server that says nothing else is asked whether it is there, and the bounds of what it may say.
pub const HEARTBEAT_MS: f64 = 10_000.0;
/// See [`HEARTBEAT_MS`].
pub const HEARTBEAT_LEAST_MS: f64 = 1_000.0;
/// See [`HEARTBEAT_MS`].
pub const HEARTBEAT_MOST_MS: f64 = 300_000.0;

/// After the network came back, or the page from its sleep, the server must be heard by then.
pub const WAKE_TIMEOUT_MS: f64 = 5_000.0;

/// A binary message takes no further frame when it is that long.
pub const TRANSMIT_BYTES: usize = 64 * 1024;

/// After so many bytes of a large message the server is asked whether it has read them.
pub const UPLOAD_PING_BYTES: u64 = 128 * 1024;

/// What is larger than that is taken for a message in pieces until a server says where it draws the line.
pub const PIECE_BYTES: usize = 32 * 1024;

/// The smallest pieces that a server may ask for.
pub const PIECE_LEAST_BYTES: usize = 1_024;
