//! What takes 64 MiB: keys from words that people know. A worker does it that is gone afterwards.

use msr_crypto::Words;
use msr_protocol::JsonText;
use wasm_bindgen::prelude::*;

/// The seed of an account key, 32 bytes, from the JSON texts of name and e-mail address, and the secret in NFC; nothing where
/// there are no 64 MiB.
#[wasm_bindgen]
#[must_use]
pub fn derive(name: String, email: String, secret_nfc: &str) -> Option<Vec<u8>> {
    let [name, email] = [name, email].map(JsonText::from_spelled);
    let seed = msr_crypto::derive_seed(&Words { name, email }, secret_nfc);
    seed.ok().map(|seed| seed.to_vec())
}

/// The key, 32 bytes, of a backup with that salt of 16, from a pass phrase in NFC; nothing where there are no 64 MiB.
#[wasm_bindgen(js_name = backupKey)]
#[must_use]
pub fn backup_key(phrase_nfc: &str, salt: &[u8]) -> Option<Vec<u8>> {
    let key = msr_crypto::backup_key(phrase_nfc, salt.try_into().ok()?);
    key.ok().map(|key| key.to_vec())
}
