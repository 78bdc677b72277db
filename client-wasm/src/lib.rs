//! The browser's side of msgsrouter: `#[wasm_bindgen]` bindings and a shell around [`msr_client::Session`].
//!
//! Bindings convert, delegate and convert back; what there is to decide is decided in `msr-client`. The shell owns
//! what the session must not know: the WebSocket, the timer, both clocks. Everything that happens is told to the
//! TypeScript [`Face`] (in `js/`), which never calls back while it is being told.

mod base;
mod driver;
mod face;
mod reader;
mod session;
mod settings;
mod socket;

pub use base::{hash_secret, message_checksum, message_checksum_b, peer_credential, peer_credential_b};
pub use face::Face;
pub use reader::read;
pub use session::{Session, WireStatus};
pub use settings::WireSettings;
