//! The hashes of version 1, for the page's `Peer` and `Message`.

use msr_protocol::{JsonText, Message, MessageB, Peer};
use wasm_bindgen::prelude::*;

/// What [`hash`] hashes; client-wasm/js/src/hash.ts has the same numbers.
pub mod hashed {
    /// A peer of dialect A: name, email, secret.
    pub const PEER: u8 = 0;
    /// A peer of dialect B: name, contact, secret.
    pub const PEER_B: u8 = 1;
    /// A message of dialect A: to, from, subject, timestamp, content.
    pub const MESSAGE: u8 = 2;
    /// A message of dialect B: the same, signature, sessid.
    pub const MESSAGE_B: u8 = 3;
}

/// What stands in `secret` on the wire: the MD5 of a plain secret, which must be well-formed text.
#[wasm_bindgen(js_name = hashSecret)]
#[must_use]
pub fn hash_secret(plain: &str) -> String {
    msr_protocol::hash_secret(plain)
}

/// The credential of a peer, or the checksum of a message: 32 hex digits. `kind` is one of [`hashed`]; `members` are its members
/// in that order, a line for each, as JSON texts that the page's own `JSON.stringify` spells: lone surrogates survive there as
/// escapes, and a line never ends within one. One function for all, because each takes hundreds of bytes of a page's module.
#[wasm_bindgen]
#[must_use]
pub fn hash(kind: u8, members: &str) -> String {
    let mut texts = members.split('\n').map(|text| JsonText::from_spelled(text.to_owned()));
    let mut next = || texts.next().unwrap_or_else(JsonText::empty_string);
    if kind <= hashed::PEER_B {
        let peer = Peer { name: next(), email: next(), secret: next(), ..Peer::default() };
        return if kind == hashed::PEER { peer.credential() } else { peer.credential_b() }.to_hex();
    }
    let base = Message { to: next(), from: next(), subject: next(), timestamp: next(), content: next() };
    if kind == hashed::MESSAGE {
        return base.checksum().to_hex();
    }
    MessageB { base, signature: next(), sessid: next() }.checksum().to_hex()
}
