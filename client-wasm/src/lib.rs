//! The browser's side of msgsrouter: `#[wasm_bindgen]` bindings and a shell around [`msr_client::Session`].
//!
//! Bindings convert, delegate and convert back; what there is to decide is decided in `msr-client`. The shell owns
//! what the session must not know: the WebSocket, the timer, both clocks. What is to be kept is kept by the page. Everything that happens is told to the
//! TypeScript [`Face`] (in `js/`), which never calls back while it is being told.

mod base;
mod draft;
mod driver;
mod face;
mod keys;
mod members;
mod news;
mod reader;
mod records;
mod session;
mod settings;
mod socket;
mod value;

pub use base::{hash, hash_secret, hashed};
pub use draft::WireDraft;
pub use face::Face;
pub use reader::read;
pub use records::{WireChanges, WireRows};
pub use session::{Session, WireStatus};
pub use settings::WireSettings;

/// Half as large, compressed, as the allocator that comes with the compiler.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
