//! A message of the page while it waits: as a record of the store, and as a frame.

use msr_protocol::v2::{Frame, HEADER_BYTES, List, MessageId, Rest, Varint};
use msr_protocol::{Credential, JsonText};

use super::record::{self, Outgoing};
use crate::{Moment, Ticket};

/// A message that waits to be accepted.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// Who waits for it: more than one when it was sent again under its id.
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) id: Option<String>,
    pub(crate) flags: u8,
    pub(crate) recipients: Vec<Credential>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) subject: JsonText,
    pub(crate) payload: Vec<u8>,
    /// `u64::MAX` for ever.
    pub(crate) expire_after_ms: u64,
    /// By the clock on the wall.
    pub(crate) sent_ms: i64,
    /// By the monotonic clock; infinite for never.
    pub(crate) deadline_ms: f64,
}

impl Pending {
    /// What it takes, about.
    pub(super) fn bytes(&self) -> usize {
        64 + 16 * self.recipients.len() + self.subject.as_str().len() + self.payload.len()
    }

    /// What the store had. A clock that was set back since does not make a message younger than it was when it was sent.
    pub(super) fn restored(record: Outgoing<'_>, now: Moment) -> Self {
        let age_ms = (now.wall_ms - record.sent_ms as f64).max(0.0);
        let keep_ms = if record.expire_after_ms.0 == u64::MAX { f64::INFINITY } else { record.expire_after_ms.0 as f64 };
        Self {
            tickets: Vec::new(),
            id: record.id.map(str::to_owned),
            flags: record.flags,
            recipients: record.recipients.0,
            reply_to: record.reply_to,
            subject: JsonText::from_spelled(record.subject.to_owned()),
            payload: record.payload.0.to_vec(),
            expire_after_ms: record.expire_after_ms.0,
            sent_ms: record.sent_ms,
            deadline_ms: now.monotonic_ms + keep_ms - age_ms,
        }
    }

    /// Its `Send` frame, kept as long as it has still to be.
    pub(super) fn frame(&self, number: u64, now_ms: f64) -> Vec<u8> {
        let left_ms = self.deadline_ms - now_ms;
        let mut frame = Vec::with_capacity(HEADER_BYTES + self.bytes());
        let send = Frame::Send {
            number: Varint(number),
            flags: self.flags,
            // The cast saturates: for ever stays for ever, and what is over by now is over at once.
            expire_after_ms: Varint((left_ms as u64).max(1)),
            recipients: List(self.recipients.clone()),
            revision: Varint(0),
            device_headers: List(Vec::new()),
            reply_to: self.reply_to,
            subject: self.subject.as_str(),
            payload: Rest(&self.payload),
        };
        send.write(&mut frame);
        frame
    }

    pub(super) fn record(&self, number: Option<u64>) -> Vec<u8> {
        record::seal(&Outgoing {
            number: Varint(number.unwrap_or(0)),
            id: self.id.as_deref(),
            flags: self.flags,
            expire_after_ms: Varint(self.expire_after_ms),
            sent_ms: self.sent_ms,
            recipients: List(self.recipients.clone()),
            reply_to: self.reply_to,
            subject: self.subject.as_str(),
            payload: Rest(&self.payload),
        })
    }
}
