//! A message as it came: checked, its members found but not read, borrowed from its text.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Dialect, Subject};
use crate::json::canonical::is_spelled;
use crate::json::spell::spell_valid;
use crate::{Checksum, Code, Credential, JsonText, Message, MessageB, depth, digest, limits};

/// The members of a message, as raw JSON text. Members that nobody knows are passed over, a member named twice is
/// refused: readers would not agree on which one counts.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    checksum: &'a RawValue,
    #[serde(borrow)]
    to: &'a RawValue,
    #[serde(borrow)]
    from: &'a RawValue,
    #[serde(borrow)]
    subject: &'a RawValue,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "present")]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    sessid: Option<&'a RawValue>,
}

/// A member that stands there, were it `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What a message was checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checked {
    /// Its members as they came, joined. Whoever spells them again may come to another checksum.
    Raw,
    /// Its members as JavaScript spells them: what every recipient comes to.
    Spelled,
}

/// A well-formed message whose checksum fits.
pub struct Incoming<'a> {
    dialect: Dialect,
    subject: Subject,
    members: Members<'a>,
    checksum: Checksum,
    checked: Checked,
}

impl<'a> Incoming<'a> {
    /// Reads one WebSocket text message.
    ///
    /// # Errors
    /// [`Code::TooLarge`], [`Code::TooDeep`], [`Code::BadMessage`], or [`Code::BadChecksum`] when all else is right.
    pub fn read(text: &'a str) -> Result<Self, Code> {
        if text.len() > limits::MESSAGE_BYTES {
            return Err(Code::TooLarge);
        }
        if depth(text) > limits::JSON_DEPTH {
            return Err(Code::TooDeep);
        }
        let members: Members<'a> = serde_json::from_str(text).map_err(|_| Code::BadMessage)?;
        let subject = Subject::of(spelled(members.subject)?.as_str());
        let dialect = match (members.signature, members.sessid) {
            (None, None) => Dialect::A,
            (Some(_), Some(_)) => Dialect::B,
            _ => return Err(Code::BadMessage),
        };
        let checksum: Cow<'_, str> = serde_json::from_str(members.checksum.get()).map_err(|_| Code::BadMessage)?;
        let checksum = checksum.parse().map_err(|_| Code::BadChecksum)?;
        let mut incoming = Self { dialect, subject, members, checksum, checked: Checked::Raw };
        incoming.checked = incoming.check()?;
        Ok(incoming)
    }

    /// Whether `subject` is a string and `timestamp` a number, which hashing does not need; `to` and `content` are judged
    /// where they are read.
    ///
    /// # Errors
    /// [`Code::BadMessage`].
    pub fn check_kinds(&self) -> Result<(), Code> {
        // The first byte of a JSON value says of what kind it is.
        let is_string = self.members.subject.get().starts_with('"');
        let is_number = self.members.timestamp.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if is_string && is_number { Ok(()) } else { Err(Code::BadMessage) }
    }

    /// Which dialect it is spelled in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it is for.
    #[must_use]
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// Who it says it is from; `None` when that is no credential (a session being resumed has none yet).
    #[must_use]
    pub fn from(&self) -> Option<Credential> {
        credential_of(self.members.from)
    }

    /// Whom it is for: `to`, an array or one string, each credential once. What is no credential reaches nobody.
    ///
    /// # Errors
    /// [`Code::BadMessage`] when `to` is something else, [`Code::TooManyRecipients`].
    pub fn recipients(&self) -> Result<Vec<Credential>, Code> {
        let to = self.members.to;
        if to.get().starts_with('"') {
            return Ok(credential_of(to).into_iter().collect());
        }
        let entries: Vec<&RawValue> = serde_json::from_str(to.get()).map_err(|_| Code::BadMessage)?;
        if entries.len() > limits::RECIPIENTS {
            return Err(Code::TooManyRecipients);
        }
        let mut recipients: Vec<Credential> = entries.into_iter().filter_map(credential_of).collect();
        recipients.sort_unstable();
        recipients.dedup();
        Ok(recipients)
    }

    /// When the sender says it sent it, as the JSON text it wrote, respelled.
    ///
    /// # Errors
    /// [`Code::BadMessage`] when that is no number.
    pub fn timestamp(&self) -> Result<JsonText, Code> {
        let _: f64 = serde_json::from_str(self.members.timestamp.get()).map_err(|_| Code::BadMessage)?;
        spelled(self.members.timestamp)
    }

    /// The raw subject, a JSON string once [`Incoming::check_kinds`] agreed.
    #[must_use]
    pub fn raw_subject(&self) -> &'a RawValue {
        self.members.subject
    }

    /// The raw content.
    #[must_use]
    pub fn content(&self) -> &'a RawValue {
        self.members.content
    }

    /// The text to pass on to recipients that speak `to`: as it came where that can be, else spelled anew, with
    /// `sessid` empty and `signature` (the sender's name) added where the sender's dialect has none. Recipients check what
    /// they get against the members as JavaScript spells them, so that a text whose checksum is over another spelling is
    /// spelled anew, with a checksum that they accept.
    ///
    /// # Errors
    /// [`Code::TooDeep`] and [`Code::BadMessage`], neither of a message that [`Incoming::read`] gave.
    pub fn relayed(&self, to: Dialect, signature: &JsonText) -> Result<Relayed, Code> {
        let session_is_hidden = self.members.sessid.is_none_or(|sessid| sessid.get() == "\"\"");
        if to == self.dialect && session_is_hidden && self.stands_as_it_came()? {
            return Ok(Relayed::AsItCame);
        }
        let base = self.message()?;
        Ok(Relayed::Anew(match to {
            Dialect::A => base.to_text(),
            Dialect::B => {
                let signature = self.members.signature.map_or_else(|| Ok(signature.clone()), spelled)?;
                MessageB { base, signature, sessid: JsonText::empty_string() }.to_text()
            }
        }))
    }

    fn check(&self) -> Result<Checked, Code> {
        if self.checksum == self.raw_checksum() {
            Ok(Checked::Raw)
        } else if self.checksum == self.spelled_checksum()? {
            Ok(Checked::Spelled)
        } else {
            Err(Code::BadChecksum)
        }
    }

    /// Whether recipients that spell the members again come to the checksum as it came.
    fn stands_as_it_came(&self) -> Result<bool, Code> {
        let Members { to, from, subject, timestamp, content, signature, sessid, .. } = &self.members;
        let is_spelled = |raw: &&RawValue| is_spelled(raw.get());
        let surely = self.checked == Checked::Spelled
            || [to, from, subject, timestamp, content].into_iter().chain(signature).chain(sessid).all(is_spelled);
        Ok(surely || self.checksum == self.spelled_checksum()?)
    }

    /// The fast path: most senders spell as JavaScript does, and then the hashed text stands in the message.
    fn raw_checksum(&self) -> Checksum {
        let members = &self.members;
        let head = [
            "{\"to\":",
            members.to.get(),
            ",\"from\":",
            members.from.get(),
            ",\"subject\":",
            members.subject.get(),
            ",\"timestamp\":",
            members.timestamp.get(),
            ",\"content\":",
            members.content.get(),
        ];
        let signature = members.signature.map(|signature| [",\"signature\":", signature.get()]);
        let sessid = members.sessid.map(|sessid| [",\"sessid\":", sessid.get()]);
        Checksum(digest::md5_of(head.into_iter().chain(signature.into_iter().flatten()).chain(sessid.into_iter().flatten()).chain(["}"])))
    }

    /// The slow path: whatever the sender's spelling, JavaScript's is what counts.
    fn spelled_checksum(&self) -> Result<Checksum, Code> {
        let base = self.message()?;
        Ok(match (self.members.signature, self.members.sessid) {
            (Some(signature), Some(sessid)) => MessageB { base, signature: spelled(signature)?, sessid: spelled(sessid)? }.checksum(),
            _ => base.checksum(),
        })
    }

    fn message(&self) -> Result<Message, Code> {
        let members = &self.members;
        Ok(Message {
            to: spelled(members.to)?,
            from: spelled(members.from)?,
            subject: spelled(members.subject)?,
            timestamp: spelled(members.timestamp)?,
            content: spelled(members.content)?,
        })
    }
}

/// What [`Incoming::relayed`] gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relayed {
    /// The text as it came serves.
    AsItCame,
    /// This text instead.
    Anew(String),
}

/// A raw value as JavaScript spells it.
pub(super) fn spelled(raw: &RawValue) -> Result<JsonText, Code> {
    spell_valid(raw).map_err(|error| match error {
        crate::SpellError::TooDeep(_) => Code::TooDeep,
        crate::SpellError::NotJson(_) => Code::BadMessage,
    })
}

/// The credential that a raw JSON string spells, if it does.
pub(super) fn credential_of(raw: &RawValue) -> Option<Credential> {
    let text: Cow<'_, str> = serde_json::from_str(raw.get()).ok()?;
    text.parse().ok()
}
