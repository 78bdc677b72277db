//! A device and the keys of its peer: what they are told and asked, and the letters that they send themselves.

use msr_protocol::v2::flags::{SEALED, TARGETED};
use msr_protocol::v2::frames_for_client;
use msr_protocol::{Code, Credential, JsonText};

use super::pending::{Cover, Headers, Pending};
use super::profile::{Profile, realtime_flags, wall};
use super::restore::Last;
use crate::limits::EXPIRE_AFTER_MS;
use crate::{Content, Draft, Encrypt, Event, Failure, Moment, Output, SealTicket, Sealing, Ticket};

impl Profile {
    /// Tells the keys, or asks them. `false` when there are none.
    #[must_use]
    pub(crate) fn ask(&mut self, ask: Output) -> bool {
        if self.by_key {
            self.asks.push(ask);
        }
        self.by_key
    }

    /// Asks what is to be asked now.
    pub(crate) fn ask_to_seal(&mut self, now: Moment) {
        self.outbox.ask(now.monotonic_ms, &mut self.asks);
    }

    /// The last names that were given to questions.
    pub(crate) fn last(&self) -> Last {
        Last { question: self.outbox.sealer.last, tag: self.inbox.last_tag }
    }

    /// Whether the keys are to be asked about a message, and the form that it has until they answer.
    ///
    /// # Errors
    /// [`Code::NoKeys`] for what must be encrypted under an identity that has none.
    pub(crate) fn cover(&self, draft: &Draft) -> Result<(Encrypt, Cover), Failure> {
        match draft.encrypt {
            Encrypt::Auto | Encrypt::Required if self.by_key => Ok((draft.encrypt, Cover::Wanted)),
            Encrypt::Auto | Encrypt::Off => Ok((Encrypt::Off, Cover::None)),
            Encrypt::Required => Err(Code::NoKeys.into()),
        }
    }

    /// The keys have answered about a message that is kept.
    pub(crate) fn sealed(&mut self, ticket: SealTicket, outcome: Sealing) {
        if let Some((name, message, failure)) = self.outbox.sealed(ticket, outcome, &mut self.journal) {
            self.not_sent(name, &message, &failure);
        }
    }

    /// The keys are to seal a realtime message.
    pub(crate) fn ask_live(&mut self, message: Pending) {
        if let Some(given_up) = self.outbox.ask_live(message, &mut self.asks) {
            self.not_live(&given_up, &Code::OutboxFull.into());
        }
    }

    /// The realtime message of that question.
    pub(crate) fn take_live(&mut self, ticket: SealTicket) -> Option<Pending> {
        self.outbox.take_live(ticket)
    }

    /// A realtime message is not sent.
    pub(crate) fn not_live(&mut self, message: &Pending, failure: &Failure) {
        self.events.extend(message.tickets.iter().map(|ticket| Event::NotSent { ticket: *ticket, failure: failure.clone() }));
    }

    /// A letter of the keys themselves, sealed already.
    pub(crate) fn control(&mut self, recipient: Credential, payload: Vec<u8>, headers: Headers, now: Moment) {
        let message = Pending {
            tickets: Vec::new(),
            id: None,
            flags: SEALED | TARGETED,
            recipients: vec![recipient],
            reply_to: None,
            subject: JsonText::empty_string(),
            payload,
            expire_after_ms: EXPIRE_AFTER_MS as u64,
            sent_ms: wall(now),
            deadline_ms: now.monotonic_ms + EXPIRE_AFTER_MS,
            encrypt: Encrypt::Off,
            allow_plain: false,
            cover: Cover::Control(headers),
            was_sealed: false,
        };
        match self.outbox.push(message, &mut self.journal) {
            // What becomes of it nobody is told.
            Ok(position) => self.receipts.watch(self.outbox.name(position), Vec::new(), &[recipient]),
            Err(failure) => self.events.push(Event::Trouble(failure)),
        }
    }
}

impl Pending {
    /// A realtime message, which nobody keeps.
    pub(crate) fn live(ticket: Ticket, draft: Draft, recipients: Vec<Credential>, now: Moment) -> Self {
        Self {
            tickets: vec![ticket],
            id: None,
            flags: realtime_flags(&draft.content),
            recipients,
            reply_to: draft.reply_to,
            subject: draft.subject,
            payload: match draft.content {
                Content::Json(content) => content.into_string().into_bytes(),
                Content::Bytes(bytes) => bytes,
            },
            expire_after_ms: 0,
            sent_ms: wall(now),
            deadline_ms: now.monotonic_ms,
            encrypt: draft.encrypt,
            allow_plain: draft.allow_plain,
            cover: Cover::Wanted,
            was_sealed: false,
        }
    }
}

/// Whether those bytes are whole frames.
pub(crate) fn are_frames(bytes: &[u8]) -> bool {
    frames_for_client(bytes).all(|frame| frame.is_ok())
}
