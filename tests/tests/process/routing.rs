//! What is sent reaches whom it is for, once, as their clients expect it.

use msr_tests::{Dialect, Outgoing, RawClient, ServerProcess, Words, md5, quoted};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// The largest message that passes.
const MESSAGE_BYTES: usize = 1024 * 1024;

#[tokio::test]
async fn to_itself() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        let mut client = RawClient::register(&server, dialect, "Alice").await;
        let own = client.credential();
        let sent = client.send(&[&own], "test", r#"{"mydata":"something"}"#).await;
        let received = client.receive_about("test").await;
        assert_eq!(received.message.content, r#"{"mydata":"something"}"#);
        if dialect == Dialect::A {
            assert_eq!(received.text, sent, "passed on as it came");
        }
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn to_others_across_dialects() {
    let server = ServerProcess::start().await;
    for (from, to) in [(Dialect::A, Dialect::A), (Dialect::A, Dialect::B), (Dialect::B, Dialect::A), (Dialect::B, Dialect::B)] {
        let mut alice = RawClient::register(&server, from, "Alice").await;
        let mut bob = RawClient::register(&server, to, "Bob").await;
        let content = r#"{"1":"one","a":[1.5,1e+21,-7,null,true],"é":"\"\\\n\u001f\ud800😀","":{}}"#;
        let sent = alice.message(&[&bob.credential()], "greeting \u{2028}", content);
        alice.send_text(sent.to_text()).await;
        let received = bob.receive().await;
        assert_eq!(received.dialect(), to);
        assert_eq!(received.message.content, content);
        assert_eq!(
            (received.message.to, received.message.from, received.message.subject, received.message.timestamp),
            (sent.to, sent.from, sent.subject, sent.timestamp)
        );
        if let Some((signature, sessid)) = received.message.session {
            assert_eq!((signature.as_str(), sessid.as_str()), ("\"Alice\"", "\"\""), "a session is nobody else's business");
        }
        alice.nothing_else().await;
        bob.nothing_else().await;
    }
}

#[tokio::test]
async fn to_many_and_each_once() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut alices_phone = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::A, "Bob").await;
    let mut bobs_phone = RawClient::register(&server, Dialect::A, "Bob").await;
    let mut carol = RawClient::register(&server, Dialect::B, "Carol").await;
    let mut dave = RawClient::register(&server, Dialect::B, "Dave").await;

    let (to_alice, to_bob, to_carol) = (alice.credential(), bob.credential(), carol.credential());
    alice.send(&[&to_bob, &to_carol, &to_bob, &to_alice, &to_bob], "all", "1").await;
    for client in [&mut alice, &mut alices_phone, &mut bob, &mut bobs_phone, &mut carol] {
        client.receive_about("all").await;
    }
    alice.send(&[&to_bob], "one", "1").await;
    for client in [&mut alices_phone, &mut bob, &mut bobs_phone] {
        client.receive_about("one").await;
    }
    for client in [&mut alice, &mut carol, &mut dave] {
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn a_string_counts_as_an_array_of_one() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::B, "Bob").await;
    let to = quoted(&bob.credential());
    let message = Outgoing { to: to.clone(), ..alice.message(&[], "hello", "[]") };
    alice.send_text(message.to_text()).await;
    assert_eq!(bob.receive_about("hello").await.message.to, to);
}

#[tokio::test]
async fn unknown_recipients_trouble_nobody() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::A, "Bob").await;
    let offline = Words::new(Dialect::A, "Offline").credential();
    let to = [offline.as_str(), "", "no credential", "*", &bob.credential().to_uppercase(), &bob.credential()].map(str::to_owned);
    alice.send(&to.each_ref().map(String::as_str), "hello", "1").await;
    bob.receive_about("hello").await;
    alice.send(&[], "nobody", "1").await;
    alice.send(&[&offline], "nobody", "1").await;
    alice.nothing_else().await;
    bob.nothing_else().await;
}

#[tokio::test]
async fn a_forged_sender_is_dropped() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        let mut mallory = RawClient::register(&server, dialect, "Mallory").await;
        let mut alice = RawClient::register(&server, dialect, "Alice").await;
        let mut bob = RawClient::register(&server, dialect, "Bob").await;
        for from in [quoted(&alice.credential()), quoted(""), "null".to_owned(), quoted(&mallory.credential().to_uppercase())] {
            let forged = Outgoing { from, ..mallory.message(&[&bob.credential()], "forged", "1") };
            mallory.send_text(forged.to_text()).await;
        }
        mallory.send(&[&bob.credential()], "honest", "1").await;
        bob.receive_about("honest").await;
        alice.nothing_else().await;
        mallory.nothing_else().await;
    }
    server.logged_code(406).await;
}

#[tokio::test]
async fn a_broken_checksum_is_dropped() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        let mut alice = RawClient::register(&server, dialect, "Alice").await;
        let mut bob = RawClient::register(&server, dialect, "Bob").await;
        let message = alice.message(&[&bob.credential()], "broken", "1");
        for checksum in ["", "0", &md5("something else"), &md5(&message.members()).to_uppercase()] {
            alice.send_text(Outgoing::with_checksum(checksum, &message.members())).await;
        }
        alice.send_text(message.to_text().replace("\"content\":1", "\"content\":2")).await;
        alice.send(&[&bob.credential()], "whole", "1").await;
        bob.receive_about("whole").await;
        bob.nothing_else().await;
        alice.nothing_else().await;
    }
    server.logged_code(407).await;
}

#[tokio::test]
async fn other_spellings_reach_everybody_in_javascripts() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::A, "Bob").await;
    let mut carol = RawClient::register(&server, Dialect::B, "Carol").await;
    let to = [bob.credential(), carol.credential()];
    let to = [to[0].as_str(), to[1].as_str()];

    // The checksum is over what JavaScript would spell: the text itself may be spelled anyhow.
    let meant = alice.message(&to, "café", r#"{"1":2,"b":1,"x":1}"#);
    let written = Outgoing { subject: r#""caf\u00e9""#.to_owned(), content: r#"{"b" : 1, "1": 2, "x": 1.0}"#.to_owned(), ..meant.clone() };
    alice.send_text(Outgoing::with_checksum(&md5(&meant.members()), &written.members())).await;
    assert_eq!(bob.next_unchecked().await.checksum, md5(&meant.members()), "what the receiver spells gives this checksum");
    assert_eq!(carol.receive().await.message.content, meant.content);

    // The checksum is over the text as written, as Python's json.dumps would have it.
    alice.send_text(written.to_text()).await;
    let received = bob.receive().await;
    assert_eq!((received.message.subject, received.message.content), (meant.subject.clone(), meant.content.clone()));
    assert_eq!(carol.receive().await.message.content, meant.content);
}

#[tokio::test]
async fn lone_surrogates_stay_intact() {
    let server = ServerProcess::start().await;
    let words = Words { name: r#""half \ud83d""#.to_owned(), ..Words::new(Dialect::A, "half") };
    let mut alice = RawClient::register_as(&server, words).await;
    for dialect in Dialect::BOTH {
        let mut bob = RawClient::register(&server, dialect, "Bob").await;
        let content = r#"["\ud800","\udfff x \ud800\ud800",{"\udc00":1}]"#;
        let message = Outgoing { subject: r#""\udead""#.to_owned(), ..alice.message(&[&bob.credential()], "", content) };
        alice.send_text(message.to_text()).await;
        let received = bob.receive().await;
        assert_eq!((received.message.subject.as_str(), received.message.content.as_str()), (r#""\udead""#, content));
        if let Some((signature, _)) = received.message.session {
            assert_eq!(signature, r#""half \ud83d""#);
        }
    }
}

#[tokio::test]
async fn the_largest_message_passes() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::A, "Bob").await;
    let to = bob.credential();
    let empty = alice.message(&[&to], "large", "\"\"").to_text();
    let content = quoted(&"x".repeat(MESSAGE_BYTES - empty.len()));
    let sent = alice.send(&[&to], "large", &content).await;
    assert_eq!(sent.len(), MESSAGE_BYTES);
    assert!(bob.receive_about("large").await.text == sent);
}

#[tokio::test]
async fn fragments_and_pings_are_websocket_as_usual() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let text = alice.message(&[&alice.credential()], "in parts", "\"é😀\"").to_text().into_bytes();
    let last = text.chunks(7).count() - 1;
    for (nth, part) in text.chunks(7).enumerate() {
        let kind = if nth == 0 { Data::Text } else { Data::Continue };
        alice.send_frame(Message::Frame(Frame::message(part.to_vec(), OpCode::Data(kind), nth == last))).await;
        alice.send_frame(Message::Ping(vec![1, 2, 3].into())).await;
    }
    alice.receive_about("in parts").await;
}

#[tokio::test]
async fn order_is_kept_from_one_connection_to_another() {
    let server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::B, "Bob").await;
    let to = bob.credential();
    let sending = async {
        for nth in 0..2_000 {
            alice.send(&[&to], "count", &nth.to_string()).await;
        }
    };
    let receiving = async {
        for nth in 0..2_000 {
            assert_eq!(bob.receive().await.content(), nth);
        }
    };
    tokio::join!(sending, receiving);
}
