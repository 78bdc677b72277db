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
