//! Who a peer is, as far as others may know it.

use msr_protocol::{Credential, JsonText, Location, Peer};
use serde::{Deserialize, Serialize};

/// A peer without its secret: what is shown, searched and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its address.
    pub credential: Credential,
    /// The name shown to people.
    pub name: JsonText,
    /// The e-mail address.
    pub email: JsonText,
    /// Where it says it is.
    pub location: Location,
    /// Whether others can find it by searching.
    pub publish: bool,
}

/// How a peer proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// Whoever knows name, e-mail address and the MD5 of the secret is that peer.
    Md5,
}

/// A profile as it stands in a table, its credential apart. Every text is spelled JSON.
#[derive(Serialize, Deserialize)]
struct Stored {
    identity: Identity,
    name: String,
    email: String,
    location: String,
    publish: bool,
}

impl Profile {
    /// All of a peer but its secret.
    #[must_use]
    pub fn of(credential: Credential, peer: Peer) -> Self {
        let Peer { name, email, secret: _, location, publish } = peer;
        Self { credential, name, email, location, publish }
    }

    /// The peer again; its secret, which nobody keeps, is empty.
    #[must_use]
    pub fn to_peer(&self) -> Peer {
        let Self { credential: _, name, email, location, publish } = self.clone();
        Peer { name, email, secret: JsonText::empty_string(), location, publish }
    }

    /// How long its texts are together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.name.as_str().len() + self.email.as_str().len() + self.location.0.as_str().len()
    }

    /// How the peer proves who it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::Md5
    }

    pub(super) fn to_stored(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Stored {
            identity: self.identity(),
            name: self.name.to_string(),
            email: self.email.to_string(),
            location: self.location.0.to_string(),
            publish: self.publish,
        })
    }

    pub(super) fn from_stored(credential: Credential, text: &str) -> Result<Self, serde_json::Error> {
        let Stored { identity: Identity::Md5, name, email, location, publish } = serde_json::from_str(text)?;
        Ok(Self {
            credential,
            name: JsonText::from_spelled(name),
            email: JsonText::from_spelled(email),
            location: Location(JsonText::from_spelled(location)),
            publish,
        })
    }
}
