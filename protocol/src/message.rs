//! What somebody says to somebody.

use crate::{Checksum, JsonText, digest};

/// A message of version 1 in dialect A. Every member is JSON text, spelled as JavaScript spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// An array of credentials (or one credential).
    pub to: JsonText,
    /// The sender's credential.
    pub from: JsonText,
    /// What it is about, a string.
    pub subject: JsonText,
    /// When it was sent: milliseconds since 1970, the sender's clock corrected by its offset.
    pub timestamp: JsonText,
    /// Any value.
    pub content: JsonText,
}

/// A message of version 1 in dialect B: two more members, hashed after the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageB {
    /// The members both dialects have.
    pub base: Message,
    /// The sender's name, a string.
    pub signature: JsonText,
    /// The session this is sent in, a string; empty in what is routed on.
    pub sessid: JsonText,
}

impl Message {
    /// MD5 of `{"to":…,"from":…,"subject":…,"timestamp":…,"content":…}`.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        Checksum(digest::md5_of(self.opening().into_iter().chain(["}"])))
    }

    /// The JSON text of the message, `checksum` first, as the original prints it.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.text_with(self.checksum(), [])
    }

    /// The hashed text up to and including the value of `content`.
    fn opening(&self) -> [&str; 10] {
        [
            "{\"to\":",
            self.to.as_str(),
            ",\"from\":",
            self.from.as_str(),
            ",\"subject\":",
            self.subject.as_str(),
            ",\"timestamp\":",
            self.timestamp.as_str(),
            ",\"content\":",
            self.content.as_str(),
        ]
    }

    fn text_with<const N: usize>(&self, checksum: Checksum, more: [&str; N]) -> String {
        let opening = self.opening();
        let length = 64 + opening.iter().chain(&more).map(|part| part.len()).sum::<usize>();
        let mut text = String::with_capacity(length);
        text.push_str("{\"checksum\":\"");
        text.push_str(&checksum.to_hex());
        text.push_str("\",");
        text.push_str(opening[0].strip_prefix('{').unwrap_or_default());
        text.extend(opening[1..].iter().chain(&more).copied());
        text.push('}');
        text
    }
}

impl MessageB {
    fn closing(&self) -> [&str; 4] {
        [",\"signature\":", self.signature.as_str(), ",\"sessid\":", self.sessid.as_str()]
    }

    /// MD5 of `{"to":…,"from":…,"subject":…,"timestamp":…,"content":…,"signature":…,"sessid":…}`.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        Checksum(digest::md5_of(self.base.opening().into_iter().chain(self.closing()).chain(["}"])))
    }

    /// The JSON text of the message, `checksum` first.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.base.text_with(self.checksum(), self.closing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_the_seed() {
        let message = Message {
            to: JsonText::from_spelled("[]".to_owned()),
            from: JsonText::empty_string(),
            subject: JsonText::empty_string(),
            timestamp: JsonText::milliseconds(1_459_091_247_561),
            content: JsonText::empty_object(),
        };
        assert_eq!(message.checksum().to_string(), "beb5e001c6fc99a03467a1b1095c4f28");
        assert_eq!(
            message.to_text(),
            r#"{"checksum":"beb5e001c6fc99a03467a1b1095c4f28","to":[],"from":"","subject":"","timestamp":1459091247561,"content":{}}"#
        );
    }
}
