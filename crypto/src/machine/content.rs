//! What is in a letter, and how it is sealed once for all of its devices: padded, then under a key of its own.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use msr_protocol::v2::{Bytes16, Field, FieldError, List, MessageId, Reader, Varint};
use msr_protocol::{Credential, JsonText};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::io::Opened;
use super::limits::{PADDED_BYTES_LEAST, PADDED_STEP_BYTES_MOST};
use super::records::PairKey;
use super::sorted::sort_by_key;
use super::spelled::{read_padded, spelled};

/// The key of one body. Used once.
pub(crate) type BodyKey = [u8; 32];
/// The SHA-256 of a sealed body: what a letter is known by.
pub(crate) type BodyHash = [u8; 32];

/// What a sealed body is bound to, beside the device that sealed it.
const BODY_TAG: &[u8] = b"msgsrouter body 1";
/// What the commitment to its key begins with.
const COMMITMENT_TAG: &[u8] = b"msgsrouter body key 1";
/// The bytes of the commitment.
const COMMITMENT_BYTES: usize = 32;

spelled! {
    /// A message of the page.
    Message<'a> {
        /// `REALTIME`, `WANTS_REPLY`, `BYTES`.
        flags: u8,
        /// The message it replies to.
        reply_to: Option<MessageId>,
        /// JSON string.
        subject: &'a str,
        /// Any bytes.
        payload: &'a [u8],
    }
    /// The key of a letter, for a device that could not open it.
    KeyAnswer {
        /// Which letter.
        hash: BodyHash,
        /// Its key.
        body_key: BodyKey,
        /// Who sealed it.
        from: Credential,
        /// On which device.
        from_device: Bytes16,
        /// As in the header.
        recipients: [u8; 32],
        /// As in the header.
        flags: u8,
        /// As in the header for the device that asked; 0 where the answer is of a device that did not seal it.
        counter: Varint,
    }
}

/// What is in a letter.
pub(crate) enum Content<'a> {
    Message(Message<'a>),
    KeyRequest(List<BodyHash>),
    KeyAnswer {
        found: List<KeyAnswer>,
        unknown: List<BodyHash>,
    },
    /// To carry a fresh session.
    Nothing,
    GroupKey(&'a [u8]),
}

impl<'a> Field<'a> for Content<'a> {
    fn take(reader: &mut Reader<'a>) -> Self {
        match u8::take(reader) {
            0 => Self::Message(Field::take(reader)),
            1 => Self::KeyRequest(Field::take(reader)),
            2 => Self::KeyAnswer { found: Field::take(reader), unknown: Field::take(reader) },
            3 => Self::Nothing,
            4 => Self::GroupKey(Field::take(reader)),
            _ => {
                reader.fail(FieldError::Value);
                Self::Nothing
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) => {
                0_u8.write(out);
                message.write(out);
            }
            Self::KeyRequest(hashes) => {
                1_u8.write(out);
                hashes.write(out);
            }
            Self::KeyAnswer { found, unknown } => {
                2_u8.write(out);
                found.write(out);
                unknown.write(out);
            }
            Self::Nothing => 3_u8.write(out),
            Self::GroupKey(key) => {
                4_u8.write(out);
                key.write(out);
            }
        }
    }
}

impl Message<'_> {
    pub(crate) fn to_opened(&self) -> Opened {
        let Self { flags, reply_to, subject, payload } = self;
        let subject = JsonText::from_spelled((*subject).to_owned());
        Opened { flags: *flags, reply_to: *reply_to, subject, payload: payload.to_vec() }
    }
}

/// The size that `length` bytes are padded to.
pub(crate) fn padded_length(length: usize) -> usize {
    if length <= PADDED_BYTES_LEAST {
        return PADDED_BYTES_LEAST;
    }
    // The highest power of two that is less than the length, and quarters of it on top.
    let below = 1_usize << (usize::BITS - 1 - (length - 1).leading_zeros());
    let step = (below / 4).min(PADDED_STEP_BYTES_MOST);
    below + (length - below).div_ceil(step) * step
}

fn cipher(key: &BodyKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::from(*key))
}

fn commitment(key: &BodyKey) -> [u8; COMMITMENT_BYTES] {
    Sha256::new().chain_update(COMMITMENT_TAG).chain_update(key).finalize().into()
}

/// The content, sealed under a key that was never used before, so that the nonce can be fixed. `None` when it is longer
/// than the cipher can take.
pub(crate) fn seal_body(key: &BodyKey, sender: PairKey, content: &Content<'_>) -> Option<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::new());
    content.write(&mut plain);
    let padded = padded_length(plain.len());
    plain.resize(padded, 0);
    let sealed = cipher(key).encrypt(&Nonce::default(), Payload { msg: &plain, aad: &bound_to(sender) }).ok()?;
    Some([&commitment(key)[..], &sealed].concat())
}

/// The plain bytes of a body that `sender` sealed; [`read_content`] reads them. The body names its key, so that no two keys open
/// it, and whoever got the key cannot send the body as its own: the sender's would be taken for a copy of that.
pub(crate) fn open_body(key: &BodyKey, sender: PairKey, body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (committed, sealed) = body.split_first_chunk::<COMMITMENT_BYTES>()?;
    if *committed != commitment(key) {
        return None;
    }
    cipher(key).decrypt(&Nonce::default(), Payload { msg: sealed, aad: &bound_to(sender) }).ok().map(Zeroizing::new)
}

fn bound_to((credential, device): PairKey) -> Vec<u8> {
    [BODY_TAG, &credential.0, &device].concat()
}

/// What the plain bytes of a body say.
pub(crate) fn read_content(plain: &[u8]) -> Result<Content<'_>, FieldError> {
    read_padded(plain)
}

/// What a letter is known by.
pub(crate) fn body_hash(body: &[u8]) -> BodyHash {
    Sha256::digest(body).into()
}

/// Stands for the recipients of a letter, in whatever order.
pub(crate) fn recipients_hash(recipients: &[Credential]) -> [u8; 32] {
    let mut sorted = recipients.to_vec();
    sort_by_key(&mut sorted, |recipient| *recipient);
    sorted.dedup();
    let mut digest = Sha256::new().chain_update(b"msgsrouter recipients 1");
    for recipient in sorted {
        digest.update(recipient.0);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: PairKey = (Credential([1; 16]), [2; 16]);

    #[test]
    fn buckets() {
        let of = [0, 1, 256, 257, 320, 321, 512, 513, 640, 1_025, 4_000, 1 << 20, (1 << 20) + 1, (14 << 20) + 1].map(padded_length);
        assert_eq!(of, [256, 256, 256, 320, 320, 384, 512, 640, 640, 1_280, 4_096, 1 << 20, 5 << 18, 57 << 18]);
        for length in 0..5_000 {
            let padded = padded_length(length);
            assert!(padded >= length && padded_length(padded) == padded && padded <= (length + length / 4 + 1).max(256), "{length}");
        }
    }

    #[test]
    fn every_byte_of_a_body_counts() {
        let key = [7; 32];
        let message = Message { flags: 4, reply_to: None, subject: "\"s\"", payload: b"hello" };
        let body = seal_body(&key, SENDER, &Content::Message(message)).unwrap();
        assert_eq!(body.len(), COMMITMENT_BYTES + 256 + 16);
        let plain = open_body(&key, SENDER, &body).unwrap();
        assert!(matches!(read_content(&plain), Ok(Content::Message(Message { payload: b"hello", .. }))));
        assert!(open_body(&[8; 32], SENDER, &body).is_none());
        for other in [(Credential([2; 16]), SENDER.1), (SENDER.0, [1; 16])] {
            assert!(open_body(&key, other, &body).is_none(), "a body is its sender's");
        }
        for at in 0..body.len() {
            let mut flipped = body.clone();
            flipped[at] ^= 1;
            assert!(open_body(&key, SENDER, &flipped).is_none(), "{at}");
        }
    }
}
