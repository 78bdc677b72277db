//! Messages: as the page writes them, as it gets them, and as a driver read them.

use msr_protocol::v1::Subject;
use msr_protocol::v2::MessageId;
use msr_protocol::{JsonText, Message};

use super::Encrypt;

/// What a message carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Any JSON value.
    Json(JsonText),
    /// Bytes; version 1 has none.
    Bytes(Vec<u8>),
}

impl From<JsonText> for Content {
    fn from(content: JsonText) -> Self {
        Self::Json(content)
    }
}

/// A message as the page writes it; the members are JSON texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The recipients: an array of strings.
    pub to: JsonText,
    /// A string.
    pub subject: JsonText,
    /// What it carries.
    pub content: Content,
    /// Dropped, and the sender told, when it was not delivered (version 1: written) by then; ms after `send`, 7 days if
    /// it does not say.
    pub expire_after_ms: Option<f64>,
    /// Never waits: written now, or refused.
    pub realtime: bool,
    /// The page's own name for it. A draft with the id of an earlier one is that message sent again, and stays one.
    pub id: Option<String>,
    /// Asks for an answer, awaited for so many ms; see [`crate::Event::Reply`].
    pub request: Option<f64>,
    /// The message that this one answers.
    pub reply_to: Option<MessageId>,
    /// Whether it is to be encrypted.
    pub encrypt: Encrypt,
    /// Whether it may go plain to a recipient of whom nothing is known.
    pub allow_plain: bool,
}

impl Draft {
    /// A draft with nothing special about it.
    #[must_use]
    pub fn new(to: JsonText, subject: JsonText, content: impl Into<Content>) -> Self {
        let content = content.into();
        Self {
            to,
            subject,
            content,
            expire_after_ms: None,
            realtime: false,
            id: None,
            request: None,
            reply_to: None,
            encrypt: Encrypt::Auto,
            allow_plain: false,
        }
    }
}

/// A message for the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// Its members. Of one that carries bytes, `content` is `null`.
    pub message: Message,
    /// The bytes it carries.
    pub bytes: Option<Vec<u8>>,
    /// Answer with [`crate::Input::Handled`] when the handler is done; until then the sender's next message waits, and after a
    /// restart this one comes again. `None` when nobody waits to hear that: version 1, realtime.
    pub tag: Option<DeliveryTag>,
    /// What a reply names; `None` in version 1.
    pub id: Option<MessageId>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whether its sender waits for a reply.
    pub wants_reply: bool,
    /// Whether it was never queued.
    pub realtime: bool,
    /// Whether it came encrypted end to end.
    pub encrypted: bool,
}

impl From<Message> for Inbound {
    fn from(message: Message) -> Self {
        Self { message, bytes: None, tag: None, id: None, reply_to: None, wants_reply: false, realtime: false, encrypted: false }
    }
}

/// A text message from the socket, its members read by whoever has a JSON reader at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The members, respelled as `JSON.stringify` does.
    pub message: Message,
    /// The checksum as it came.
    pub checksum: String,
    /// What the subject says it is for.
    pub subject: Subject,
    /// What stands in the content of an answer to `register` or `find`; `None` for every other message.
    pub answer: Option<Answered>,
}

/// The members of an answer's content that the session acts on; what is missing there is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answered {
    /// 1 or 200 for done.
    pub status: Option<f64>,
    /// The timestamp of the request, in ms.
    pub origin_time_ms: Option<f64>,
    /// How long the server took, in ms.
    pub process_time_ms: Option<f64>,
    /// The peer found, any JSON object.
    pub peer: Option<JsonText>,
    /// How many peers were found in all.
    pub total: Option<f64>,
}

/// Names a message that was handed over until it is handled; never used twice in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryTag(pub u64);
