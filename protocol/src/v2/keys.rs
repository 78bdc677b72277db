//! What identities by key say: how a device shows whose it is, the list of a peer's devices, the keys with which sessions
//! begin. Here is how each is spelled and which text a signature stands over; who signs and verifies is elsewhere.
//!
//! A signed text begins with a tag that no other kind of text begins with, and names everything it binds, so that a
//! signature for one purpose, peer, device or server means nothing for another.

use super::entry::records;
use super::field::{Bytes16, Field, List, Reader};
use crate::Credential;

/// An Ed25519 signature (RFC 8032).
type Signature = [u8; 64];
/// An Ed25519 or Curve25519 public key.
type PublicKey = [u8; 32];

records! {
    /// The account's word that a device is its own. Signed once.
    #[derive(Copy)]
    Enrolment {
        /// The device's Ed25519 key, which signs its connections.
        device_key: PublicKey,
        /// The device's Curve25519 key, with which others begin sessions.
        identity_key: PublicKey,
        /// When, by the device's clock, ms since 1970.
        enrolled_ms: i64,
        /// The account's, over [`enrolment_text`].
        signature: Signature,
    }
    /// What `Hello` carries for an identity by key.
    Proof<'a> {
        /// Host and port that the client dialled, as in a URL, lower-case, the port always there.
        host: &'a str,
        /// That the device is the account's.
        enrolment: Enrolment,
        /// The device's, over [`connection_text`].
        signature: Signature,
    }
    /// A device in the list of its peer.
    #[derive(Copy)]
    ListedDevice {
        /// Its id.
        device: Bytes16,
        /// That it is the account's.
        enrolment: Enrolment,
    }
    /// The devices of a peer.
    ListedDevices<'a> {
        /// Whose.
        credential: Credential,
        /// JSON string; with the two below it gives the credential.
        name: &'a str,
        /// JSON string.
        email: &'a str,
        /// JSON string: `ed25519:` and the account's public key.
        secret: &'a str,
        /// Grows by one with each list.
        counter: u64,
        /// When it was signed, by the clock of the device that did, ms since 1970.
        signed_ms: i64,
        /// The devices that messages are sealed for, in the order of their ids.
        devices: List<ListedDevice>,
        /// Ids that are never a device of this peer again, in order.
        revoked: List<Bytes16>,
    }
    /// A list, and the account's signature.
    SignedList<'a> {
        /// The account's, over [`list_text`].
        signature: Signature,
        /// The encoded [`ListedDevices`].
        body: &'a [u8],
    }
    /// A Curve25519 key with which another device can begin a session.
    #[derive(Copy)]
    Prekey {
        /// The key.
        key: PublicKey,
        /// Whether it is handed out more than once.
        is_fallback: bool,
        /// When it was made, by the device's clock, ms since 1970.
        made_ms: i64,
        /// The device's Ed25519 signature, over [`prekey_text`].
        signature: Signature,
    }
}

fn text(tag: &str, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    tag.write(&mut out);
    fields(&mut out);
    out
}

/// What the account signs of a device.
#[must_use]
pub fn enrolment_text(credential: Credential, device: Bytes16, enrolment: &Enrolment) -> Vec<u8> {
    text("msgsrouter enrolment 1", |out| {
        credential.write(out);
        device.write(out);
        enrolment.device_key.write(out);
        enrolment.identity_key.write(out);
        enrolment.enrolled_ms.write(out);
    })
}

/// What the device signs of a connection. `host` is what it dialled, never what a server said.
#[must_use]
pub fn connection_text(nonce: &[u8; 32], host: &str, credential: Credential, device: Bytes16) -> Vec<u8> {
    text("msgsrouter connection 1", |out| {
        nonce.write(out);
        host.write(out);
        credential.write(out);
        device.write(out);
    })
}

/// What the account signs of an encoded [`ListedDevices`].
#[must_use]
pub fn list_text(body: &[u8]) -> Vec<u8> {
    text("msgsrouter device list 1", |out| body.write(out))
}

/// What the device signs of a [`Prekey`].
#[must_use]
pub fn prekey_text(credential: Credential, device: Bytes16, prekey: &Prekey) -> Vec<u8> {
    text("msgsrouter prekey 1", |out| {
        credential.write(out);
        device.write(out);
        prekey.key.write(out);
        prekey.is_fallback.write(out);
        prekey.made_ms.write(out);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_of_one_kind() {
        let (credential, device) = (Credential([1; 16]), [2; 16]);
        let enrolment = Enrolment { device_key: [3; 32], identity_key: [4; 32], enrolled_ms: 5, signature: [6; 64] };
        let prekey = Prekey { key: [3; 32], is_fallback: true, made_ms: 5, signature: [6; 64] };
        let texts = [
            enrolment_text(credential, device, &enrolment),
            connection_text(&[7; 32], "127.0.0.1:55688", credential, device),
            list_text(&[8; 9]),
            prekey_text(credential, device, &prekey),
        ];
        for (at, text) in texts.iter().enumerate() {
            for other in &texts[at + 1..] {
                assert!(!text.starts_with(other) && !other.starts_with(text));
            }
        }
        let of_another = enrolment_text(credential, [9; 16], &enrolment);
        assert_ne!(texts[0], of_another);
    }
}
