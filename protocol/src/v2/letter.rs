//! What a session asks the keys of its device, and what they answer: letters to seal, letters that were opened. Neither of
//! them knows the other; these are the words that both use. They never go over a network: [`super::Question`] and
//! [`super::Answer`] spell them where the two are apart.

use super::entry::MessageId;
use super::field::Bytes16;
use crate::{Credential, Failure, JsonText};

/// Names a message that is to be sealed until it is answered or taken back. Chosen by whoever asks, and never used twice by a
/// session; the same again voids what was sealed under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealTicket(pub u64);

/// A message that is to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Whom it is for, each once.
    pub recipients: Vec<Credential>,
    /// Those of [`super::flags`] that say what it is: `WANTS_REPLY`, `BYTES`, `REALTIME`.
    pub flags: u8,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// A JSON string.
    pub subject: JsonText,
    /// A JSON text, or bytes where the flags say so.
    pub payload: Vec<u8>,
    /// Whether it is refused where a recipient has no keys.
    pub required: bool,
    /// Whether it may go plain to a recipient that shows no keys, and never did.
    pub allow_plain: bool,
}

/// What became of a [`Letter`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// It is sealed.
    Sealed {
        /// The body: what all devices get.
        payload: Vec<u8>,
        /// What each device gets beside it.
        headers: Vec<(Bytes16, Vec<u8>)>,
    },
    /// It is to go as it was written. Of a letter that must be sealed that is a refusal.
    Plain,
    /// It is not to go at all.
    Refused(Failure),
}

/// What was in a sealed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// As in [`Letter`].
    pub flags: u8,
    /// As in [`Letter`].
    pub reply_to: Option<MessageId>,
    /// As in [`Letter`].
    pub subject: JsonText,
    /// As in [`Letter`].
    pub payload: Vec<u8>,
}

/// What became of a sealed message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// It is for the page.
    Opened(Opened),
    /// It was for the keys themselves, or came before, or they keep it and open it later: the session is done with it.
    Silent,
    /// It cannot be opened, now or ever: the session is done with it, and tells its page.
    Failed(Failure),
}
