//! The hashes of version 1, for the page's `Peer` and `Message`. Arguments are JSON texts as the page's own
//! `JSON.stringify` spells them: lone surrogates survive there as escapes.

use msr_protocol::{JsonText, Message, MessageB, Peer};
use wasm_bindgen::prelude::*;

/// What stands in `secret` on the wire: the MD5 of a plain secret, which must be well-formed text.
#[wasm_bindgen(js_name = hashSecret)]
#[must_use]
pub fn hash_secret(plain: &str) -> String {
    msr_protocol::hash_secret(plain)
}

/// The credential of a peer of dialect A.
#[wasm_bindgen(js_name = peerCredential)]
#[must_use]
pub fn peer_credential(name: String, email: String, secret: String) -> String {
    peer(name, email, secret).credential().to_hex()
}

/// The credential of a peer of dialect B.
#[wasm_bindgen(js_name = peerCredentialB)]
#[must_use]
pub fn peer_credential_b(name: String, contact: String, secret: String) -> String {
    peer(name, contact, secret).credential_b().to_hex()
}

/// The checksum of a message of dialect A.
#[wasm_bindgen(js_name = messageChecksum)]
#[must_use]
pub fn message_checksum(to: String, from: String, subject: String, timestamp: String, content: String) -> String {
    message([to, from, subject, timestamp, content]).checksum().to_hex()
}

/// The checksum of a message of dialect B.
#[wasm_bindgen(js_name = messageChecksumB)]
#[must_use]
pub fn message_checksum_b(
    to: String,
    from: String,
    subject: String,
    timestamp: String,
    content: String,
    signature: String,
    sessid: String,
) -> String {
    let base = message([to, from, subject, timestamp, content]);
    let [signature, sessid] = [signature, sessid].map(JsonText::from_spelled);
    MessageB { base, signature, sessid }.checksum().to_hex()
}

fn peer(name: String, email: String, secret: String) -> Peer {
    let [name, email, secret] = [name, email, secret].map(JsonText::from_spelled);
    Peer { name, email, secret, ..Peer::default() }
}

fn message(members: [String; 5]) -> Message {
    let [to, from, subject, timestamp, content] = members.map(JsonText::from_spelled);
    Message { to, from, subject, timestamp, content }
}
