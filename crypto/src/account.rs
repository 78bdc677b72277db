//! The key of a peer: where it comes from, and what it signs.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use msr_protocol::v2::{Bytes16, Enrolment, Field, ListedDevices, SignedList, enrolment_text, list_text};
use msr_protocol::{Credential, JsonText, Peer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::stretch::stretch;
use crate::{PublicKey, StretchError};

/// The two public words of a peer, spelled as JSON strings, exactly as they are hashed into its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The name.
    pub name: JsonText,
    /// The e-mail address.
    pub email: JsonText,
}

impl Words {
    /// The credential of who has these words and that secret, a JSON string.
    #[must_use]
    pub fn credential(&self, secret: &JsonText) -> Credential {
        let Self { name, email } = self.clone();
        Peer { name, email, secret: secret.clone(), ..Peer::default() }.credential()
    }

    /// What sets equal secrets of different peers apart.
    pub(crate) fn salt(&self) -> [u8; 32] {
        let mut text = Vec::new();
        "msgsrouter account 1".write(&mut text);
        self.name.as_str().write(&mut text);
        self.email.as_str().write(&mut text);
        Sha256::digest(&text).into()
    }
}

/// The account key: whoever has it is the peer. Wiped from memory when dropped.
pub struct AccountKey(SigningKey);

impl AccountKey {
    /// The key of a name, an e-mail address and a secret; the secret normalised to NFC by the caller. Takes 64 MiB and
    /// about as long as a blink.
    ///
    /// # Errors
    /// As [`StretchError`] says.
    pub fn derive(words: &Words, secret_nfc: &str) -> Result<Self, StretchError> {
        derive_seed(words, secret_nfc).map(|seed| Self::from_seed(&seed))
    }

    /// The key that was derived before.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What [`Self::from_seed`] takes.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::from(&self.0)
    }

    /// What stands in `secret` on the wire, without quotes.
    #[must_use]
    pub fn secret_form(&self) -> String {
        self.public().secret_form()
    }

    /// The same as JSON text.
    #[must_use]
    pub fn secret_text(&self) -> JsonText {
        JsonText::from_spelled(format!("\"{}\"", self.secret_form()))
    }

    /// The account's word that a device is its own.
    #[must_use]
    pub fn enrol(
        &self,
        credential: Credential,
        device: Bytes16,
        device_key: &PublicKey,
        identity_key: [u8; 32],
        enrolled_ms: i64,
    ) -> Enrolment {
        let mut enrolment = Enrolment { device_key: device_key.to_bytes(), identity_key, enrolled_ms, signature: [0; 64] };
        enrolment.signature = self.0.sign(&enrolment_text(credential, device, &enrolment)).to_bytes();
        enrolment
    }

    /// A list of devices, signed and encoded.
    #[must_use]
    pub fn sign_list(&self, list: &ListedDevices<'_>) -> Vec<u8> {
        let mut body = Vec::new();
        list.write(&mut body);
        let signature = self.0.sign(&list_text(&body)).to_bytes();
        let mut out = Vec::new();
        SignedList { signature, body: &body }.write(&mut out);
        out
    }
}

/// The seed of the account key of a name, an e-mail address and a secret, for [`AccountKey::from_seed`]: as [`AccountKey::derive`].
///
/// # Errors
/// As [`StretchError`] says.
pub fn derive_seed(words: &Words, secret_nfc: &str) -> Result<Zeroizing<[u8; 32]>, StretchError> {
    stretch(secret_nfc, &words.salt())
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccountKey").field(&self.public()).finish()
    }
}
