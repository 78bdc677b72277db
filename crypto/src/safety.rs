//! What two people compare to know that nobody stands between them. The credential alone cannot tell: it is an MD5, of
//! which one attacker can make two alike. The account keys are all there is to compare; devices are signed by them.

use base64ct::{Base64UrlUnpadded, Encoding};
use msr_protocol::Credential;
use msr_protocol::v2::Field;
use sha2::{Digest, Sha256};

use crate::PublicKey;

/// How often each half is hashed: what an attacker pays a try to find a key with the same digits.
const ROUNDS: usize = 5_200;
/// Groups of five digits that each side gives.
const GROUPS: usize = 6;
/// What the text of a QR code begins with.
const QR_PREFIX: &str = "msgsrouter:safety:1:";

/// Who somebody is, as far as safety numbers go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The address.
    pub credential: Credential,
    /// The account key.
    pub account: PublicKey,
}

impl Identity {
    fn bytes(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        bytes[..16].copy_from_slice(&self.credential.0);
        bytes[16..].copy_from_slice(&self.account.to_bytes());
        bytes
    }

    /// 30 digits.
    fn digits(&self) -> String {
        let mut text = Vec::new();
        "msgsrouter safety number 1".write(&mut text);
        text.extend_from_slice(&self.bytes());
        let mut hash = Sha256::digest(&text);
        for _ in 1..ROUNDS {
            hash = Sha256::new().chain_update(hash).chain_update(self.bytes()).finalize();
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        hash.chunks_exact(5).take(GROUPS).map(|bytes| format!("{:05}", number(bytes) % 100_000)).collect()
    }
}

/// 60 digits, the same on both sides, to be read aloud in twelve groups of five.
#[must_use]
pub fn safety_number(one: &Identity, other: &Identity) -> String {
    let (one, other) = (one.digits(), other.digits());
    if one <= other { one + &other } else { other + &one }
}

/// What the QR code says that `own` shows to `other`.
#[must_use]
pub fn qr_text(own: &Identity, other: &Identity) -> String {
    QR_PREFIX.to_owned() + &Base64UrlUnpadded::encode_string(&[own.bytes(), other.bytes()].concat())
}

/// Whether what `own` read from the screen of `other` says that both mean each other.
#[must_use]
pub fn check_qr(text: &str, own: &Identity, other: &Identity) -> bool {
    text == qr_text(other, own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccountKey;

    fn identity(number: u8) -> Identity {
        Identity { credential: Credential([number; 16]), account: AccountKey::from_seed(&[number; 32]).public() }
    }

    #[test]
    fn both_sides_see_the_same() {
        let number = safety_number(&identity(1), &identity(2));
        assert_eq!(number, safety_number(&identity(2), &identity(1)));
        assert!(number.len() == 60 && number.bytes().all(|digit| digit.is_ascii_digit()), "{number}");
    }

    #[test]
    fn another_key_or_credential_is_seen() {
        let (one, other) = (identity(1), identity(2));
        let number = safety_number(&one, &other);
        let another_key = Identity { account: identity(3).account, ..other };
        let another_credential = Identity { credential: identity(3).credential, ..other };
        for changed in [another_key, another_credential] {
            assert_ne!(number, safety_number(&one, &changed));
            assert!(!check_qr(&qr_text(&changed, &one), &one, &other));
            assert!(!check_qr(&qr_text(&other, &changed), &one, &other));
        }
    }

    #[test]
    fn codes_name_who_shows_and_who_reads() {
        let (one, other) = (identity(1), identity(2));
        let text = qr_text(&other, &one);
        assert!(check_qr(&text, &one, &other));
        assert!(!check_qr(&qr_text(&one, &other), &one, &other), "one's own code, from a mirror");
        for cut in 0..text.len() {
            assert!(!check_qr(&text[..cut], &one, &other));
        }
        assert!(!check_qr(&format!("{text}="), &one, &other));
    }
}
