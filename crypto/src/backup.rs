//! What somebody carries to another machine or puts away, sealed under a pass phrase. What stands in it is for the keys
//! to say; here is how it is closed: a key from the pass phrase by Argon2id, XChaCha20-Poly1305 under it
//! (draft-irtf-cfrg-xchacha-03), and the header bound in.

use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use msr_protocol::v2::Field;
use zeroize::Zeroizing;

use crate::StretchError;
use crate::limits::BACKUP_BYTES;
use crate::stretch::stretch;

const TAG: &str = "msgsrouter backup 1";
/// What Poly1305 adds.
const MAC_BYTES: usize = 16;
/// What the tags of all versions begin with.
const ANY_TAG: &str = "msgsrouter backup ";

/// Why a backup was not made or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum BackupError {
    /// More than a backup can hold.
    TooLarge,
    /// The bytes are something else.
    NotABackup,
    /// A later version made it.
    Later,
    /// The pass phrase is another, or the bytes were changed or cut: nobody can tell which.
    Closed,
}

impl BackupError {
    /// What it says to a person; a page gets it without the formatting that `Display` brings along.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "the backup is too large",
            Self::NotABackup => "not a backup",
            Self::Later => "the backup was made by a later version",
            Self::Closed => "the pass phrase does not open the backup",
        }
    }
}

fn header(salt: &[u8; 16], nonce: &[u8; 24]) -> Vec<u8> {
    let mut header = Vec::new();
    TAG.write(&mut header);
    salt.write(&mut header);
    nonce.write(&mut header);
    header
}

/// What stands in front of what is sealed, as it is read, and the rest.
struct Parts<'a> {
    salt: [u8; 16],
    nonce: [u8; 24],
    rest: &'a [u8],
}

fn read_parts(mut bytes: &[u8]) -> Result<Parts<'_>, BackupError> {
    if bytes.len() > header(&[0; 16], &[0; 24]).len() + BACKUP_BYTES + MAC_BYTES {
        return Err(BackupError::TooLarge);
    }
    match <&str>::read(&mut bytes) {
        Ok(TAG) => {}
        Ok(tag) if tag.starts_with(ANY_TAG) => return Err(BackupError::Later),
        _ => return Err(BackupError::NotABackup),
    }
    let salt = Field::read(&mut bytes).map_err(|_| BackupError::NotABackup)?;
    let nonce = Field::read(&mut bytes).map_err(|_| BackupError::NotABackup)?;
    Ok(Parts { salt, nonce, rest: bytes })
}

/// The key under which a backup with that salt is sealed. Takes 64 MiB.
///
/// # Errors
/// As [`StretchError`] says.
pub fn backup_key(passphrase_nfc: &str, salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, StretchError> {
    stretch(passphrase_nfc, salt)
}

/// The salt of a backup: what [`backup_key`] takes.
///
/// # Errors
/// As [`BackupError`] says.
pub fn backup_salt(bytes: &[u8]) -> Result<[u8; 16], BackupError> {
    read_parts(bytes).map(|parts| parts.salt)
}

/// Seals `plain` under the [`backup_key`] of that salt. Salt and nonce are random, and new for each backup.
///
/// # Errors
/// As [`BackupError`] says.
pub fn seal_backup(key: &[u8; 32], salt: &[u8; 16], nonce: &[u8; 24], plain: &[u8]) -> Result<Vec<u8>, BackupError> {
    if plain.len() > BACKUP_BYTES {
        return Err(BackupError::TooLarge);
    }
    let mut out = header(salt, nonce);
    let mut sealed = plain.to_vec();
    let cipher = XChaCha20Poly1305::new(key.into());
    let tag = cipher.encrypt_inout_detached(&XNonce::from(*nonce), &out, sealed.as_mut_slice().into());
    let tag = tag.map_err(|_| BackupError::TooLarge)?;
    out.extend_from_slice(&sealed);
    out.extend_from_slice(&tag);
    Ok(out)
}

/// Opens what [`seal_backup`] gave, with the [`backup_key`] of its [`backup_salt`].
///
/// # Errors
/// As [`BackupError`] says.
pub fn open_backup(key: &[u8; 32], bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let Parts { salt, nonce, rest } = read_parts(bytes)?;
    let (sealed, tag) = rest.split_last_chunk::<MAC_BYTES>().ok_or(BackupError::Closed)?;
    let mut opened = Zeroizing::new(sealed.to_vec());
    let cipher = XChaCha20Poly1305::new(key.into());
    let is_open =
        cipher.decrypt_inout_detached(&XNonce::from(nonce), &header(&salt, &nonce), opened.as_mut_slice().into(), &Tag::from(*tag));
    is_open.map(|()| opened).map_err(|_| BackupError::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] = b"keys";

    const KEY: [u8; 32] = [3; 32];

    fn sealed() -> Vec<u8> {
        seal_backup(&KEY, &[1; 16], &[2; 24], PLAIN).unwrap()
    }

    #[test]
    fn a_backup_opens_with_its_pass_phrase_alone() {
        let key = |phrase, salt| *backup_key(phrase, salt).unwrap();
        let sealed = seal_backup(&key("open sesame", &[1; 16]), &[1; 16], &[2; 24], PLAIN).unwrap();
        let salt = backup_salt(&sealed).unwrap();
        assert_eq!(open_backup(&key("open sesame", &salt), &sealed).unwrap().as_slice(), PLAIN);
        assert_eq!(open_backup(&key("open Sesame", &salt), &sealed), Err(BackupError::Closed));
        assert_eq!(open_backup(&key("open sesame", &[0; 16]), &sealed), Err(BackupError::Closed));
        assert_eq!(sealed.len(), 20 + 16 + 24 + PLAIN.len() + 16);
    }

    #[test]
    fn sealed_as_the_cipher_seals_a_whole() {
        use chacha20poly1305::aead::{Aead as _, Payload};

        let header = header(&[1; 16], &[2; 24]);
        let payload = Payload { msg: PLAIN, aad: &header };
        let whole = XChaCha20Poly1305::new(&KEY.into()).encrypt(&XNonce::from([2; 24]), payload).unwrap();
        assert_eq!(sealed(), [header, whole].concat());
    }

    #[test]
    fn changed_bytes_do_not_open() {
        let sealed = sealed();
        for place in 20..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open_backup(&KEY, &changed), Err(BackupError::Closed), "{place}");
        }
        for place in 1..18 {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open_backup(&KEY, &changed), Err(BackupError::NotABackup), "{place}");
            assert_eq!(backup_salt(&changed), Err(BackupError::NotABackup), "{place}");
        }
    }

    #[test]
    fn cut_bytes_do_not_open() {
        let sealed = sealed();
        for length in 0..60 {
            assert_eq!(open_backup(&KEY, &sealed[..length]), Err(BackupError::NotABackup), "{length}");
        }
        for length in 60..sealed.len() {
            assert_eq!(open_backup(&KEY, &sealed[..length]), Err(BackupError::Closed), "{length}");
        }
    }

    #[test]
    fn later_versions_are_told_apart() {
        let mut later = sealed();
        later[19] = b'2';
        assert_eq!(open_backup(&KEY, &later), Err(BackupError::Later));
        assert_eq!(backup_salt(&later), Err(BackupError::Later));
    }

    #[test]
    fn sizes_are_bounded() {
        let plain = vec![0; BACKUP_BYTES + 1];
        assert_eq!(seal_backup(&KEY, &[0; 16], &[0; 24], &plain), Err(BackupError::TooLarge));
    }
}
