//! The bits of a message's flags. Others pass through.

/// Never queued: it reaches who is connected now.
pub const REALTIME: u8 = 1;
/// Its sender waits for a reply.
pub const WANTS_REPLY: u8 = 2;
/// Its payload is bytes, not JSON.
pub const BYTES: u8 = 4;
/// Its payload is sealed: each device opens it with the header that is its own. What the bits above say of content and
/// reply, and what it replies to, is inside; outside, the subject is empty.
pub const SEALED: u8 = 8;
/// It is for the devices alone that have a header, not for all of its recipients'.
pub const TARGETED: u8 = 16;
