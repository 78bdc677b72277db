//! Peers of both versions reach each other.

use msr_protocol::{Code, Credential, JsonText, Message, Peer};
use msr_server::switch::Switch;
use serde_json::Value;

use crate::client::{Client, Heard, message, opcode, peer};
use crate::room::Room;

pub(crate) async fn enter_v1(switch: &Switch, name: &str) -> (Client, Peer) {
    let peer = Peer { publish: true, ..peer(name) };
    let mut client = Client::connect_as(switch, "null").await;
    let credential = peer.credential();
    client.send_message(opcode::TEXT, in_version_1(credential, credential, "register", &peer.to_text()).as_bytes()).await;
    assert!(client.next_text().await.contains(r#""status":1"#));
    (client, peer)
}

fn in_version_1(from: Credential, to: Credential, subject: &str, content: &str) -> String {
    let message = Message {
        to: JsonText::array_of_one(to),
        from: from.into(),
        subject: JsonText::string(subject),
        timestamp: JsonText::milliseconds(5),
        content: JsonText::from_spelled(content.to_owned()),
    };
    message.to_text()
}

#[tokio::test(start_paused = true)]
async fn from_version_2_to_version_1() {
    let room = Room::new();
    let (mut old, olds) = enter_v1(&room.switch, "Old").await;
    let (mut ann, anns) = room.enter("Ann").await;
    ann.send(&message(1, 0, 1_000, &[olds.credential()], br#"{ "n": 1.0 }"#)).await;
    ann.accepted(1).await;
    assert_eq!(ann.next_receipt().await, (1, olds.credential(), 200));
    let text = old.next_text().await;
    let read: Value = serde_json::from_str(&text).unwrap();
    let expected = Message {
        to: JsonText::array_of_one(olds.credential()),
        from: anns.credential().into(),
        subject: JsonText::string("test"),
        timestamp: JsonText::milliseconds(read["timestamp"].as_i64().unwrap()),
        content: JsonText::from_spelled(r#"{"n":1}"#.to_owned()),
    };
    assert_eq!(text, expected.to_text(), "spelled as version 1 checks it");
    // Said again, it is accepted again and not handed over again.
    ann.send(&message(1, 0, 1_000, &[olds.credential()], b"1")).await;
    ann.accepted(1).await;
    ann.send(&message(2, 0, 1_000, &[olds.credential()], b"2")).await;
    assert!(old.next_text().await.contains(r#""content":2"#));
    // Realtime too.
    ann.send(&message(0, 1, 0, &[olds.credential()], b"3")).await;
    assert!(old.next_text().await.contains(r#""content":3"#));
}

#[tokio::test(start_paused = true)]
async fn what_version_1_has_no_words_for() {
    let room = Room::new();
    let (mut old, olds) = enter_v1(&room.switch, "Old").await;
    let (mut ann, _) = room.enter("Ann").await;
    for (number, flags, payload) in [(1, 4, b"\x01\x02".as_slice()), (2, 0, b"no json")] {
        ann.send(&message(number, flags, 1_000, &[olds.credential()], payload)).await;
        assert_eq!(ann.next().await, Heard::Accepted { number, exceptions: vec![(0, Code::NotInVersion1.number())] });
    }
    ann.send(&message(3, 0, 1_000, &[olds.credential()], b"3")).await;
    assert!(old.next_text().await.contains(r#""content":3"#));
}

#[tokio::test(start_paused = true)]
async fn from_version_1_to_version_2() {
    let room = Room::new();
    let (mut old, olds) = enter_v1(&room.switch, "Old").await;
    let (mut ann, mut anns) = room.enter("Ann").await;
    let text = in_version_1(olds.credential(), anns.credential(), "hello", r#"{"n":1}"#);
    old.send_message(opcode::TEXT, text.as_bytes()).await;
    let (sequence, received) = ann.next_delivery().await;
    assert_eq!(
        (received.from, received.subject.as_str(), received.payload.as_slice()),
        (olds.credential(), "\"hello\"", br#"{"n":1}"#.as_slice())
    );
    assert_eq!(received.id.device, [0; 16]);
    ann.acknowledge(sequence).await;
    room.until(|counts| counts.waiting == 0).await;
    drop(ann);
    room.until(|counts| counts.peers == 1).await;
    old.send_message(opcode::TEXT, text.as_bytes()).await;
    room.until(|counts| counts.waiting == 1).await;
    let (mut ann, welcome) = room.register(&mut anns).await;
    assert_eq!(welcome.waiting, 1);
    ann.next_delivery().await;
}

#[tokio::test(start_paused = true)]
async fn one_peer_in_both_versions() {
    let room = Room::new();
    let (mut old, peer) = enter_v1(&room.switch, "Ann").await;
    let (mut new, news) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    assert_eq!(peer.credential(), news.credential());
    bob.send(&bobs.message(1, &[peer.credential()], b"1")).await;
    new.next_delivery().await;
    assert!(old.next_text().await.contains(r#""content":1"#));
    // What one of them sends the other gets a copy of.
    new.send(&message(1, 0, 1_000, &[bobs.credential()], b"2")).await;
    assert!(old.next_text().await.contains(r#""content":2"#));
    let text = in_version_1(peer.credential(), bobs.credential(), "test", "3");
    old.send_message(opcode::TEXT, text.as_bytes()).await;
    loop {
        match new.next().await {
            Heard::Message { message, .. } if message.payload == b"3" => break,
            Heard::Accepted { number: 1, .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn both_are_found_by_both() {
    let room = Room::new();
    let (mut old, olds) = enter_v1(&room.switch, "Old Ann").await;
    let (mut ann, anns) = room.enter("New Ann").await;
    let find = msr_protocol::v2::Frame::Find { ticket: msr_protocol::v2::Varint(1), keyword: "ann" };
    ann.send(&crate::client::encoded(&find)).await;
    let Heard::Found { peers, .. } = ann.next().await else { panic!("not found") };
    assert_eq!(peers.len(), 2);
    let search = in_version_1(olds.credential(), olds.credential(), "find", r#""new""#);
    old.send_message(opcode::TEXT, search.as_bytes()).await;
    assert!(old.next_text().await.contains(&anns.credential().to_string()));
}
