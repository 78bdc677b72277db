//! What no client of the original sends: each is refused with its own code and a log line, and nobody else is disturbed.

use msr_tests::{Dialect, Ended, Outgoing, RawClient, ServerProcess, md5, quoted};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// Sends frames over a registered connection (and, where `early`, over one that is not): they must end it with `close`
/// and a log line with `code`, while two others go on talking.
async fn refused(what: &str, frames: impl Fn(&RawClient) -> Vec<Message>, early: bool, close: u16, code: u16) {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::B, "Bob").await;
    let mut culprits = vec![];
    for dialect in Dialect::BOTH {
        culprits.push(RawClient::register(&server, dialect, "Mallory").await);
        if early {
            culprits.push(RawClient::open(&server).await);
        }
    }
    let number = culprits.len();
    for mut culprit in culprits {
        for frame in frames(&culprit) {
            culprit.send_frame(frame).await;
        }
        assert_eq!(culprit.ended().await, Ended::Closed(close), "{what}");
        let (to_alice, to_bob) = (alice.credential(), bob.credential());
        alice.send(&[&to_bob], "undisturbed", "1").await;
        bob.receive_about("undisturbed").await;
        bob.send(&[&to_alice], "undisturbed", "1").await;
        alice.receive_about("undisturbed").await;
    }
    server.logged_times(&[&format!("code={code}")], number).await;
}

fn text(text: impl Into<String>) -> Vec<Message> {
    vec![Message::text(text.into())]
}

#[tokio::test]
async fn too_large_a_message() {
    refused("one frame", |_| text("x".repeat(1024 * 1024 + 1)), true, 1009, 413).await;
}

#[tokio::test]
async fn too_large_a_message_in_fragments() {
    let frames = |_: &RawClient| {
        let part = |kind| Message::Frame(Frame::message(vec![b' '; 600 * 1024], OpCode::Data(kind), false));
        vec![part(Data::Text), part(Data::Continue)]
    };
    refused("fragments", frames, true, 1009, 413).await;
}

#[tokio::test]
async fn too_large_by_its_header_alone() {
    // A text frame, masked, of 2⁶³−1 bytes: nothing of it is awaited or allocated.
    let header = [&[0x81, 0xff, 0x7f][..], &[0xff; 7], &[1, 2, 3, 4]].concat();
    let server = ServerProcess::start().await;
    let mut culprit = RawClient::register(&server, Dialect::A, "Mallory").await;
    culprit.send_bytes(&header).await;
    assert_eq!(culprit.ended().await, Ended::Closed(1009));
    server.logged_code(413).await;
}

#[tokio::test]
async fn not_json() {
    for nonsense in ["", "hello", "{", "null", "[]", "7", "{\"to\":[]}", "{}}", "\u{0}"] {
        refused(nonsense, |_| text(nonsense), true, 4400, 400).await;
    }
}

#[tokio::test]
async fn a_member_of_the_wrong_kind() {
    for to in ["7", "{}", "null", "true"] {
        let frames = |culprit: &RawClient| text(Outgoing { to: to.to_owned(), ..culprit.message(&[], "wrong", "1") }.to_text());
        refused(to, frames, false, 4400, 400).await;
    }
    for (subject, timestamp) in [("7", "1"), ("null", "1"), ("[]", "1"), ("\"wrong\"", "\"1\""), ("\"wrong\"", "null")] {
        let (subject, timestamp) = (subject.to_owned(), timestamp.to_owned());
        let frames = |culprit: &RawClient| {
            let message = culprit.message(&[&culprit.credential()], "", "1");
            text(Outgoing { subject: subject.clone(), timestamp: timestamp.clone(), ..message }.to_text())
        };
        refused("kinds", frames, false, 4400, 400).await;
    }
}

#[tokio::test]
async fn a_member_missing_or_named_twice() {
    let twice = |culprit: &RawClient| {
        let members = culprit.message(&[&culprit.credential()], "twice", "1").members();
        let members = members.replacen("\"subject\":", "\"subject\":\"first\",\"subject\":", 1);
        text(Outgoing::with_checksum(&md5(&members), &members))
    };
    refused("twice", twice, false, 4400, 400).await;
    let missing = |culprit: &RawClient| {
        let members = culprit.message(&[&culprit.credential()], "missing", "1").members().replacen("\"subject\":\"missing\",", "", 1);
        text(Outgoing::with_checksum(&md5(&members), &members))
    };
    refused("missing", missing, false, 4400, 400).await;
}

#[tokio::test]
async fn deep_nesting() {
    refused("deep", |culprit| text(culprit.message(&[], "deep", &nested(128)).to_text()), false, 4409, 409).await;
    refused("bottomless", |_| text("[".repeat(1_000_000)), true, 4409, 409).await;
}

#[tokio::test]
async fn nesting_within_the_limit() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let content = nested(127);
    alice.send(&[&alice.credential()], "deep", &content).await;
    assert_eq!(alice.receive_about("deep").await.message.content, content);
}

fn nested(levels: usize) -> String {
    "[".repeat(levels) + &"]".repeat(levels)
}

#[tokio::test]
async fn binary_data() {
    refused("binary", |_| vec![Message::binary(vec![1, 2, 3])], true, 1003, 411).await;
}

#[tokio::test]
async fn too_many_recipients() {
    let frames = |culprit: &RawClient| {
        let to: Vec<String> = (0..=1_000).map(|nth| quoted(&md5(&nth.to_string()))).collect();
        text(Outgoing { to: format!("[{}]", to.join(",")), ..culprit.message(&[], "many", "1") }.to_text())
    };
    refused("recipients", frames, false, 4408, 408).await;
}

#[tokio::test]
async fn as_many_recipients_as_may_be() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut to: Vec<String> = (1..1_000).map(|nth| md5(&nth.to_string())).collect();
    to.push(alice.credential());
    alice.send(&to.iter().map(String::as_str).collect::<Vec<_>>(), "many", "1").await;
    alice.receive_about("many").await;
}

#[tokio::test]
async fn bytes_that_are_no_websocket() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    // An unmasked frame, a reserved bit, a reserved opcode, text that is not UTF-8.
    for (bytes, close) in [
        (&[0x81, 0x02, b'h', b'i'][..], 1002),
        (&[0xc1, 0x80, 0, 0, 0, 0], 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
    ] {
        let mut culprit = RawClient::register(&server, Dialect::A, "Mallory").await;
        culprit.send_bytes(bytes).await;
        assert_eq!(culprit.ended().await, Ended::Closed(close), "{bytes:x?}");
        alice.nothing_else().await;
    }
}

#[tokio::test]
async fn a_flood_of_broken_messages() {
    let frames = |culprit: &RawClient| {
        let broken = Outgoing::with_checksum(&md5(""), &culprit.message(&[], "broken", "1").members());
        vec![Message::text(broken); 1_000]
    };
    refused("flood", frames, false, 4529, 529).await;
}

#[tokio::test]
async fn more_connections_than_one_peer_may_have() {
    let server = ServerProcess::start().await;
    let mut devices = vec![];
    for _ in 0..64 {
        devices.push(RawClient::register(&server, Dialect::A, "Alice").await);
    }
    let mut one_more = RawClient::open(&server).await;
    one_more.words = devices[0].words.clone();
    one_more.send_text(one_more.registration().to_text()).await;
    assert_eq!(one_more.ended().await, Ended::Closed(4504));
    server.logged_code(504).await;
    devices[0].send(&[&one_more.credential()], "still here", "1").await;
    for device in &mut devices {
        device.receive_about("still here").await;
    }
}

#[tokio::test]
async fn whoever_does_not_read_costs_the_others_nothing() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::A, "Bob").await;
    let slow = RawClient::register(&server, Dialect::A, "Slow").await;
    let (to_bob, to_slow) = (bob.credential(), slow.credential());
    let large = quoted(&"x".repeat(512 * 1024));
    // 24 MiB: more than the sockets take and the queue holds, less than one connection may send at once.
    for _ in 0..48 {
        alice.send(&[&to_bob, &to_slow], "large", &large).await;
        bob.receive_about("large").await;
    }
    server.logged_code(505).await;
    alice.nothing_else().await;
    bob.nothing_else().await;
}
