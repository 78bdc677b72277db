//! The hashes of every entry of the vectors, computed in a browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use js_sys::{Array, JSON, Reflect};
use msgsrouter::{hash_secret, message_checksum, message_checksum_b, peer_credential, peer_credential_b};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const VECTORS: &str = include_str!("../../protocol/tests/v1.json");

/// The entries of that name.
fn vectors(name: &str) -> Vec<JsValue> {
    let vectors = JSON::parse(VECTORS).unwrap();
    member(&vectors, name).unchecked_into::<Array>().to_vec()
}

fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object.unchecked_ref(), &JsValue::from_str(name)).unwrap()
}

fn string(object: &JsValue, name: &str) -> String {
    member(object, name).as_string().unwrap()
}

/// The JSON text of a member, as the page spells it.
fn text(object: &JsValue, name: &str) -> String {
    JSON::stringify(&member(object, name)).unwrap().into()
}

#[wasm_bindgen_test]
fn peers() {
    let peers = vectors("peers");
    assert_eq!(peers.len(), 32);
    for peer in peers {
        assert_eq!(hash_secret(&string(&peer, "plain")), string(&peer, "secret"));
        let credential = peer_credential(text(&peer, "name"), text(&peer, "email"), text(&peer, "secret"));
        assert_eq!(credential, string(&peer, "credential"));
    }
}

#[wasm_bindgen_test]
fn peers_of_dialect_b() {
    let peers = vectors("peersB");
    assert_eq!(peers.len(), 20);
    for peer in peers {
        let credential = peer_credential_b(text(&peer, "name"), text(&peer, "contact"), text(&peer, "secret"));
        assert_eq!(credential, string(&peer, "credential"));
    }
}

#[wasm_bindgen_test]
fn messages_and_other_spellings() {
    for (entries, spelling, count) in [("messages", "fields", 201), ("spellings", "text", 5)] {
        let messages = vectors(entries);
        assert_eq!(messages.len(), count);
        for entry in messages {
            let message = JSON::parse(&string(&entry, spelling)).unwrap();
            let [to, from, subject, timestamp, content] =
                ["to", "from", "subject", "timestamp", "content"].map(|name| text(&message, name));
            assert_eq!(message_checksum(to, from, subject, timestamp, content), string(&entry, "checksum"));
        }
    }
}

#[wasm_bindgen_test]
fn messages_of_dialect_b() {
    let messages = vectors("messagesB");
    assert_eq!(messages.len(), 40);
    for entry in messages {
        let message = JSON::parse(&string(&entry, "hashed")).unwrap();
        let [to, from, subject, timestamp, content, signature, sessid] =
            ["to", "from", "subject", "timestamp", "content", "signature", "sessid"].map(|name| text(&message, name));
        let checksum = message_checksum_b(to, from, subject, timestamp, content, signature, sessid);
        assert_eq!(checksum, string(&entry, "checksum"));
    }
}
