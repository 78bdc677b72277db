//! What the server answers in version 1, in the dialect of whoever asked.

use super::Dialect;
use crate::{Code, Credential, JsonText, Location, Message, MessageB, Peer};

/// An answer: a message from the asker's own credential to itself, as the original does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The asker's dialect.
    pub dialect: Dialect,
    /// The asker; one that is not registered is `00000000` to the original's clients.
    pub credential: Option<Credential>,
    /// The subject of the question.
    pub subject: &'static str,
    /// The server's time, in ms since 1970.
    pub timestamp_ms: i64,
    /// What is answered.
    pub content: JsonText,
}

impl Answer {
    /// The text to send.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (to, from) = match self.credential {
            Some(credential) => (JsonText::array_of_one(credential), JsonText::from(credential)),
            None => (JsonText::from_spelled("[\"00000000\"]".to_owned()), JsonText::from_spelled("\"00000000\"".to_owned())),
        };
        let base = Message {
            to,
            from,
            subject: JsonText::plain_string(self.subject),
            timestamp: JsonText::milliseconds(self.timestamp_ms),
            content: self.content.clone(),
        };
        match self.dialect {
            Dialect::A => base.to_text(),
            Dialect::B => MessageB { base, signature: JsonText::empty_string(), sessid: JsonText::empty_string() }.to_text(),
        }
    }
}

/// The content of an answer to `register`.
#[derive(Debug, Clone, Copy)]
pub struct RegistrationAnswer<'a> {
    /// [`Code::Done`], or why not.
    pub code: Code,
    /// The timestamp of the request.
    pub origin_time: Option<&'a JsonText>,
    /// How long the server took, in ms.
    pub process_time_ms: u64,
    /// Who is registered now, and in which session (dialect B).
    pub peer: Option<(Credential, &'a Peer, &'a str)>,
    /// `sessid` of the request (dialect B).
    pub sessid: Option<&'a JsonText>,
}

impl RegistrationAnswer<'_> {
    /// The content in that dialect. Dialect A has but one status, 1, for done; both spellings of `originTime` are
    /// sent, since its clients read the misspelt one. What is refused there carries the code.
    #[must_use]
    pub fn content(&self, dialect: Dialect) -> JsonText {
        let null = JsonText::null();
        let origin = self.origin_time.unwrap_or(&null);
        JsonText::from_spelled(match (dialect, self.code) {
            (Dialect::A, Code::Done) => format!(r#"{{"status":1,"originTime":{origin},"orginTime":{origin}}}"#),
            (Dialect::A, code) => {
                format!(r#"{{"status":{},"reason":"{}","originTime":{origin},"orginTime":{origin}}}"#, code.number(), code.reason())
            }
            (Dialect::B, code) => {
                let peer = self
                    .peer
                    .map(|(credential, peer, session)| format!(r#""peer":{},"#, peer_b(credential, peer, Some(session))))
                    .unwrap_or_default();
                let sessid = self.sessid.map(|sessid| format!(r#""sessid":{sessid},"#)).unwrap_or_default();
                format!(
                    r#"{{{peer}{sessid}"status":{},"reason":"{}","originTime":{origin},"processTime":{}}}"#,
                    code.number(),
                    code.reason(),
                    self.process_time_ms
                )
            }
        })
    }
}

/// A peer that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPeer {
    /// Its address.
    pub credential: Credential,
    /// The name shown to people.
    pub name: JsonText,
    /// The e-mail address.
    pub email: JsonText,
    /// Where it says it is.
    pub location: Location,
}

/// The content of one answer to `find`: there is one message for each peer found, or one that says there is none.
#[derive(Debug, Clone, Copy)]
pub struct SearchAnswer<'a> {
    /// [`Code::Done`], [`Code::NoMatch`], or why not.
    pub code: Code,
    /// The keyword of the request, `null` if it could not be read.
    pub keyword: &'a JsonText,
    /// The timestamp of the request.
    pub origin_time: &'a JsonText,
    /// How long the server took, in ms.
    pub process_time_ms: u64,
    /// The peer, with its place among those found and their number.
    pub found: Option<(&'a FoundPeer, usize, usize)>,
}

impl SearchAnswer<'_> {
    /// The content in that dialect.
    #[must_use]
    pub fn content(&self, dialect: Dialect) -> JsonText {
        let found = self
            .found
            .map(|(found, index, total)| format!(r#""peer":{},"index":{index},"total":{total},"#, found.to_text(dialect)))
            .unwrap_or_default();
        JsonText::from_spelled(format!(
            r#"{{"target":"peer","keyword":{},{found}"status":{},"reason":"{}","originTime":{},"processTime":{}}}"#,
            self.keyword,
            self.code.number(),
            if self.code == Code::Done { "Found Matched Target" } else { self.code.reason() },
            self.origin_time,
            self.process_time_ms
        ))
    }
}

impl FoundPeer {
    /// The JSON text of the peer in that dialect.
    #[must_use]
    pub fn to_text(&self, dialect: Dialect) -> String {
        let Self { credential, name, email, location } = self;
        match dialect {
            Dialect::A => {
                format!(r#"{{"credential":"{credential}","name":{name},"email":{email},"location":{},"publish":true}}"#, location.0)
            }
            Dialect::B => {
                format!(r#"{{"credential":"{credential}","name":{name},"contact":{email},"location":{},"hidden":false}}"#, location.0)
            }
        }
    }
}

/// A peer of dialect B without its secret.
fn peer_b(credential: Credential, peer: &Peer, session: Option<&str>) -> String {
    let connection = session.map(|session| format!(r#","connection":"{session}""#)).unwrap_or_default();
    format!(
        r#"{{"credential":"{credential}","name":{},"contact":{},"location":{},"hidden":{}{connection}}}"#,
        peer.name, peer.email, peer.location.0, !peer.publish
    )
}
