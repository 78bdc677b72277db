//! Thousands of random JSON texts, spelled here and by Node's own `JSON.stringify(JSON.parse(text))`.
//!
//! Node is part of what is tested: without it the test fails and says so. A failure prints the seed; `MSR_SEED` runs it
//! again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod random_json;

use std::io::Write as _;
use std::process::{Command, Stdio};

use fastrand::Rng;
use msr_protocol::{JsonText, limits, spell};

/// A line holds what to do and, in hex, the UTF-8 text to do it with: no text can break the transport.
const SCRIPT: &str = r#"
const todo = {
    spell: (text) => JSON.stringify(JSON.parse(text)),
    quote: (text) => JSON.stringify(text),
};
const lines = require("fs").readFileSync(0, "latin1").trimEnd().split("\n");
const answers = lines.map((line) => {
    const [what, text] = line.split(" ");
    return todo[what](Buffer.from(text, "hex").toString());
});
process.stdout.write(answers.join("\n"));
"#;

/// What Node makes of each text, in one process.
fn node(what: &str, texts: &[String]) -> Vec<String> {
    let mut node = Command::new("node")
        .args(["-e", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`node` must be installed: this test compares with its JSON.stringify");
    let lines: String = texts.iter().map(|text| format!("{what} {}\n", hex::encode(text))).collect();
    let mut stdin = node.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "node ended with {}", output.status);
    let answers: Vec<String> = String::from_utf8(output.stdout).unwrap().split('\n').map(str::to_owned).collect();
    assert_eq!(answers.len(), texts.len());
    answers
}

fn seeded() -> Rng {
    let seed = std::env::var("MSR_SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("MSR_SEED is a number"));
    println!("MSR_SEED={seed}");
    Rng::with_seed(seed)
}

#[test]
fn spelled_as_node_does() {
    let mut rng = seeded();
    let mut texts: Vec<String> = (0..20_000).map(|nth| random_json::text(&mut rng, nth % 7)).collect();
    texts.extend((0..50).map(|_| random_json::deep(&mut rng, limits::JSON_DEPTH)));
    for (text, theirs) in texts.iter().zip(node("spell", &texts)) {
        assert_eq!(spell(text).unwrap_or_else(|error| panic!("{error}: {text}")).as_str(), theirs, "of {text}");
        assert_eq!(spell(&theirs).unwrap().as_str(), theirs, "what is spelled stays as it is");
    }
}

#[test]
fn strings_quoted_as_node_does() {
    let mut rng = seeded();
    let mut texts: Vec<String> = (0..=0x2FFF_u32).filter_map(char::from_u32).map(String::from).collect();
    texts.extend((0..5_000).map(|_| (0..rng.usize(..12)).map(|_| rng.char(..)).collect::<String>()));
    for (text, theirs) in texts.iter().zip(node("quote", &texts)) {
        assert_eq!(JsonText::string(text).as_str(), theirs, "of {text:?}");
    }
}
