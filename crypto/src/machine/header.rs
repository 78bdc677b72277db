//! What one device needs to open a letter, and what it binds: who sealed it, for whom, which body, and its place among
//! the letters between the two devices.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, List, Varint, flags};
use zeroize::Zeroizing;

use super::content::{BodyHash, BodyKey};
use super::limits::HEADER_TEXT_BYTES;
use super::spelled::{read_padded, spell, spelled};

/// How a header is sealed: its first byte.
pub(crate) mod kind {
    /// Not at all: the sender found no key of the device, which is to ask for the letter's.
    pub(crate) const NONE: u8 = 0;
    /// An Olm message that begins a session.
    pub(crate) const OLM_PREKEY: u8 = 1;
    /// An Olm message.
    pub(crate) const OLM: u8 = 2;
    /// Under a key that the device never gave away: its own message to itself.
    pub(crate) const OWN: u8 = 3;
    // 4 is a Megolm message: see `group`.
}

/// Which of the three counters of two devices a letter counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Message = 0,
    Realtime = 1,
    Control = 2,
}

/// The flags of the wire that a header binds.
pub(crate) const BOUND_FLAGS: u8 = flags::SEALED | flags::REALTIME | flags::TARGETED;

impl Lane {
    /// The lane of a letter with these flags.
    pub(crate) fn of(wire_flags: u8) -> Self {
        if wire_flags & flags::TARGETED != 0 {
            Self::Control
        } else if wire_flags & flags::REALTIME != 0 {
            Self::Realtime
        } else {
            Self::Message
        }
    }

    /// What stands in the flags of the wire.
    pub(crate) fn flags(self) -> u8 {
        match self {
            Self::Message => flags::SEALED,
            Self::Realtime => flags::SEALED | flags::REALTIME,
            Self::Control => flags::SEALED | flags::TARGETED,
        }
    }
}

/// The version of [`HeaderText`].
pub(crate) const VERSION: u8 = 1;

spelled! {
    /// What is sealed in a header.
    HeaderText {
        /// [`VERSION`].
        version: u8,
        /// The key of the body.
        body_key: BodyKey,
        /// The SHA-256 of the sealed body.
        body_hash: BodyHash,
        /// Who sealed it.
        from: Credential,
        /// On which device.
        from_device: Bytes16,
        /// Whose device it is for.
        to: Credential,
        /// Which.
        to_device: Bytes16,
        /// Stands for the recipients of the letter.
        recipients: [u8; 32],
        /// `SEALED`, `REALTIME`, `TARGETED`, as on the wire.
        flags: u8,
        /// Counts the letters from the one device to the other, from 1; those of each kind by themselves.
        counter: Varint,
        /// From here on the sender knows what it sent; of what came before it may have lost some, when it started anew.
        sure_from: Varint,
        /// Counters that were not sent.
        voided: List<Varint>,
    }
}

impl HeaderText {
    /// The text to seal: of one size, whatever the counters are.
    pub(crate) fn padded(&self) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(spell(self));
        let length = text.len().next_multiple_of(HEADER_TEXT_BYTES);
        text.resize(length, 0);
        text
    }

    /// What a sealed header said.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        read_padded::<Self>(text).ok().filter(|header| header.version == VERSION)
    }
}

const OWN_TAG: &[u8] = b"msgsrouter own header 1";

/// A header of kind 3, behind its first byte.
pub(crate) fn seal_own(key: &[u8; 32], nonce: [u8; 24], text: &[u8]) -> Option<Vec<u8>> {
    let sealed = XChaCha20Poly1305::new(&Key::from(*key)).encrypt(&XNonce::from(nonce), Payload { msg: text, aad: OWN_TAG }).ok()?;
    Some([&nonce[..], &sealed].concat())
}

/// The text of a header of kind 3.
pub(crate) fn open_own(key: &[u8; 32], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
    let payload = Payload { msg: sealed, aad: OWN_TAG };
    XChaCha20Poly1305::new(&Key::from(*key)).decrypt(&XNonce::from(*nonce), payload).ok().map(Zeroizing::new)
}
