//! `#[wasm_bindgen]` bindings around [`msr_crypto`], built twice: as the small module that derives account keys, and with the
//! feature `encryption` as the one that keeps the keys of a device.
//!
//! Bindings convert, delegate and convert back. Time is an argument; randomness is the page's own `crypto`.

#[cfg(feature = "encryption")]
mod encryption;
#[cfg(not(feature = "encryption"))]
mod identity;

#[cfg(feature = "encryption")]
pub use encryption::{Keys, KeysFace};
#[cfg(not(feature = "encryption"))]
pub use identity::{account_form, derive, open_backup, pass_phrase, seal_backup, strength};

/// Half as large, compressed, as the allocator that comes with the compiler.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
