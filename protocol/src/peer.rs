//! Who somebody is.

use crate::{Credential, JsonText, digest};

/// Where a peer says it is; what it does not know reads `unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location(pub JsonText);

impl Default for Location {
    fn default() -> Self {
        Self(JsonText::from_spelled(r#"{"city":"unknown","country":"unknown","addr":"unknown"}"#.to_owned()))
    }
}

/// A peer, as version 1 writes it: name, e-mail address (dialect B calls it contact) and secret, each a JSON string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name shown to people.
    pub name: JsonText,
    /// The e-mail address, or another way to reach the person.
    pub email: JsonText,
    /// The secret as it stands on the wire: 32 hex digits, the MD5 of the plain one.
    pub secret: JsonText,
    /// Where the peer says it is.
    pub location: Location,
    /// Whether others can find it by searching.
    pub publish: bool,
}

impl Default for Peer {
    /// The peer `new Peer()` gives: no name, no e-mail address, the hash of no secret.
    fn default() -> Self {
        Self {
            name: JsonText::empty_string(),
            email: JsonText::empty_string(),
            secret: JsonText::plain_string(&digest::hash_secret("")),
            location: Location::default(),
            publish: false,
        }
    }
}

impl Peer {
    /// MD5 of `{"name":…,"email":…,"secret":…}` (dialect A).
    #[must_use]
    pub fn credential(&self) -> Credential {
        Credential(digest::md5_of([
            "{\"name\":",
            self.name.as_str(),
            ",\"email\":",
            self.email.as_str(),
            ",\"secret\":",
            self.secret.as_str(),
            "}",
        ]))
    }

    /// MD5 of `{"name":…,"contact":…,"secret":…}` (dialect B).
    #[must_use]
    pub fn credential_b(&self) -> Credential {
        Credential(digest::md5_of([
            "{\"name\":",
            self.name.as_str(),
            ",\"contact\":",
            self.email.as_str(),
            ",\"secret\":",
            self.secret.as_str(),
            "}",
        ]))
    }

    /// The JSON text of the peer in dialect A, members in the original's order.
    #[must_use]
    pub fn to_text(&self) -> String {
        [
            "{\"credential\":\"",
            &self.credential().to_hex(),
            "\",\"name\":",
            self.name.as_str(),
            ",\"email\":",
            self.email.as_str(),
            ",\"secret\":",
            self.secret.as_str(),
            ",\"location\":",
            self.location.0.as_str(),
            if self.publish { ",\"publish\":true}" } else { ",\"publish\":false}" },
        ]
        .concat()
    }
}
