//! What a session asks the keys of its peer, and what they answer: letters to seal, letters that were opened. There is no
//! cryptography in this crate; whoever holds the keys answers, in its own time.

use msr_protocol::v2::{Bytes16, MessageId};
use msr_protocol::{Credential, JsonText};

use super::Failure;

/// Names a question to the keys until it is answered or taken back; never used twice in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealTicket(pub u64);

/// Whether a message is to be encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encrypt {
    /// Where every recipient has keys. An identity by MD5 has none of its own, and never asks.
    #[default]
    Auto,
    /// It is, or it is not sent.
    Required,
    /// It is not.
    Off,
}

/// What is to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Whom it is for, each once.
    pub recipients: Vec<Credential>,
    /// Those of [`msr_protocol::v2::flags`] that say what it is: `WANTS_REPLY`, `BYTES`, `REALTIME`.
    pub flags: u8,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// A JSON string.
    pub subject: JsonText,
    /// A JSON text, or bytes where the flags say so.
    pub payload: Vec<u8>,
    /// Never [`Encrypt::Off`]: nobody is asked then.
    pub encrypt: Encrypt,
    /// Whether it may go plain to a recipient of whom nothing is known.
    pub allow_plain: bool,
}

/// What became of a [`Letter`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealing {
    /// It is sealed.
    Sealed {
        /// What all devices get.
        payload: Vec<u8>,
        /// What each device gets beside it.
        headers: Vec<(Bytes16, Vec<u8>)>,
    },
    /// It is to go as it was written. Of a letter that must be encrypted that is a refusal.
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
    /// It was for the keys themselves, or they keep it and open it later: the session is done with it.
    Silent,
    /// It cannot be opened, now or ever. Told as [`crate::Event::Trouble`]; the session is done with it.
    Failed(Failure),
}
