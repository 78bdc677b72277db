//! Version 2 of the wire: WebSocket sub-protocol [`SUBPROTOCOL`], binary messages, each a run of whole frames.
//!
//! A frame is a tag of one byte, the length of its body in three, little-endian, and the body: its fields in the order
//! in which [`Frame`] lists them, with nothing between and nothing after. [`Frame`] owns every tag; what is not listed
//! there is not on the wire. Payloads are the last field of their frame and pass through unread.
//! docs/PROTOCOL.md has it byte by byte, with the state machines of both ends.

mod entry;
mod field;
mod frame;

pub use entry::{Delivery, Device, DeviceHeader, Entry, Exception, MessageId, Receipt};
pub use field::{Bytes16, Field, FieldError, List, Rest, Varint};
pub use frame::{Frame, FrameError, Frames, HEADER_BYTES, frames, tags};

/// The WebSocket sub-protocol to ask for.
pub const SUBPROTOCOL: &str = "msr.v2";
