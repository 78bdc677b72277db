//! Who an account is.

use msr_crypto::AccountKey;
use wasm_bindgen::prelude::*;

/// What stands in `secret` on the wire for the account key of a seed: `ed25519:` and its public half. Nothing when the seed
/// is not 32 bytes.
#[wasm_bindgen(js_name = accountForm)]
#[must_use]
pub fn account_form(seed: &[u8]) -> Option<String> {
    let seed = seed.try_into().ok()?;
    Some(AccountKey::from_seed(seed).secret_form())
}
