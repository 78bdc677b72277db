//! Clients with an identity by key against the real server: the native driver of `msr-client`, with the keys of
//! `msr-crypto` in it, both on one folder, as a process would have them.
//!
//! A [`Person`] is a name, an e-mail address and an account key; a [`Slot`] is one place where devices of that person live, a folder;
//! a [`Running`] is a client that runs on it. [`Ring`] is the keys themselves.

mod convert;
mod frames;
mod person;
mod ring;
mod running;

pub use frames::{Connection, Own, listed};
pub use person::{Person, Slot};
pub use ring::{Heard, Ring};
pub use running::{Got, Running, draft};
