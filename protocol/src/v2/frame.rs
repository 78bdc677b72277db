//! Every frame, with its tag and its fields in the order of the wire.

use super::entry::{ClaimedKey, Device, DeviceHeader, Exception, MessageId, PeerDevice, PeerList};
use super::field::{Bytes16, Field, FieldError, List, Reader, Rest, Varint};
use crate::Credential;

/// The bytes in front of a frame's body: its tag, and the length of the body in 3 bytes, little-endian.
pub const HEADER_BYTES: usize = 4;

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A tag that is not in the list.
    #[error("no frame has the tag {0:#04x}")]
    Tag(u8),
    /// A field of the frame, or its length, is wrong.
    #[error("{0}")]
    Field(#[from] FieldError),
    /// Bytes are left over after the last field.
    #[error("{0} bytes after the last field")]
    LeftOver(usize),
}

/// Who sends a frame.
#[derive(Clone, Copy)]
enum Side {
    /// The server.
    S,
    /// The client.
    C,
    /// The keys of a client, through its session, which looks at them.
    K,
}

/// Who reads a frame: the code that reads the frames of others is left out of a browser module.
pub(super) mod ear {
    use super::{KEY_TAGS, Side};

    pub(in crate::v2) const ALL: u8 = 0;
    pub(in crate::v2) const CLIENT: u8 = 1;
    pub(in crate::v2) const KEYS: u8 = 2;

    pub(super) const fn hears(ear: u8, side: Side, tag: u8) -> bool {
        match side {
            Side::S => ear != KEYS || tag >= KEY_TAGS,
            Side::K => ear != KEYS,
            Side::C => ear == ALL,
        }
    }
}

/// From this tag on frames are of keys.
const KEY_TAGS: u8 = 0x40;

macro_rules! frames {
    ($($(#[$doc:meta])* $side:ident $tag:literal $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        /// One frame. The comment of each says who sends it: **C** the client, **S** the server.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Frame<'a> {
            $($(#[$doc])* $name { $($(#[$field_doc])* $field: $kind,)* },)*
        }

        /// The tag of each frame, by its name.
        #[allow(non_upper_case_globals, missing_docs)]
        pub mod tags {
            $(pub const $name: u8 = $tag;)*
        }

        impl<'a> Frame<'a> {
            /// Every tag with the name of its frame, for documents and tests.
            pub const TAGS: &'static [(u8, &'static str)] = &[$(($tag, stringify!($name)),)*];

            /// Appends the frame to `out`.
            pub fn write(&self, out: &mut Vec<u8>) {
                let start = out.len();
                out.extend_from_slice(&[self.tag(), 0, 0, 0]);
                match self {
                    $(Self::$name { $($field,)* } => { $($field.write(out);)* })*
                }
                let length = (out.len() - start - HEADER_BYTES).to_le_bytes();
                debug_assert_eq!(length[3], 0, "a frame of more than 16 MiB");
                out[start + 1..start + HEADER_BYTES].copy_from_slice(&length[..3]);
            }

            /// The byte that stands first.
            #[must_use]
            pub fn tag(&self) -> u8 {
                match self {
                    $(Self::$name { .. } => $tag,)*
                }
            }

            pub(super) fn read_body<const EAR: u8>(tag: u8, reader: &mut Reader<'a>) -> Result<Self, FrameError> {
                Ok(match tag {
                    $($tag if ear::hears(EAR, Side::$side, $tag) => Self::$name { $($field: Field::take(reader),)* },)*
                    _ => return Err(FrameError::Tag(tag)),
                })
            }
        }
    };
}

frames! {
    /// S. The first frame of a connection.
    S 0x01 Challenge {
        /// What a signature must cover; used once.
        nonce: [u8; 32],
        /// The server's clock, ms since 1970.
        time_ms: i64,
        /// The server's name; never what a client signs.
        server: &'a str,
    }
    /// C. Who registers, on which device, and what that device last saw.
    C 0x02 Hello {
        /// Must be the MD5 of the three words.
        credential: Credential,
        /// Random, chosen by the device once.
        device: Bytes16,
        /// What a person calls the device.
        device_name: &'a str,
        /// JSON string.
        name: &'a str,
        /// JSON string.
        email: &'a str,
        /// JSON string: 32 hex digits, the MD5 of the secret; or `ed25519:` and the account's public key.
        secret: &'a str,
        /// JSON object.
        location: &'a str,
        /// Whether others may find the peer.
        publish: bool,
        /// The client's clock, ms since 1970; comes back in `Welcome`.
        time_ms: i64,
        /// Names the numbering of this device's outbox; random, new when the outbox is.
        outbox_epoch: u64,
        /// The epoch of the queue this device knows, if it knows one.
        queue_epoch: Option<u64>,
        /// The start of the server in which the device got its last entry.
        start: u64,
        /// The sequence of the last entry it has handled; 0 for none.
        handled: u64,
        /// That this device is the peer's: see [`super::Proof`]. Empty for an identity by MD5.
        proof: &'a [u8],
    }
    /// S. The registration holds.
    S 0x03 Welcome {
        /// `time_ms` of the `Hello`.
        origin_time_ms: i64,
        /// When it came, by the server's clock.
        receive_time_ms: i64,
        /// How long the server took, in µs.
        process_time_us: Varint,
        /// The epoch of this device's queue.
        queue_epoch: u64,
        /// Names this start of the server.
        start: u64,
        /// The highest number of this device's outbox epoch that is accepted.
        accepted: Varint,
        /// How many entries wait in the queue.
        waiting: Varint,
        /// Whether entries were lost: the epoch is new, or the server's store older than what the device has seen.
        gap: bool,
        /// How many entries, and how many bytes of them, may be under way unacknowledged.
        window_entries: Varint,
        /// See `window_entries`.
        window_bytes: Varint,
        /// The largest body of one `Send`, bytes.
        message_bytes: Varint,
        /// What is longer than that travels in pieces of it, bytes.
        piece_bytes: Varint,
        /// How often a `Ping` is due, ms; silence for two of them ends the connection.
        heartbeat_ms: Varint,
    }
    /// S. The connection will be closed with the close code of `code`.
    S 0x04 Refused {
        /// A code of the protocol.
        code: u16,
        /// For a person.
        reason: &'a str,
    }
    /// C. Asks for a `Pong`.
    C 0x05 Ping {
        /// The client's clock, ms since 1970.
        time_ms: i64,
    }
    /// S. Answers a `Ping`.
    S 0x06 Pong {
        /// `time_ms` of the `Ping`.
        origin_time_ms: i64,
        /// The server's clock.
        receive_time_ms: i64,
    }
    /// C. Signs out; the server closes the connection.
    C 0x07 Bye {}

    /// C. A message.
    C 0x10 Send {
        /// Counts up by one within the outbox epoch; 0 in a realtime message, and in one that travels in pieces.
        number: Varint,
        /// See [`super::flags`].
        flags: u8,
        /// How long it is kept for who is away, ms.
        expire_after_ms: Varint,
        /// Whom it is for.
        recipients: List<Credential>,
        /// What each device gets beside the shared payload; each device once.
        device_headers: List<DeviceHeader<'a>>,
        /// The message this replies to.
        reply_to: Option<MessageId>,
        /// JSON string.
        subject: &'a str,
        /// Any bytes.
        payload: Rest<'a>,
    }
    /// C. Opens an upload, for a message too large for one frame; its `Piece`s follow, with any frames between them. It has
    /// no place in the order of messages until `Finish` gives it one.
    C 0x11 Begin {
        /// Names the upload; higher than that of every upload before it on the connection.
        upload: Varint,
        /// The length of the body of its `Send` frame, bytes.
        total_bytes: Varint,
    }
    /// C. The next bytes of the body of a `Send` frame.
    C 0x12 Piece {
        /// The upload of their `Begin`.
        upload: Varint,
        /// Where they belong; each piece goes on where the one before ended.
        offset: Varint,
        /// At most `piece_bytes` of them.
        payload: Rest<'a>,
    }
    /// C. Takes the place of a message that was taken back before it was sent.
    C 0x13 Void {
        /// Its number.
        number: Varint,
    }
    /// S. The message is on disk for every recipient device that has not acknowledged it.
    S 0x14 Accepted {
        /// Its number.
        number: Varint,
        /// When, by the server's clock, ms since 1970.
        timestamp_ms: i64,
        /// The recipients for whom it is not queued: their place in `recipients`, and why.
        exceptions: List<Exception>,
    }
    /// S. The message was not accepted, for any recipient. After a 5xx, later numbers are refused until it comes again.
    S 0x15 Rejected {
        /// Its number.
        number: Varint,
        /// Why.
        code: u16,
        /// For a person.
        reason: &'a str,
    }
    /// C. All pieces are sent: here the message takes its place in the order, as if its `Send` frame came now.
    C 0x16 Finish {
        /// Which upload.
        upload: Varint,
        /// The number of the message; 0 takes the upload back.
        number: Varint,
    }
    /// S. An upload is given up. No message was refused by that: it has no number yet.
    S 0x17 Declined {
        /// Which upload.
        upload: Varint,
        /// Why.
        code: u16,
        /// For a person.
        reason: &'a str,
    }

    /// S. An entry of the queue: see [`super::Entry`].
    S 0x20 Deliver {
        /// Rises from entry to entry within an epoch, not by one.
        sequence: u64,
        /// What this device alone gets beside it; empty where there is nothing.
        header: &'a [u8],
        /// An [`super::Entry`], the same bytes for every device.
        entry: Rest<'a>,
    }
    /// S. An entry too large for one frame takes its place in the order; its `DeliverPiece`s follow, with other frames
    /// between them. Later entries of the same sending device are to wait for it.
    S 0x21 DeliverBegin {
        /// Its sequence.
        sequence: u64,
        /// The sending device; zeros when there is none.
        sender: Bytes16,
        /// The length of the [`super::Entry`], bytes.
        total_bytes: Varint,
        /// As in `Deliver`.
        header: &'a [u8],
    }
    /// S. The next bytes of an [`super::Entry`].
    S 0x22 DeliverPiece {
        /// The sequence of its `DeliverBegin`.
        sequence: u64,
        /// Where they belong; each piece goes on where the one before ended.
        offset: Varint,
        /// The bytes.
        payload: Rest<'a>,
    }
    /// C. Every entry up to this one is handled.
    C 0x23 Ack {
        /// Its sequence.
        sequence: u64,
    }
    /// S. How much of a large message a recipient has received; not kept.
    S 0x24 Progress {
        /// Its number.
        number: Varint,
        /// Which recipient.
        recipient: Credential,
        /// Bytes so far, on the device that has most.
        bytes: Varint,
    }
    /// S. What a realtime message says is never queued: the entry without a sequence.
    S 0x25 Realtime {
        /// As in `Deliver`.
        header: &'a [u8],
        /// An [`super::Entry`].
        entry: Rest<'a>,
    }

    /// C. Looks for peers.
    C 0x30 Find {
        /// Chosen by the client, comes back in `Found`.
        ticket: Varint,
        /// Text, never a pattern.
        keyword: &'a str,
    }
    /// S. All that was found, one list.
    S 0x31 Found {
        /// The ticket of the `Find`.
        ticket: Varint,
        /// JSON objects as in version 1.
        peers: List<&'a str>,
    }
    /// S. The devices of the peer itself; after registration and on each change.
    S 0x32 Devices {
        /// Counts the changes.
        revision: Varint,
        /// Each of them.
        devices: List<Device<'a>>,
    }
    /// C. Retires a device of one's own; its queue is freed.
    C 0x33 Retire {
        /// Which.
        device: Bytes16,
    }
    /// S. Something a client sent was not done, and no other frame says so.
    S 0x34 Trouble {
        /// Why.
        code: u16,
        /// For a person.
        reason: &'a str,
    }

    /// C. The peer's own list of devices, signed, in place of the one before.
    K 0x40 PutList {
        /// Chosen by the client, comes back in `ListPut`; not 0.
        ticket: Varint,
        /// A [`super::SignedList`].
        list: Rest<'a>,
    }
    /// S. What became of a `PutList`.
    S 0x41 ListPut {
        /// The ticket of the `PutList`.
        ticket: Varint,
        /// 200, or why not.
        code: u16,
        /// The list that the server has now; empty for none.
        list: Rest<'a>,
    }
    /// C. Asks for the lists of peers.
    K 0x42 GetLists {
        /// Chosen by the client, comes back in `Lists`; not 0.
        ticket: Varint,
        /// Whose.
        peers: List<Credential>,
    }
    /// S. Lists of peers: the answer to `GetLists`; with ticket 0 unasked.
    S 0x43 Lists {
        /// The ticket of the `GetLists`.
        ticket: Varint,
        /// Each of them.
        lists: List<PeerList<'a>>,
    }
    /// C. Keys of this device, each with which one other device can begin a session.
    K 0x44 PutKeys {
        /// Chosen by the client, comes back in `Keys`; not 0.
        ticket: Varint,
        /// In place of the one before: handed out when the others are used up.
        fallback: Option<&'a [u8]>,
        /// Beside those that are left: each handed out once.
        one_time: List<&'a [u8]>,
    }
    /// S. How many keys of this device are left: the answer to `PutKeys`; with ticket 0 unasked.
    S 0x45 Keys {
        /// The ticket of the `PutKeys`.
        ticket: Varint,
        /// 200, or why the keys were not taken.
        code: u16,
        /// One-time keys that were not handed out.
        one_time: Varint,
    }
    /// C. Asks for one key of each device.
    K 0x46 Claim {
        /// Chosen by the client, comes back in `Claimed`; not 0.
        ticket: Varint,
        /// Of which devices, each once.
        devices: List<PeerDevice>,
    }
    /// S. One key of each device that has any. Answered when it is on disk that the one-time ones are gone.
    S 0x47 Claimed {
        /// The ticket of the `Claim`.
        ticket: Varint,
        /// 200, or why there are none.
        code: u16,
        /// The keys.
        keys: List<ClaimedKey<'a>>,
    }
}
