//! Every bound of the machine, with its unit in its name: whatever a peer or a server can make grow ends here.

/// Messages that wait to be sealed; more are refused.
pub const SEALS_WAITING: usize = 256;
/// Letters that wait to be opened for a list; the oldest is put by when there are more.
pub const OPENS_WAITING: usize = 256;
/// Devices that one letter is sealed for.
pub const DEVICES_PER_LETTER: usize = 4_096;
/// Control letters that wait for a session. Beyond, the oldest of the peer that has most is dropped, and asked for again by
/// whoever needs it.
pub const CONTROLS_WAITING: usize = 1_024;
/// The same for one other peer, or one device of the peer's own.
pub const CONTROLS_PER_PEER: usize = 64;
/// Peers whose lists are remembered. Beyond, those that were neither written to nor verified are forgotten first.
pub const PEERS: usize = 8_192;
/// Devices of one peer that left its list whose counters are kept, in case that they come back.
pub const DEVICES_LEFT_PER_PEER: usize = 64;
/// Sessions kept with one device: the ones that were used last.
pub const SESSIONS_PER_DEVICE: usize = 4;

/// The least size that content is padded to, bytes. From there on powers of two, and three steps between them.
pub const PADDED_BYTES_LEAST: usize = 256;
/// The longest such step, bytes: what fits into a message is not to be padded beyond it.
pub const PADDED_STEP_BYTES_MOST: usize = 256 * 1024;
/// The size that the text of a header is padded to, bytes; twice that where it does not fit.
pub const HEADER_TEXT_BYTES: usize = 256;
/// Counters that were never sent, named in a header.
pub const VOIDED_PER_HEADER: usize = 48;
/// Counters of a device that did not come, remembered; the oldest are given up.
pub const MISSING_PER_DEVICE: u64 = 1_024;
/// How long a counter may be missing before it is told, ms: a later message may overtake a large one.
pub const GAP_GRACE_MS: i64 = 60_000;

/// Keys of letters that were opened here that are kept, to open or seal one again, and as many of letters that were sealed
/// here; some more, for whole records are dropped. More than are opened ahead of their handler.
pub const RING_KEYS: usize = 1_024;
/// Of them, so many share a record at most.
pub const RING_BLOCK_KEYS: usize = 64;
/// A record of so many bytes takes no more of them.
pub const RING_BLOCK_BYTES: usize = 64 * 1024;
/// The same in bytes of records, of either kind.
pub const RING_BYTES: usize = 4 * 1024 * 1024;
/// How long, ms: as long as a message waits in a queue.
pub const RING_AGE_MS: i64 = 7 * DAY_MS;
/// Letters kept to be opened later.
pub const LATE_LETTERS: usize = 256;
/// The same in bytes.
pub const LATE_BYTES: usize = 8 * 1024 * 1024;
/// Of either, the part that may be taken by letters of unknown devices, which anybody can send, and by those of one other
/// peer or of one device of the peer's own: one of so many.
pub const LATE_PART: usize = 2;
/// How long they are kept, ms.
pub const LATE_AGE_MS: i64 = 7 * DAY_MS;
/// Letters asked for in one request.
pub const KEYS_PER_REQUEST: usize = 64;
/// Letters whose keys one device is given, or told not to be here, in [`ANSWERING_MS`]; the rest waits.
pub const KEYS_ANSWERED: usize = 512;
/// See [`KEYS_ANSWERED`], ms.
pub const ANSWERING_MS: i64 = 60_000;
/// Letters whose keys one device has asked for and not been answered; others are asked for again.
pub const KEYS_WAITING: usize = 256;
/// Letters that the peer's own devices asked for and that are not open here yet, remembered until they are; the oldest is
/// forgotten, and asked for again.
pub const QUESTIONS: usize = 256;
/// Between two requests for the same letters, or two new sessions with the same device, ms; doubles with each request.
pub const HEALING_PAUSE_MS: i64 = 60_000;
/// The longest pause between two requests, ms.
pub const HEALING_PAUSE_MOST_MS: i64 = 3_600_000;

/// Below so many one-time keys on the server, new ones are made.
pub const ONE_TIME_KEYS_LEAST: u64 = 50;
/// Up to so many.
pub const ONE_TIME_KEYS: u64 = 100;
/// Between two makings of one-time keys, ms: whoever drains them gets the fallback key meanwhile.
pub const REPLENISH_PAUSE_MS: i64 = 60_000;
/// How long a fallback key is used, ms. The one before is kept for as long again.
pub const FALLBACK_AGE_MS: i64 = 7 * DAY_MS;

/// How long an answer of the server is awaited, ms.
pub const ANSWER_MS: i64 = 30_000;
/// How long a letter waits for the list of its sender, ms; then it is put by.
pub const OPEN_WAIT_MS: i64 = 10_000;
/// After so long a peer without keys is asked about again first, ms; then after twice as long each time.
pub const ASK_FIRST_MS: i64 = 500;
/// After so long at most a peer without keys is asked about again, and a device without keys, ms.
pub const ASK_AGAIN_MS: i64 = 30_000;
/// Peers per `GetLists`.
pub const LISTS_PER_FRAME: usize = 64;
/// Devices per `Claim`.
pub const CLAIMS_PER_FRAME: usize = 256;
/// How often a list is put anew after another device was faster: as many devices as there may be begin at once. Then it is told, and
/// tried again after [`ASK_AGAIN_MS`].
pub const LIST_TRIES: u32 = 64;
/// The shortest and the longest wait before a failed write is tried again, ms.
pub const WRITE_PAUSE_MS: (i64, i64) = (1_000, 60_000);

/// Messages under one key of a group.
pub const GROUP_MESSAGES: u64 = 100;
/// How long one key of a group is used, ms.
pub const GROUP_AGE_MS: i64 = 7 * DAY_MS;
/// Keys of other members' groups that are kept, the last ones.
pub const GROUP_KEYS: usize = 1_024;

/// A day, ms.
pub const DAY_MS: i64 = 86_400_000;
