//! The vectors of docs/PROTOCOL-identity.md. `cargo xtask test --only vectors` computes them a second time, with
//! OpenSSL (tests/vectors/check.py). They never change: others would be other peers.

use msr_protocol::v2::{Field, List, ListedDevices, connection_text, enrolment_text, list_text, prekey_text};
use serde_json::{Value, json};

use super::*;
use crate::{
    Identity, backup_key, backup_salt, check_qr, open_backup, pass_phrase, qr_text, read_list, safety_number, seal_backup, verify_prekey,
    verify_proof,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/identity.json");

/// Names and e-mail addresses as JSON.stringify spells them; a lone surrogate stays an escape.
const WORDS: [(&str, &str, &str); 3] = [
    (r#""Ada""#, r#""ada@example.org""#, "lusab-babad-gutih-tugad-babab-zuzuz-babib-bahab"),
    (r#""Zoë \"Z\" \ud83d""#, r#""\n""#, "pässwörd 密码 👍"),
    (r#""""#, r#""""#, ""),
];
const DEVICES: [Bytes16; 3] = [[0x11; 16], [0x22; 16], [0x33; 16]];
const HOST: &str = "router.example.org:443";
const NONCE: [u8; 32] = [0x4e; 32];

fn encoded<'a>(field: &impl Field<'a>) -> String {
    let mut out = Vec::new();
    field.write(&mut out);
    hex::encode(out)
}

struct Peer {
    words: Words,
    key: AccountKey,
    credential: Credential,
}

fn peer((name, email, secret): (&str, &str, &str)) -> (Peer, Value) {
    let [name, email] = [name, email].map(|text| JsonText::from_spelled(text.to_owned()));
    let words = Words { name, email };
    let key = AccountKey::derive(&words, secret).unwrap();
    let credential = words.credential(&key.secret_text());
    let value = json!({
        "name": words.name.as_str(), "email": words.email.as_str(), "secret": secret,
        "salt": hex::encode(words.salt()), "seed": hex::encode(*key.seed()),
        "public_key": hex::encode(key.public().to_bytes()), "secret_form": key.secret_form(),
        "credential": credential.to_string(),
    });
    (Peer { words, key, credential }, value)
}

fn device(peer: &Peer, number: u8) -> (OwnDevice, Value) {
    let device = DEVICES[usize::from(number)];
    let key = DeviceKey::from_seed(&[0xd0 + number; 32]);
    let (identity_key, enrolled_ms) = ([0xc0 + number; 32], 1_764_277_200_000 + i64::from(number));
    let enrolment = peer.key.enrol(peer.credential, device, &key.public(), identity_key, enrolled_ms);
    let own = OwnDevice { device, key, enrolment };
    let value = json!({
        "device": hex::encode(device), "seed": hex::encode(*own.key.seed()),
        "device_key": hex::encode(enrolment.device_key), "identity_key": hex::encode(identity_key), "enrolled_ms": enrolled_ms,
        "text": hex::encode(enrolment_text(peer.credential, device, &enrolment)),
        "enrolment": encoded(&enrolment), "record": hex::encode(own.encode()),
    });
    assert_eq!(OwnDevice::decode(&own.encode()).unwrap().enrolment, enrolment);
    (own, value)
}

fn connection(peer: &Peer, device: &OwnDevice) -> Value {
    let proof = device.proof(&NONCE, HOST, peer.credential);
    let secret = peer.key.secret_text();
    assert_eq!(verify_proof(&proof, &NONCE, peer.credential, secret.as_str(), device.device).unwrap().host, HOST);
    json!({
        "nonce": hex::encode(NONCE), "host": HOST,
        "text": hex::encode(connection_text(&NONCE, HOST, peer.credential, device.device)), "proof": hex::encode(proof),
    })
}

fn list(peer: &Peer, devices: &[&OwnDevice]) -> Value {
    let listed = |own: &&OwnDevice| ListedDevice { device: own.device, enrolment: own.enrolment };
    let secret = peer.key.secret_text();
    let list = ListedDevices {
        credential: peer.credential,
        name: peer.words.name.as_str(),
        email: peer.words.email.as_str(),
        secret: secret.as_str(),
        counter: 3,
        signed_ms: 1_764_277_260_000,
        devices: List(devices.iter().map(listed).collect()),
        revoked: List(vec![DEVICES[2]]),
    };
    let signed = peer.key.sign_list(&list);
    assert_eq!(read_list(&signed).unwrap().devices.len(), devices.len());
    let body = encoded(&list);
    json!({
        "counter": list.counter, "signed_ms": list.signed_ms, "revoked": [hex::encode(DEVICES[2])],
        "text": hex::encode(list_text(&hex::decode(&body).unwrap())), "body": body, "signed": hex::encode(signed),
    })
}

fn prekey(peer: &Peer, own: &OwnDevice, is_fallback: bool) -> Value {
    let (key, made_ms) = ([0xb0 + u8::from(is_fallback); 32], 1_764_277_320_000);
    let prekey = own.key.sign_prekey(peer.credential, own.device, key, is_fallback, made_ms);
    assert!(verify_prekey(peer.credential, own.device, &own.key.public(), &prekey));
    json!({
        "key": hex::encode(key), "is_fallback": is_fallback, "made_ms": made_ms,
        "text": hex::encode(prekey_text(peer.credential, own.device, &prekey)), "prekey": encoded(&prekey),
    })
}

fn safety(one: &Peer, other: &Peer) -> Value {
    let [one, other] = [one, other].map(|peer| Identity { credential: peer.credential, account: peer.key.public() });
    let qr = qr_text(&one, &other);
    assert!(check_qr(&qr, &other, &one));
    json!({ "number": safety_number(&one, &other), "qr_text": qr })
}

fn backup() -> Value {
    let (passphrase, salt, nonce, plain) = ("pässwörd", [0x5a; 16], [0x6b; 24], b"what is kept".as_slice());
    let key = backup_key(passphrase, &salt).unwrap();
    let sealed = seal_backup(&key, &salt, &nonce, plain).unwrap();
    assert_eq!(backup_salt(&sealed), Ok(salt));
    assert_eq!(open_backup(&key, &sealed).unwrap().as_slice(), plain);
    json!({
        "passphrase": passphrase, "salt": hex::encode(salt), "nonce": hex::encode(nonce),
        "plain": hex::encode(plain), "sealed": hex::encode(sealed),
    })
}

fn phrase(entropy: [u8; 16]) -> Value {
    json!({ "entropy": hex::encode(entropy), "phrase": pass_phrase(entropy) })
}

fn vectors() -> Value {
    let (peers, accounts): (Vec<_>, Vec<_>) = WORDS.map(peer).into_iter().unzip();
    let [ada, zoe] = [&peers[0], &peers[1]];
    let [(first, first_value), (second, second_value)] = [device(ada, 0), device(ada, 1)];
    json!({
        "accounts": accounts,
        "devices": [first_value, second_value],
        "connection": connection(ada, &first),
        "list": list(ada, &[&first, &second]),
        "prekeys": [prekey(ada, &first, false), prekey(ada, &first, true)],
        "safety": safety(ada, zoe),
        "backup": backup(),
        "pass_phrases": [phrase([0; 16]), phrase(*b"0123456789abcdef"), phrase([0xff; 16])],
    })
}

#[test]
fn the_vectors_are_what_this_crate_computes() {
    let written: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let computed = vectors();
    for (part, value) in computed.as_object().unwrap() {
        assert_eq!(&written[part], value, "{part}");
    }
    assert_eq!(written, computed);
}

#[test]
fn the_document_has_the_vectors() {
    let document: String = include_str!("../../../docs/PROTOCOL-identity.md").split_whitespace().collect();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    let shown = [
        "/accounts/0/salt",
        "/accounts/0/seed",
        "/accounts/0/public_key",
        "/accounts/0/secret_form",
        "/accounts/0/credential",
        "/devices/0/text",
        "/devices/0/enrolment",
        "/connection/text",
        "/connection/proof",
        "/list/signed",
        "/prekeys/0/prekey",
        "/safety/number",
        "/safety/qr_text",
        "/backup/sealed",
    ];
    for place in shown {
        let value = written.pointer(place).and_then(Value::as_str).unwrap();
        assert!(document.contains(value), "{place}: {value}");
    }
}

/// Once written, they stay. For a new kind of vector: `cargo test -p msr-crypto write_the_vectors -- --ignored`.
#[test]
#[ignore = "writes the file"]
fn write_the_vectors() {
    std::fs::write(FILE, serde_json::to_string_pretty(&vectors()).unwrap() + "\n").unwrap();
}
