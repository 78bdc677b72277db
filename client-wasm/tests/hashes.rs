//! The hashes of every entry of the vectors, computed in a browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use js_sys::{Array, JSON, Reflect};
use msgsrouter::{hash, hash_secret, hashed};
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

/// These members, as the page spells them.
fn texts<const N: usize>(object: &JsValue, names: [&str; N]) -> String {
    names.map(|name| String::from(JSON::stringify(&member(object, name)).unwrap())).join("\n")
}

#[wasm_bindgen_test]
fn peers() {
    let peers = vectors("peers");
    assert_eq!(peers.len(), 32);
    for peer in peers {
        assert_eq!(hash_secret(&string(&peer, "plain")), string(&peer, "secret"));
        let credential = hash(hashed::PEER, &texts(&peer, ["name", "email", "secret"]));
        assert_eq!(credential, string(&peer, "credential"));
    }
}

#[wasm_bindgen_test]
fn peers_of_dialect_b() {
    let peers = vectors("peersB");
    assert_eq!(peers.len(), 20);
    for peer in peers {
        let credential = hash(hashed::PEER_B, &texts(&peer, ["name", "contact", "secret"]));
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
            let members = texts(&message, ["to", "from", "subject", "timestamp", "content"]);
            assert_eq!(hash(hashed::MESSAGE, &members), string(&entry, "checksum"));
        }
    }
}

#[wasm_bindgen_test]
fn messages_of_dialect_b() {
    let messages = vectors("messagesB");
    assert_eq!(messages.len(), 40);
    for entry in messages {
        let message = JSON::parse(&string(&entry, "hashed")).unwrap();
        let members = texts(&message, ["to", "from", "subject", "timestamp", "content", "signature", "sessid"]);
        assert_eq!(hash(hashed::MESSAGE_B, &members), string(&entry, "checksum"));
    }
}
