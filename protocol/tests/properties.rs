//! What holds of every text, however odd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod random_json;

use msr_protocol::v1::{Dialect, Incoming, Registration, Relayed, Search};
use msr_protocol::{Checksum, Code, JsonText, Message, MessageB, depth, hash_secret, limits, spell};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

const VECTORS: &str = include_str!("v1.json");

#[derive(Deserialize)]
struct Vector {
    #[serde(alias = "fields")]
    text: Option<String>,
    hashed: String,
    checksum: String,
}

#[derive(Deserialize)]
struct Vectors {
    messages: Vec<Vector>,
    spellings: Vec<Vector>,
    #[serde(rename = "messagesB")]
    messages_b: Vec<Vector>,
}

/// Every message of the vectors, as a sender would write it.
fn messages() -> Vec<String> {
    let Vectors { messages, spellings, messages_b } = serde_json::from_str(VECTORS).unwrap();
    let texts = messages.into_iter().chain(spellings).chain(messages_b);
    texts.map(|vector| with_checksum(&vector.checksum, &vector.text.unwrap_or(vector.hashed))).collect()
}

fn with_checksum(checksum: impl std::fmt::Display, members: &str) -> String {
    format!("{{\"checksum\":\"{checksum}\",{}", members.trim_start().strip_prefix('{').unwrap())
}

#[derive(Deserialize)]
struct Members<'a> {
    checksum: String,
    #[serde(borrow)]
    to: &'a RawValue,
    #[serde(borrow)]
    from: &'a RawValue,
    #[serde(borrow)]
    subject: &'a RawValue,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "present")]
    signature: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    sessid: Option<&'a RawValue>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What a client of the original does with what it receives: `JSON.parse`, `JSON.stringify`, MD5, compare.
fn accepted_by_the_original(text: &str) -> bool {
    let members: Members<'_> = serde_json::from_str(text).unwrap();
    let spelled = |raw: &RawValue| spell(raw.get()).unwrap();
    let base = Message {
        to: spelled(members.to),
        from: spelled(members.from),
        subject: spelled(members.subject),
        timestamp: spelled(members.timestamp),
        content: spelled(members.content),
    };
    let checksum = match (members.signature, members.sessid) {
        (Some(signature), Some(sessid)) => MessageB { base, signature: spelled(signature), sessid: spelled(sessid) }.checksum(),
        _ => base.checksum(),
    };
    checksum.to_string() == members.checksum
}

/// A random message of either dialect, spelled oddly, its members in their order; and what JavaScript would hash of it.
fn odd_message(seed: u64, dialect: Dialect) -> (String, Message) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut json = |depth| random_json::text(&mut rng, depth);
    let [to, from, subject, timestamp, content] = [json(2), json(0), json(0), json(0), json(5)];
    let more = match dialect {
        Dialect::A => String::new(),
        Dialect::B => format!(r#","signature":{},"sessid":{}"#, json(0), json(0)),
    };
    let members = format!(r#"{{"to":{to},"from":{from},"subject":{subject},"timestamp":{timestamp},"content":{content}{more}}}"#);
    let spelled = |text: &str| spell(text).unwrap();
    let message = Message {
        to: spelled(&to),
        from: spelled(&from),
        subject: spelled(&subject),
        timestamp: spelled(&timestamp),
        content: spelled(&content),
    };
    (members, message)
}

fn relayed(text: &str, to: Dialect) -> String {
    let incoming = Incoming::read(text).unwrap_or_else(|code| panic!("{code:?}: {text}"));
    match incoming.relayed(to, &JsonText::string("Quark Li")).unwrap() {
        Relayed::AsItCame => text.to_owned(),
        Relayed::Anew(text) => text,
    }
}

/// The checksum of a text as it stands: what Python's `json.dumps` and a hash over it give. Values of random texts may
/// have white space around them, which is not theirs.
fn raw_checksum(members: &str) -> Checksum {
    let text = with_checksum("", members);
    let values: Members<'_> = serde_json::from_str(&text).unwrap();
    let named = [
        ("to", Some(values.to)),
        ("from", Some(values.from)),
        ("subject", Some(values.subject)),
        ("timestamp", Some(values.timestamp)),
        ("content", Some(values.content)),
        ("signature", values.signature),
        ("sessid", values.sessid),
    ];
    let mut text = String::from("{");
    for (name, value) in named {
        if let Some(value) = value {
            text.push_str(&format!("\"{name}\":{},", value.get()));
        }
    }
    text.pop();
    hash_secret(&(text + "}")).parse().unwrap()
}

fn dialects() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::A), Just(Dialect::B)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spelling_twice_changes_nothing(seed: u64, depth in 0_usize..9) {
        let once = spell(&random_json::text(&mut fastrand::Rng::with_seed(seed), depth)).unwrap();
        prop_assert_eq!(spell(once.as_str()).unwrap(), once);
    }

    #[test]
    fn arbitrary_text_is_read_or_refused(text in any::<String>()) {
        let _ = Incoming::read(&text);
        let _ = spell(&text);
        let _ = depth(&text);
    }

    #[test]
    fn mutated_messages_are_read_or_refused(nth: prop::sample::Index, at: prop::sample::Index, length in 0_usize..4, with in "[\\PC\\x00\"{}\\[\\],:\\\\]{0,3}") {
        let messages = messages();
        let mut text: Vec<char> = nth.get(&messages).chars().collect();
        let at = at.index(text.len());
        text.splice(at..(at + length).min(text.len()), with.chars());
        let text: String = text.into_iter().collect();
        if let Ok(incoming) = Incoming::read(&text) {
            let _ = (incoming.recipients(), incoming.from(), incoming.timestamp());
            let _ = (Registration::read(&incoming), Search::read(&incoming));
            for to in [Dialect::A, Dialect::B] {
                if incoming.relayed(to, &JsonText::string("s")).is_ok() {
                    prop_assert!(accepted_by_the_original(&relayed(&text, to)));
                }
            }
        }
    }

    #[test]
    fn from_a_to_b_and_back(seed: u64) {
        let (members, message) = odd_message(seed, Dialect::A);
        let there = relayed(&with_checksum(message.checksum(), &members), Dialect::B);
        prop_assert!(accepted_by_the_original(&there));
        prop_assert_eq!(relayed(&there, Dialect::A), message.to_text());
    }

    #[test]
    fn what_is_passed_on_is_accepted(seed: u64, from in dialects(), to in dialects()) {
        let (members, _) = odd_message(seed, from);
        let text = with_checksum(raw_checksum(&members), &members);
        prop_assert!(accepted_by_the_original(&relayed(&text, to)));
    }

    #[test]
    fn another_checksum_is_refused(seed: u64, from in dialects(), bit in 0_usize..128) {
        let (members, _) = odd_message(seed, from);
        let mut checksum = raw_checksum(&members);
        checksum.0[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(Incoming::read(&with_checksum(checksum, &members)).err(), Some(Code::BadChecksum));
    }

    #[test]
    fn depth_is_that_of_the_text(seed: u64, deep in 0_usize..300) {
        let text = random_json::deep(&mut fastrand::Rng::with_seed(seed), deep);
        prop_assert_eq!(depth(&text), deep);
        prop_assert_eq!(spell(&text).is_ok(), deep <= limits::JSON_DEPTH);
    }
}

/// As Python's `json.dumps` spells: spaces after commas and colons, everything above ASCII escaped, `1.0`.
#[test]
fn what_python_sends_reaches_javascript() {
    let credential = "2a51da84f681ebcaa4818b5f3c1e5791";
    let values = [
        format!("[\"{credential}\"]"),
        format!("\"{credential}\""),
        r#""caf\u00e9""#.into(),
        "1.0".into(),
        r#"{"a": 1, "b": [1, 2]}"#.into(),
    ];
    let [to, from, subject, timestamp, content] = &values;
    let members = format!(r#"{{"to":{to},"from":{from},"subject":{subject},"timestamp":{timestamp},"content":{content}}}"#);
    let text = with_checksum(raw_checksum(&members), &members);
    let passed_on = relayed(&text, Dialect::A);
    assert!(passed_on.ends_with(r#""subject":"café","timestamp":1,"content":{"a":1,"b":[1,2]}}"#), "{passed_on}");
    assert!(accepted_by_the_original(&passed_on));
}

/// A checksum over what JavaScript would spell is good whatever the spelling of the text, which then stays as it came.
#[test]
fn another_spelling_with_the_right_checksum_stays() {
    for text in messages() {
        let incoming = Incoming::read(&text).unwrap();
        if incoming.dialect() == Dialect::A {
            assert_eq!(incoming.relayed(Dialect::A, &JsonText::empty_string()).unwrap(), Relayed::AsItCame, "{text}");
        }
    }
}

#[test]
fn half_a_dialect_is_refused() {
    let (members, _) = odd_message(1, Dialect::A);
    let members = members.strip_suffix('}').unwrap();
    for more in [r#","signature":"s"}"#, r#","sessid":""}"#, r#","sessid":null}"#] {
        let members = format!("{members}{more}");
        assert_eq!(Incoming::read(&with_checksum(raw_checksum(&members), &members)).err(), Some(Code::BadMessage));
    }
}
