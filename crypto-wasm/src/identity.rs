//! Account keys and secrets.

use msr_crypto::{AccountKey, BackupError, Words};
use msr_protocol::JsonText;
use wasm_bindgen::prelude::*;

/// The seed of an account key, 32 bytes, from the JSON texts of name and e-mail address, and the secret in NFC. Takes 64 MiB.
///
/// # Errors
/// When they are not there.
#[wasm_bindgen]
pub fn derive(name: String, email: String, secret_nfc: &str) -> Result<Vec<u8>, JsError> {
    let [name, email] = [name, email].map(JsonText::from_spelled);
    let account = AccountKey::derive(&Words { name, email }, secret_nfc).map_err(|error| JsError::new(error.reason()))?;
    Ok(account.seed().to_vec())
}

/// What stands in `secret` on the wire for the account key of a seed: `ed25519:` and its public half.
///
/// # Errors
/// When the seed is not 32 bytes.
#[wasm_bindgen(js_name = accountForm)]
pub fn account_form(seed: &[u8]) -> Result<String, JsError> {
    let seed = seed.try_into().map_err(|_| JsError::new("a seed has 32 bytes"))?;
    Ok(AccountKey::from_seed(seed).secret_form())
}

/// A pass phrase that cannot be guessed, from 16 random bytes.
///
/// # Errors
/// When they are not 16.
#[wasm_bindgen(js_name = passPhrase)]
pub fn pass_phrase(entropy: &[u8]) -> Result<String, JsError> {
    let entropy = entropy.try_into().map_err(|_| JsError::new("16 random bytes are needed"))?;
    Ok(msr_crypto::pass_phrase(entropy))
}

/// Roughly how many bits of guessing a secret takes.
#[wasm_bindgen]
#[must_use]
pub fn strength(secret: &str) -> f64 {
    msr_crypto::strength_bits(secret)
}

/// Seals a backup under a pass phrase in NFC; `entropy` is 40 random bytes. Takes 64 MiB.
///
/// # Errors
/// When they are not there, or the backup is too large: the number of the error, a blank, and what it says to a person.
#[wasm_bindgen(js_name = sealBackup)]
pub fn seal_backup(phrase_nfc: &str, entropy: &[u8], plain: &[u8]) -> Result<Vec<u8>, JsError> {
    let (salt, rest) = entropy.split_first_chunk().ok_or_else(|| JsError::new("40 random bytes are needed"))?;
    let nonce = rest.try_into().map_err(|_| JsError::new("40 random bytes are needed"))?;
    msr_crypto::seal_backup(phrase_nfc, salt, nonce, plain).map_err(backup_error)
}

/// Opens what [`seal_backup`] gave.
///
/// # Errors
/// When it is none, or the pass phrase is another.
#[wasm_bindgen(js_name = openBackup)]
pub fn open_backup(phrase_nfc: &str, backup: &[u8]) -> Result<Vec<u8>, JsError> {
    msr_crypto::open_backup(phrase_nfc, backup).map(|plain| plain.to_vec()).map_err(backup_error)
}

fn backup_error(error: BackupError) -> JsError {
    JsError::new(&[&error.code().number().to_string(), " ", error.reason()].concat())
}
