//! Version 1 as the original's clients write it, in both dialects. JSON texts here are spelled by hand as JavaScript's
//! `JSON.stringify` spells them.

use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// 32 hex digits.
pub fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// A JSON string.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The two spellings of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `email`, `publish`; five hashed members.
    A,
    /// `contact`, `hidden`; `signature` and `sessid` hashed too.
    B,
}

impl Dialect {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];
}

/// The words a peer is made of.
#[derive(Debug, Clone)]
pub struct Words {
    /// How it is spelled and hashed.
    pub dialect: Dialect,
    /// The JSON text of the name.
    pub name: String,
    /// The JSON text of `email` or `contact`.
    pub email: String,
    /// What stands in `secret`.
    pub secret: String,
    /// Whether others can find the peer.
    pub publish: bool,
    /// The JSON text of the location.
    pub location: String,
}

impl Words {
    /// A peer of that name, found by searching, with an e-mail address and a secret made of the name.
    pub fn new(dialect: Dialect, name: &str) -> Self {
        Self {
            dialect,
            name: quoted(name),
            email: quoted(&format!("{}@example.org", name.to_lowercase().replace(' ', "."))),
            secret: md5(&format!("secret of {name}")),
            publish: true,
            location: r#"{"city":"unknown","country":"unknown","addr":"unknown"}"#.to_owned(),
        }
    }

    /// The address of the peer.
    pub fn credential(&self) -> String {
        let Self { name, email, secret, .. } = self;
        let email_member = self.email_member();
        md5(&format!(r#"{{"name":{name},"{email_member}":{email},"secret":"{secret}"}}"#))
    }

    fn email_member(&self) -> &'static str {
        match self.dialect {
            Dialect::A => "email",
            Dialect::B => "contact",
        }
    }

    /// The JSON text of the peer.
    pub fn to_text(&self) -> String {
        let Self { name, email, secret, location, .. } = self;
        let (credential, email_member) = (self.credential(), self.email_member());
        let publish = match self.dialect {
            Dialect::A => format!(r#""publish":{}"#, self.publish),
            Dialect::B => format!(r#""hidden":{}"#, !self.publish),
        };
        format!(
            r#"{{"credential":"{credential}","name":{name},"{email_member}":{email},"secret":"{secret}","location":{location},{publish}}}"#
        )
    }
}

/// A message to be sent: JSON texts.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// An array of credentials, or one.
    pub to: String,
    /// The sender.
    pub from: String,
    /// What it is about.
    pub subject: String,
    /// In ms since 1970.
    pub timestamp: String,
    /// Any value.
    pub content: String,
    /// `signature` and `sessid`, in dialect B.
    pub session: Option<(String, String)>,
}

impl Outgoing {
    /// The members, as they are hashed.
    pub fn members(&self) -> String {
        let Self { to, from, subject, timestamp, content, .. } = self;
        let session =
            self.session.as_ref().map(|(signature, sessid)| format!(r#","signature":{signature},"sessid":{sessid}"#)).unwrap_or_default();
        format!(r#"{{"to":{to},"from":{from},"subject":{subject},"timestamp":{timestamp},"content":{content}{session}}}"#)
    }

    /// The message with its checksum.
    pub fn to_text(&self) -> String {
        let members = self.members();
        Self::with_checksum(&md5(&members), &members)
    }

    /// A message with that checksum, right or wrong.
    pub fn with_checksum(checksum: &str, members: &str) -> String {
        format!("{{\"checksum\":\"{checksum}\",{}", &members[1..])
    }
}

#[derive(Deserialize)]
struct Members<'a> {
    checksum: String,
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
    #[serde(borrow, default)]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default)]
    sessid: Option<&'a RawValue>,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Received {
    /// All of it.
    pub text: String,
    /// The checksum as it came.
    pub checksum: String,
    /// The members, as JSON texts.
    pub message: Outgoing,
}

impl Received {
    /// Reads a text; every message of a server must be one.
    pub fn read(text: String) -> Self {
        let members: Members<'_> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("no message ({error}): {text}"));
        let own = |raw: &RawValue| raw.get().to_owned();
        let message = Outgoing {
            to: own(members.to),
            from: own(members.from),
            subject: own(members.subject),
            timestamp: own(members.timestamp),
            content: own(members.content),
            session: members.signature.zip(members.sessid).map(|(signature, sessid)| (own(signature), own(sessid))),
        };
        let checksum = members.checksum;
        Self { text, checksum, message }
    }

    /// The dialect it is spelled in.
    pub fn dialect(&self) -> Dialect {
        if self.message.session.is_some() { Dialect::B } else { Dialect::A }
    }

    /// Whether the checksum is that of the members as they stand.
    pub fn fits(&self) -> bool {
        self.checksum == md5(&self.message.members())
    }

    /// The subject, as characters.
    pub fn subject(&self) -> String {
        serde_json::from_str(&self.message.subject).unwrap_or_else(|_| self.message.subject.clone())
    }

    /// The content, as a value; a lone surrogate, which no Rust string holds, reads as the escape it is spelled with.
    pub fn content(&self) -> Value {
        let text = &self.message.content;
        serde_json::from_str(text).unwrap_or_else(|_| serde_json::from_str(&text.replace("\\ud", "\\\\ud")).unwrap())
    }

    /// The time it was sent.
    pub fn timestamp(&self) -> i64 {
        self.message.timestamp.parse().unwrap()
    }
}
