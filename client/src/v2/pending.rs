//! A message of the page while it waits: as a record of the store, and as a frame.

use msr_protocol::v2::flags::{REALTIME, SEALED};
use msr_protocol::v2::{Bytes16, DeviceHeader, Field as _, Frame, HEADER_BYTES, List, MessageId, Rest, Varint};
use msr_protocol::{Credential, JsonText};

use super::record::{self, Damage, Outgoing, bits};
use crate::{Encrypt, Letter, Moment, Ticket};

/// What each device gets beside a sealed message.
pub(crate) type Headers = Vec<(Bytes16, Vec<u8>)>;

/// In what form a message goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cover {
    /// As it was written; nobody is asked.
    None,
    /// It is to be sealed, and is not yet.
    Wanted,
    /// The keys said that it goes as it was written.
    Plain,
    /// Sealed; in memory alone.
    Sealed {
        /// What all devices get.
        payload: Vec<u8>,
        /// What each gets.
        headers: Headers,
    },
    /// A letter of the keys themselves: its payload was never anything else.
    Control(Headers),
}

/// A message that waits to be accepted.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// Who waits for it: more than one when it was sent again under its id, none for a letter of the keys.
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
    /// What the page wants of it; `Off` where nobody is to be asked.
    pub(crate) encrypt: Encrypt,
    pub(crate) allow_plain: bool,
    pub(crate) cover: Cover,
    /// An earlier run gave it its number when it was sealed.
    pub(crate) was_sealed: bool,
}

impl Pending {
    /// What it takes here, about.
    pub(super) fn bytes(&self) -> usize {
        let headers = if let Cover::Control(headers) = &self.cover { headers_bytes(headers) } else { 0 };
        64 + 16 * self.recipients.len() + self.subject.as_str().len() + self.payload.len() + headers
    }

    /// What it takes on the wire, about.
    pub(crate) fn wire_bytes(&self) -> usize {
        match &self.cover {
            Cover::Sealed { payload, headers } => 64 + 16 * self.recipients.len() + payload.len() + headers_bytes(headers),
            Cover::None | Cover::Wanted | Cover::Plain | Cover::Control(_) => self.bytes(),
        }
    }

    /// Whether it has the form it goes out in.
    pub(super) fn is_ready(&self) -> bool {
        self.cover != Cover::Wanted
    }

    /// Whether it is a letter of the keys themselves. Those have no place in the order of messages.
    pub(super) fn is_control(&self) -> bool {
        matches!(self.cover, Cover::Control(_))
    }

    /// Whether it went encrypted, as far as is known.
    pub(crate) fn is_encrypted(&self) -> bool {
        match self.cover {
            Cover::None | Cover::Plain => false,
            Cover::Wanted => self.was_sealed || self.encrypt == Encrypt::Required,
            Cover::Sealed { .. } | Cover::Control(_) => true,
        }
    }

    /// What the keys are asked to seal.
    pub(super) fn letter(&self) -> Letter {
        Letter {
            recipients: self.recipients.clone(),
            flags: self.flags,
            reply_to: self.reply_to,
            subject: self.subject.clone(),
            payload: self.payload.clone(),
            required: self.encrypt == Encrypt::Required,
            allow_plain: self.allow_plain,
        }
    }

    /// What the store had. A clock that was set back since does not make a message younger than it was when it was sent.
    pub(super) fn restored(bits: u8, record: Outgoing<'_>, now: Moment) -> Result<Self, Damage> {
        let age_ms = (now.wall_ms - record.sent_ms as f64).max(0.0);
        let keep_ms = if record.expire_after_ms.0 == u64::MAX { f64::INFINITY } else { record.expire_after_ms.0 as f64 };
        let encrypt = match bits & (bits::AUTO | bits::REQUIRED) {
            0 => Encrypt::Off,
            bits::AUTO => Encrypt::Auto,
            _ => Encrypt::Required,
        };
        let mut payload = record.payload.0;
        let cover = if bits & bits::CONTROL != 0 {
            let headers = List::<DeviceHeader<'_>>::read(&mut payload)?.0;
            Cover::Control(headers.into_iter().map(|header| (header.device, header.header.to_vec())).collect())
        } else if encrypt == Encrypt::Off {
            Cover::None
        } else {
            Cover::Wanted
        };
        Ok(Self {
            tickets: Vec::new(),
            id: record.id.map(str::to_owned),
            flags: record.flags,
            recipients: record.recipients.0,
            reply_to: record.reply_to,
            subject: JsonText::from_spelled(record.subject.to_owned()),
            payload: payload.to_vec(),
            expire_after_ms: record.expire_after_ms.0,
            sent_ms: record.sent_ms,
            deadline_ms: now.monotonic_ms + keep_ms - age_ms,
            encrypt,
            allow_plain: bits & bits::ALLOW_PLAIN != 0,
            cover,
            was_sealed: false,
        })
    }

    /// Its `Send` frame, kept as long as it has still to be.
    pub(crate) fn frame(&self, number: u64, now_ms: f64) -> Vec<u8> {
        let left_ms = self.deadline_ms - now_ms;
        let sealed = SEALED | self.flags & REALTIME;
        let (flags, reply_to, subject, payload, headers): (_, _, _, &[u8], &[_]) = match &self.cover {
            Cover::None | Cover::Plain => (self.flags, self.reply_to, self.subject.as_str(), &self.payload, &[]),
            Cover::Control(headers) => (self.flags, None, "\"\"", &self.payload, headers),
            Cover::Sealed { payload, headers } => (sealed, None, "\"\"", payload, headers),
            // Whose turn this is not. Were it asked for all the same, nothing of it would go out.
            Cover::Wanted => (sealed, None, "\"\"", &[], &[]),
        };
        let mut frame = Vec::with_capacity(HEADER_BYTES + self.wire_bytes());
        let send = Frame::Send {
            number: Varint(number),
            flags,
            // The cast saturates: for ever stays for ever, and what is over by now is over at once.
            expire_after_ms: Varint((left_ms as u64).max(1)),
            recipients: List(self.recipients.clone()),
            device_headers: device_headers(headers),
            reply_to,
            subject,
            payload: Rest(payload),
        };
        send.write(&mut frame);
        frame
    }

    pub(super) fn record(&self, number: Option<u64>) -> Vec<u8> {
        let mut with_headers = Vec::new();
        let (bits, payload) = match (&self.cover, self.encrypt) {
            (Cover::Control(headers), _) => {
                device_headers(headers).write(&mut with_headers);
                with_headers.extend_from_slice(&self.payload);
                (bits::CONTROL, &with_headers)
            }
            (_, Encrypt::Off) => (0, &self.payload),
            (_, Encrypt::Auto) => (bits::AUTO, &self.payload),
            (_, Encrypt::Required) => (bits::REQUIRED, &self.payload),
        };
        let outgoing = Outgoing {
            number: Varint(number.unwrap_or(0)),
            id: self.id.as_deref(),
            flags: self.flags,
            expire_after_ms: Varint(self.expire_after_ms),
            sent_ms: self.sent_ms,
            recipients: List(self.recipients.clone()),
            reply_to: self.reply_to,
            subject: self.subject.as_str(),
            payload: Rest(payload),
        };
        let allow_plain = if self.allow_plain && bits != 0 { bits::ALLOW_PLAIN } else { 0 };
        record::seal_with(bits | allow_plain, &outgoing)
    }
}

fn device_headers(headers: &[(Bytes16, Vec<u8>)]) -> List<DeviceHeader<'_>> {
    List(headers.iter().map(|(device, header)| DeviceHeader { device: *device, header }).collect())
}

fn headers_bytes(headers: &[(Bytes16, Vec<u8>)]) -> usize {
    headers.iter().map(|(_, header)| 18 + header.len()).sum()
}
