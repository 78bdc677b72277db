//! The queue of a connection of version 2: bounded by the windows of its device, and by bytes like any other.

use std::task::Waker;

use msr_protocol::Code;
use msr_protocol::v2::{Frame, HEADER_BYTES, Rest, Varint, tags};
use tracing::debug;

use super::limits;
use crate::delivery::{Line, Outgoing};
use crate::switch::ending::Ending;
use crate::switch::queue::{Item, SendQueue};

/// What a `Deliver` frame has before its entry at most, but for the header itself.
const DELIVER_BYTES: usize = HEADER_BYTES + size_of::<u64>() + 3;

/// What a `DeliverBegin` frame takes at most, but for the header itself.
const BEGIN_BYTES: usize = DELIVER_BYTES + 16 + 10;

impl Item for Outgoing {
    const BATCH_BYTES: usize = limits::BATCH_BYTES;

    fn bytes(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Entry { entry, header, .. } => DELIVER_BYTES + header.len() + entry.len(),
            Self::Large { header, .. } => BEGIN_BYTES + header.len(),
        }
    }
}

impl Outgoing {
    /// A frame.
    pub(super) fn frame(frame: &Frame<'_>) -> Self {
        Self::Frame(encoded(frame))
    }

    /// Appends what is to be written.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Frame(frame) => out.extend_from_slice(frame),
            Self::Entry { arrival, entry, header } => Frame::Deliver { sequence: *arrival, header, entry: Rest(entry) }.write(out),
            Self::Large { large, header } => {
                let (sequence, total_bytes) = (large.arrival, Varint(u64::from(large.bytes)));
                Frame::DeliverBegin { sequence, sender: large.sender, total_bytes, header }.write(out);
            }
        }
    }

    /// Whether it is of use only while it is new.
    fn may_be_lost(&self) -> bool {
        matches!(self, Self::Frame(frame) if matches!(frame.first(), Some(&(tags::Realtime | tags::Progress))))
    }
}

/// The bytes of a frame.
pub(super) fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    bytes
}

impl Line for SendQueue<Outgoing> {
    fn take(&self, outgoing: Outgoing) -> Option<Waker> {
        if outgoing.may_be_lost() && self.bytes() + outgoing.bytes() > limits::LOSSY_BYTES {
            debug!("a frame that may be lost was: too much waits to be written");
            return None;
        }
        // What does not go in is still in the durable queue, or is said again at the next registration.
        self.push_quietly(outgoing).1
    }

    fn close(&self, code: Code) {
        self.end(Ending::Refused(code));
    }
}
