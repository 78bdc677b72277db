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
    /// How it proves who it is.
    pub identity: Identity,
}

/// How a peer proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Whoever knows name, e-mail address and the MD5 of the secret is that peer.
    Md5,
    /// Whoever has the account key is that peer. What stands in `secret` names the key and is no secret: a JSON string.
    Key(JsonText),
}

/// What a secret begins with that names a key.
const KEY_FORM: &str = "\"ed25519:";

impl Identity {
    /// What a spelled secret says. Whether the key is one is not looked at.
    #[must_use]
    pub fn of(secret: &JsonText) -> Self {
        if secret.as_str().starts_with(KEY_FORM) { Self::Key(secret.clone()) } else { Self::Md5 }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Md5 => Kind::Md5,
            Self::Key(_) => Kind::Key,
        }
    }

    fn key(&self) -> Option<&JsonText> {
        match self {
            Self::Md5 => None,
            Self::Key(secret) => Some(secret),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Md5,
    Key,
}

/// A profile as it stands in a table, its credential apart. Every text is spelled JSON.
#[derive(Serialize, Deserialize)]
struct Stored {
    identity: Kind,
    /// The key's, when it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    name: String,
    email: String,
    location: String,
    publish: bool,
}

impl Profile {
    /// All of a peer but what only it may know.
    #[must_use]
    pub fn of(credential: Credential, peer: Peer) -> Self {
        let Peer { name, email, secret, location, publish } = peer;
        Self { credential, name, email, location, publish, identity: Identity::of(&secret) }
    }

    /// Whether both are the same peer, as far as that is known: the same name, e-mail address and, of an identity by key,
    /// key. Two peers can have one credential, since it is an MD5.
    #[must_use]
    pub fn has_words_of(&self, other: &Self) -> bool {
        self.name == other.name && self.email == other.email && self.identity == other.identity
    }

    /// The peer again; its secret, which nobody keeps, is empty.
    #[must_use]
    pub fn to_peer(&self) -> Peer {
        let Self { credential: _, name, email, location, publish, identity: _ } = self.clone();
        Peer { name, email, secret: JsonText::empty_string(), location, publish }
    }

    /// How long its texts are together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let key_bytes = self.identity.key().map_or(0, |secret| secret.as_str().len());
        self.name.as_str().len() + self.email.as_str().len() + self.location.0.as_str().len() + key_bytes
    }

    pub(super) fn to_stored(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Stored {
            identity: self.identity.kind(),
            secret: self.identity.key().map(JsonText::to_string),
            name: self.name.to_string(),
            email: self.email.to_string(),
            location: self.location.0.to_string(),
            publish: self.publish,
        })
    }

    pub(super) fn from_stored(credential: Credential, text: &str) -> Result<Self, serde_json::Error> {
        let Stored { identity, secret, name, email, location, publish } = serde_json::from_str(text)?;
        let identity = match (identity, secret) {
            (Kind::Key, Some(secret)) => Identity::Key(JsonText::from_spelled(secret)),
            (Kind::Key, None) => return Err(serde::de::Error::missing_field("secret")),
            (Kind::Md5, _) => Identity::Md5,
        };
        Ok(Self {
            credential,
            name: JsonText::from_spelled(name),
            email: JsonText::from_spelled(email),
            location: Location(JsonText::from_spelled(location)),
            publish,
            identity,
        })
    }
}
