//! Every vector computed by the original JavaScript, in both dialects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use msr_protocol::v1::{Dialect, Incoming};
use msr_protocol::{JsonText, Location, Peer, hash_secret, spell};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Vectors<'a> {
    #[serde(borrow)]
    peers: Vec<PeerVector<'a>>,
    messages: Vec<MessageVector>,
    spellings: Vec<MessageVector>,
    #[serde(borrow, rename = "peersB")]
    peers_b: Vec<PeerVector<'a>>,
    #[serde(rename = "messagesB")]
    messages_b: Vec<MessageVector>,
}

#[derive(Deserialize)]
struct PeerVector<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, alias = "contact")]
    email: &'a RawValue,
    plain: Option<String>,
    secret: String,
    credential: String,
}

#[derive(Deserialize)]
struct MessageVector {
    #[serde(alias = "fields")]
    text: Option<String>,
    hashed: String,
    checksum: String,
}

const TEXT: &str = include_str!("v1.json");

fn vectors() -> Vectors<'static> {
    serde_json::from_str(TEXT).unwrap()
}

fn peer(vector: &PeerVector<'_>) -> Peer {
    Peer {
        name: spell(vector.name.get()).unwrap(),
        email: spell(vector.email.get()).unwrap(),
        secret: JsonText::string(&vector.secret),
        location: Location::default(),
        publish: false,
    }
}

/// Puts the checksum in front of the members, as a sender would.
fn with_checksum(members: &str, checksum: &str) -> String {
    format!("{{\"checksum\":\"{checksum}\",{}", members.trim_start().strip_prefix('{').unwrap())
}

#[test]
fn peers() {
    let vectors = vectors();
    assert_eq!((vectors.peers.len(), vectors.peers_b.len()), (32, 20));
    for vector in &vectors.peers {
        assert_eq!(peer(vector).credential().to_string(), vector.credential);
        assert_eq!(hash_secret(vector.plain.as_deref().unwrap()), vector.secret);
    }
    for vector in &vectors.peers_b {
        assert_eq!(peer(vector).credential_b().to_string(), vector.credential);
    }
}

#[test]
fn messages() {
    let vectors = vectors();
    assert_eq!((vectors.messages.len(), vectors.spellings.len(), vectors.messages_b.len()), (201, 5, 40));
    for (vector, dialect) in vectors
        .messages
        .iter()
        .chain(&vectors.spellings)
        .map(|vector| (vector, Dialect::A))
        .chain(vectors.messages_b.iter().map(|vector| (vector, Dialect::B)))
    {
        let members = vector.text.as_ref().unwrap_or(&vector.hashed);
        let text = with_checksum(members, &vector.checksum);
        let incoming = Incoming::read(&text).unwrap_or_else(|code| panic!("{code:?} {text}"));
        assert_eq!(incoming.dialect(), dialect);
        if vectors.spellings.iter().all(|other| other.checksum != vector.checksum) {
            assert_eq!(spell(members).unwrap().as_str(), vector.hashed);
        }
        let mut wrong = text.clone().into_bytes();
        wrong[14] ^= 1;
        assert!(Incoming::read(std::str::from_utf8(&wrong).unwrap()).is_err());
    }
}

#[test]
fn translation_there_and_back() {
    let vectors = vectors();
    for vector in &vectors.messages {
        let text = with_checksum(vector.text.as_ref().unwrap(), &vector.checksum);
        let there = anew(Incoming::read(&text).unwrap().relayed(Dialect::B, &JsonText::string("Sender")).unwrap());
        let there = Incoming::read(&there).unwrap();
        assert_eq!(there.dialect(), Dialect::B);
        let back = anew(there.relayed(Dialect::A, &JsonText::empty_string()).unwrap());
        assert_eq!(back, with_checksum(&vector.hashed, &vector.checksum));
    }
}

#[test]
fn sessions_are_never_passed_on() {
    for vector in &vectors().messages_b {
        let text = with_checksum(&vector.hashed, &vector.checksum);
        match Incoming::read(&text).unwrap().relayed(Dialect::B, &JsonText::empty_string()).unwrap() {
            msr_protocol::v1::Relayed::AsItCame => assert!(text.ends_with(r#","sessid":""}"#)),
            msr_protocol::v1::Relayed::Anew(text) => assert!(Incoming::read(&text).is_ok() && text.ends_with(r#","sessid":""}"#)),
        }
    }
}

fn anew(relayed: msr_protocol::v1::Relayed) -> String {
    match relayed {
        msr_protocol::v1::Relayed::Anew(text) => text,
        msr_protocol::v1::Relayed::AsItCame => panic!("expected another spelling"),
    }
}
