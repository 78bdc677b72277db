//! A public key, in its one spelling.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};

/// What a secret by key begins with.
const PREFIX: &str = "ed25519:";

/// An Ed25519 public key (RFC 8032) that is worth believing: a point in its shortest spelling, and none of the few of
/// small order, whose signatures can be made to fit any text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Takes 32 bytes for a key; `None` when they are not one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (!key.is_weak() && key.to_edwards().compress().as_bytes() == bytes).then_some(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether the signature is this key's over that text, strictly: only what RFC 8032 signs, not what some accept.
    #[must_use]
    pub fn signed(&self, text: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(text, &Signature::from_bytes(signature)).is_ok()
    }

    /// What stands in `secret` of a peer whose account key this is, without quotes: 51 characters.
    #[must_use]
    pub fn secret_form(&self) -> String {
        PREFIX.to_owned() + &Base64UrlUnpadded::encode_string(self.0.as_bytes())
    }
}

impl From<&ed25519_dalek::SigningKey> for PublicKey {
    /// The public half of a key of one's own is never of small order, because the scalar is neither 0 nor a multiple of
    /// the group's order (RFC 8032, 5.1.5).
    fn from(key: &ed25519_dalek::SigningKey) -> Self {
        Self(key.verifying_key())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.secret_form())
    }
}

/// The account key that a peer's `secret` names, read from the JSON string with its quotes.
///
/// `None` for everything else, another spelling of the same key included: it would be another credential.
#[must_use]
pub fn account_key_of(secret_text: &str) -> Option<PublicKey> {
    let encoded = secret_text.strip_prefix('"')?.strip_suffix('"')?.strip_prefix(PREFIX)?;
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(encoded, &mut bytes).ok()?;
    let key = PublicKey::from_bytes(decoded.try_into().ok()?)?;
    // The last character holds four bits that no byte uses.
    (key.secret_form().strip_prefix(PREFIX) == Some(encoded)).then_some(key)
}
