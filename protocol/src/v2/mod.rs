//! Version 2 of the wire: WebSocket sub-protocol [`SUBPROTOCOL`], binary messages, each a run of whole frames.
//!
//! A frame is a tag of one byte, the length of its body in three, little-endian, and the body: its fields in the order
//! in which [`Frame`] lists them, with nothing between and nothing after. [`Frame`] owns every tag; what is not listed
//! there is not on the wire. Payloads are the last field of their frame and pass through unread.
//! docs/PROTOCOL.md has it byte by byte, with the state machines of both ends.

mod entry;
mod field;
pub mod flags;
mod frame;
mod handover;
mod keys;
mod letter;
mod reading;

pub use entry::{ClaimedKey, Delivery, Device, DeviceHeader, Entry, Exception, MessageId, PeerDevice, PeerList, Receipt};
pub use field::{Bytes16, Field, FieldError, List, Reader, Rest, Varint};
pub use frame::{Frame, FrameError, HEADER_BYTES, tags};
pub use handover::{Answer, Question};
pub use keys::{
    Enrolment, ListedDevice, ListedDevices, Prekey, Proof, SignedList, connection_text, enrolment_text, list_text, prekey_text,
};
pub use letter::{Letter, Opened, Opening, SealTicket, Sealing};
pub use reading::{Frames, frames, frames_for_client, frames_for_keys, names};

/// The WebSocket sub-protocol to ask for.
pub const SUBPROTOCOL: &str = "msr.v2";
