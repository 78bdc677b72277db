//! What both ends of msgsrouter say to each other.
//!
//! [`Peer`], [`Message`] and [`Hub`], how they are hashed, the wire of version 1 in its two dialects,
//! the numeric [`Code`]s and the [`limits`]. This crate does no I/O and knows neither a clock nor a source of
//! randomness, so that the browser, the server and the tests can share every line of it.
//!
//! The feature `json` adds reading and spelling JSON text in Rust; the browser module leaves it out, because a page
//! has its own `JSON` and a second one costs more than the rest of the client together.

mod code;
mod credential;
mod digest;
mod failure;
mod hub;
mod json;
pub mod limits;
mod message;
mod peer;
pub mod v1;
pub mod v2;

pub use code::{Code, Disposition};
pub use credential::{Checksum, Credential, HexError};
pub use digest::hash_secret;
pub use failure::Failure;
pub use hub::Hub;
pub use json::{JsonText, depth, is_json, string_value};
#[cfg(feature = "json")]
pub use json::{SpellError, spell};
pub use message::{Message, MessageB};
pub use peer::{Location, Peer};
