//! From one device to others: accepted, delivered, acknowledged, told.

use msr_protocol::v2::{Frame, Varint};
use msr_protocol::{Code, Credential};

use crate::client::{Heard, encoded, message};
use crate::room::Room;

#[tokio::test(start_paused = true)]
async fn a_message_is_accepted_delivered_and_told() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    ann.send(&anns.message(1, &[bobs.credential()], b"{\"a\":1}")).await;
    let (sequence, received) = bob.next_delivery().await;
    assert_eq!((received.from, received.id.device, received.id.outbox_epoch), (anns.credential(), anns.device, 1));
    assert_eq!((received.id.number.0, received.subject.as_str(), received.payload.as_slice()), (1, "\"test\"", b"{\"a\":1}".as_slice()));
    assert_eq!(received.recipients, [bobs.credential()]);
    ann.accepted(1).await;
    ann.nothing_else().await;
    bob.acknowledge(sequence).await;
    assert_eq!(ann.next_receipt().await, (1, bobs.credential(), 200));
    room.until(|counts| counts.waiting == 0).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_away_gets_it_later_in_order_and_once() {
    let room = Room::new();
    let (bob, mut bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, anns) = room.enter("Ann").await;
    for number in 1..=3 {
        ann.send(&anns.message(number, &[bobs.credential()], number.to_string().as_bytes())).await;
        ann.accepted(number).await;
    }
    let (mut bob, welcome) = room.register(&mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (3, false));
    let mut sequences = Vec::new();
    for number in 1..=3 {
        let (sequence, received) = bob.next_delivery().await;
        assert_eq!(received.payload, number.to_string().as_bytes());
        sequences.push(sequence);
    }
    assert!(sequences.is_sorted());
    bob.acknowledge(sequences[0]).await;
    assert_eq!(ann.next_receipt().await.0, 1);
    // The second was handled, and its acknowledgement is lost with the connection.
    bobs.handled = sequences[1];
    drop(bob);
    let (mut bob, welcome) = room.register(&mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (1, false));
    assert_eq!(bob.next_delivery().await.0, sequences[2]);
    assert_eq!(ann.next_receipt().await.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_number_is_taken_once_and_in_order() {
    let room = Room::new();
    let (mut ann, mut anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let first = anns.message(1, &[bobs.credential()], b"1");
    let (second, third) = (anns.message(2, &[bobs.credential()], b"2"), anns.message(3, &[bobs.credential()], b"3"));
    // Doubled in one message, before and after the disk.
    ann.send(&[first.clone(), first.clone()].concat()).await;
    ann.accepted(1).await;
    ann.send(&first).await;
    ann.accepted(1).await;
    ann.send(&third).await;
    assert_eq!(ann.next().await, Heard::Rejected { number: 3, code: 520 });
    ann.send(&[second, third].concat()).await;
    ann.accepted(2).await;
    ann.accepted(3).await;
    for payload in [b"1", b"2", b"3"] {
        assert_eq!(bob.next_delivery().await.1.payload, payload);
    }
    bob.nothing_else().await;
    drop(ann);
    let (_ann, welcome) = room.register(&mut anns).await;
    assert_eq!(welcome.accepted, 3);
    anns.outbox_epoch = 2;
    let (_ann, welcome) = room.register(&mut anns).await;
    assert_eq!(welcome.accepted, 0, "another outbox counts anew");
}

#[tokio::test(start_paused = true)]
async fn a_number_taken_back_leaves_no_hole() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    ann.send(&encoded(&Frame::Void { number: Varint(1) })).await;
    ann.send(&anns.message(2, &[bobs.credential()], b"2")).await;
    ann.accepted(1).await;
    ann.accepted(2).await;
    assert_eq!(bob.next_delivery().await.1.payload, b"2");
    bob.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_queued_is_told_at_once() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let nobody = Credential([9; 16]);
    ann.send(&anns.message(1, &[nobody, bobs.credential()], b"1")).await;
    assert_eq!(ann.next().await, Heard::Accepted { number: 1, exceptions: vec![(0, Code::UnknownRecipient.number())] });
    bob.next_delivery().await;
    let too_many = vec![bobs.credential(); msr_protocol::limits::RECIPIENTS + 1];
    ann.send(&anns.message(2, &too_many, b"2")).await;
    assert_eq!(ann.next().await, Heard::Rejected { number: 2, code: 408 });
}

#[tokio::test(start_paused = true)]
async fn a_message_to_oneself_comes_back() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    ann.send(&anns.message(1, &[anns.credential()], b"1")).await;
    let (sequence, _) = ann.next_delivery().await;
    ann.acknowledge(sequence).await;
    let mut heard = [ann.next().await, ann.next().await];
    heard.sort_by_key(|heard| matches!(heard, Heard::Receipt { .. }));
    assert_eq!(heard[0], Heard::Accepted { number: 1, exceptions: Vec::new() });
    assert!(matches!(heard[1], Heard::Receipt { number: 1, code: 200, .. }), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn realtime_reaches_who_is_there_and_nobody_else() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, mut bobs) = room.enter("Bob").await;
    let now = message(0, 1, 0, &[bobs.credential()], b"now");
    ann.send(&now).await;
    let Heard::Realtime { message } = bob.next().await else { panic!("not realtime") };
    assert_eq!((message.payload.as_slice(), message.flags, message.from), (b"now".as_slice(), 1, anns.credential()));
    drop(bob);
    room.until(|counts| counts.peers == 1).await;
    ann.send(&now).await;
    ann.nothing_else().await;
    let (mut bob, welcome) = room.register(&mut bobs).await;
    assert_eq!(welcome.waiting, 0);
    bob.nothing_else().await;
    ann.send(&crate::client::message(0, 1, 0, &[bobs.credential()], &vec![b'x'; 70_000])).await;
    assert_eq!(ann.next().await, Heard::Trouble { code: 413 });
}

#[tokio::test(start_paused = true)]
async fn what_expires_is_told() {
    let room = Room::new();
    let (bob, bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, _) = room.enter("Ann").await;
    ann.send(&message(1, 0, 5_000, &[bobs.credential()], b"1")).await;
    ann.accepted(1).await;
    let sent = tokio::time::Instant::now();
    assert_eq!(ann.next_receipt().await, (1, bobs.credential(), Code::Expired.number()));
    assert!((5..=6).contains(&sent.elapsed().as_secs()), "{:?}", sent.elapsed());
    room.until(|counts| counts.waiting == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_expires_on_its_way_does_not_stop_acknowledgements() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    ann.send(&message(2, 0, 3_000, &[bobs.credential()], b"2")).await;
    ann.accepted(1).await;
    ann.accepted(2).await;
    bob.next_delivery().await;
    let (last, _) = bob.next_delivery().await;
    assert_eq!(ann.next_receipt().await, (2, bobs.credential(), Code::Expired.number()));
    bob.acknowledge(last).await;
    assert_eq!(ann.next_receipt().await, (1, bobs.credential(), 200));
}

#[tokio::test(start_paused = true)]
async fn headers_for_devices_that_nobody_would_get_are_refused() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let frame = Frame::Send {
        number: Varint(1),
        flags: 0,
        expire_after_ms: Varint(1_000),
        recipients: msr_protocol::v2::List(vec![anns.credential()]),
        device_headers: msr_protocol::v2::List(vec![msr_protocol::v2::DeviceHeader { device: anns.device, header: b"key" }]),
        reply_to: None,
        subject: "\"test\"",
        payload: msr_protocol::v2::Rest(b"1"),
    };
    ann.send(&encoded(&frame)).await;
    assert_eq!(ann.next().await, Heard::Rejected { number: 1, code: 451 });
}
