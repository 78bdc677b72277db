//! `#[wasm_bindgen]` bindings around [`msr_crypto`], built three times: as the small module that derives keys, with the feature
//! `passphrase` as the one that makes pass phrases and seals backups, and with `encryption` as the one that keeps the keys of a
//! device.
//!
//! Bindings convert, delegate and convert back. Time is an argument; randomness is the page's own `crypto`.

#[cfg(feature = "encryption")]
mod encryption;
#[cfg(not(any(feature = "encryption", feature = "passphrase")))]
mod identity;
#[cfg(feature = "passphrase")]
mod passphrase;

#[cfg(feature = "encryption")]
pub use encryption::{Keys, KeysFace, account_form};
#[cfg(not(any(feature = "encryption", feature = "passphrase")))]
pub use identity::{backup_key, derive};
#[cfg(feature = "passphrase")]
pub use passphrase::{backup_salt, open_backup, pass_phrase, seal_backup, strength};

/// Half as large, compressed, as the allocator that comes with the compiler.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
