//! Pass phrases, and backups that are sealed under them.

use msr_crypto::BackupError;
use wasm_bindgen::prelude::*;

/// A pass phrase that cannot be guessed, from 16 random bytes.
///
/// # Errors
/// When they are not 16.
#[wasm_bindgen(js_name = passPhrase)]
pub fn pass_phrase(entropy: &[u8]) -> Result<String, JsError> {
    Ok(msr_crypto::pass_phrase(sized(entropy)?))
}

/// Roughly how many bits of guessing a secret takes.
#[wasm_bindgen]
#[must_use]
pub fn strength(secret: &str) -> f64 {
    msr_crypto::strength_bits(secret)
}

/// Seals a backup under the key that its salt gives; `salt` is 16 random bytes, `nonce` 24.
///
/// # Errors
/// When they are not, or the backup is too large.
#[wasm_bindgen(js_name = sealBackup)]
pub fn seal_backup(key: &[u8], salt: &[u8], nonce: &[u8], plain: &[u8]) -> Result<Vec<u8>, JsError> {
    msr_crypto::seal_backup(&sized(key)?, &sized(salt)?, &sized(nonce)?, plain).map_err(backup_error)
}

/// The salt of a backup, of which its key is made.
///
/// # Errors
/// When it is none.
#[wasm_bindgen(js_name = backupSalt)]
pub fn backup_salt(backup: &[u8]) -> Result<Vec<u8>, JsError> {
    msr_crypto::backup_salt(backup).map(|salt| salt.to_vec()).map_err(backup_error)
}

/// Opens what [`seal_backup`] gave.
///
/// # Errors
/// When it is none, or the key is another.
#[wasm_bindgen(js_name = openBackup)]
pub fn open_backup(key: &[u8], backup: &[u8]) -> Result<Vec<u8>, JsError> {
    msr_crypto::open_backup(&sized(key)?, backup).map(|plain| plain.to_vec()).map_err(backup_error)
}

fn sized<const N: usize>(bytes: &[u8]) -> Result<[u8; N], JsError> {
    bytes.try_into().map_err(|_| JsError::new("bytes of another length are needed"))
}

fn backup_error(error: BackupError) -> JsError {
    JsError::new(error.reason())
}
