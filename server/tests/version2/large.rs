//! Messages in pieces, both ways.

use msr_protocol::Code;
use msr_protocol::v2::{Frame, Rest, Varint};

use crate::client::{Device, Entryed, Heard, encoded, message};
use crate::room::Room;

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|place| (place % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn small_ones_of_others_go_between_the_pieces() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let (mut eve, eves) = room.enter("Eve").await;
    let body = payload(2_000_000);
    let frame = anns.message(0, &[bobs.credential()], &body);
    ann.upload(1, &frame, &[]).await;
    ann.finish(1, 1).await;
    let reading = tokio::spawn(async move {
        let large = bob.next_large().await;
        (bob, large)
    });
    for number in 1..=20 {
        eve.send(&eves.message(number, &[bobs.credential()], b"small")).await;
        eve.accepted(number).await;
    }
    let (mut bob, (sequence, entry, between)) = reading.await.unwrap();
    let Entryed::Message(received) = entry else { panic!("not a message") };
    assert!(received.payload == body && received.from == anns.credential());
    let small = between.iter().filter(|heard| matches!(heard, Heard::Message { .. })).count();
    assert!(small > 0, "all small ones waited for the large one");
    let (mut far, mut accepted) = (0, false);
    while far < 2_000_000 || !accepted {
        match ann.next().await {
            Heard::Accepted { number: 1, .. } => accepted = true,
            Heard::Progress { number: 1, recipient, bytes } => {
                assert!(recipient == bobs.credential() && bytes > far);
                far = bytes;
            }
            other => panic!("{other:?}"),
        }
    }
    bob.acknowledge(sequence).await;
    assert_eq!(ann.next_receipt().await, (1, bobs.credential(), 200));
}

#[tokio::test(start_paused = true)]
async fn large_ones_wait_on_disk_and_come_one_after_the_other() {
    let room = Room::new();
    let (bob, mut bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, anns) = room.enter("Ann").await;
    for number in 1..=3 {
        ann.upload(number, &anns.message(0, &[bobs.credential()], &payload(400_000 + number as usize)), &[]).await;
        ann.finish(number, number).await;
        ann.accepted(number).await;
    }
    let room = room.restart().await;
    let (mut bob, welcome) = room.register(&mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (3, false));
    let mut begun = Vec::new();
    let mut entries: std::collections::BTreeMap<u64, Vec<u8>> = Default::default();
    let mut totals = std::collections::BTreeMap::new();
    while totals.is_empty() || totals.iter().any(|(sequence, total)| entries[sequence].len() as u64 != *total) || begun.len() < 3 {
        match bob.next().await {
            Heard::Begin { sequence, sender, bytes } => {
                assert_eq!(sender, anns.device);
                begun.push(sequence);
                totals.insert(sequence, bytes);
                entries.insert(sequence, Vec::new());
            }
            Heard::Piece { sequence, offset, bytes } => {
                let entry = entries.get_mut(&sequence).unwrap();
                assert_eq!(offset, entry.len() as u64);
                entry.extend(bytes);
                let unfinished = begun.iter().find(|sequence| entries[sequence].len() as u64 != totals[sequence]);
                assert!(unfinished.is_none_or(|unfinished| *unfinished >= sequence), "one at a time, in order");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(begun.is_sorted());
    for (place, entry) in entries.values().enumerate() {
        assert!(entry.ends_with(&payload(400_001 + place)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_going_up_holds_up_nobody() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let (mut eve, eves) = room.enter("Eve").await;
    let frame = anns.message(0, &[bobs.credential()], &payload(100_000));
    let between = [anns.message(1, &[eves.credential()], b"1"), anns.message(2, &[bobs.credential()], b"2")];
    ann.upload(9, &frame, &between).await;
    assert_eq!((ann.next().await, ann.next().await), {
        let accepted = |number| Heard::Accepted { number, exceptions: Vec::new() };
        (accepted(1), accepted(2))
    });
    assert_eq!(eve.next_delivery().await.1.id.number.0, 1);
    assert_eq!(bob.next_delivery().await.1.id.number.0, 2, "it has its place, and what is not finished has none");
    let last = [encoded(&Frame::Finish { upload: Varint(9), number: Varint(3) }), anns.message(4, &[bobs.credential()], b"4")];
    ann.send(&last.concat()).await;
    ann.accepted(3).await;
    ann.accepted(4).await;
    let (first, entry, between) = bob.next_large().await;
    let Entryed::Message(received) = entry else { panic!("not a message") };
    assert_eq!((received.id.number.0, received.payload), (3, payload(100_000)));
    let last = match &between[..] {
        [] => bob.next_delivery().await,
        [Heard::Message { sequence, message }] => (*sequence, message.clone()),
        other => panic!("{other:?}"),
    };
    assert!(last.0 > first && last.1.id.number.0 == 4);
}

/// What a device sends after a large entry comes after it, and what others send does not wait.
#[tokio::test(start_paused = true)]
async fn entries_of_others_do_not_wait_for_a_large_one_on_its_way_down() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut eve, eves) = room.enter("Eve").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    ann.upload(1, &anns.message(0, &[bobs.credential()], &payload(3_000_000)), &[]).await;
    ann.finish(1, 1).await;
    ann.send(&anns.message(2, &[bobs.credential()], b"behind")).await;
    let Heard::Begin { sequence: large, sender, .. } = bob.next().await else { panic!("not large") };
    assert_eq!(sender, anns.device, "so that whoever reads knows what is to wait for it");
    eve.send(&eves.message(1, &[bobs.credential()], b"others")).await;
    eve.accepted(1).await;
    let (mut pieces, mut got) = (0, Vec::new());
    while pieces < 3_000_000 || got.len() < 2 {
        match bob.next().await {
            Heard::Piece { bytes, .. } => pieces += bytes.len(),
            Heard::Message { sequence, message } => {
                assert!(sequence > large);
                got.push((message.from, pieces < 3_000_000));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(got.contains(&(eves.credential(), true)), "{got:?}: it waited for the large one");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_declined_and_its_pieces_are_ignored() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let (upload, total_bytes) = (Varint(1), Varint(msr_delivery::limits::MESSAGE_BYTES as u64 + 1));
    ann.send(&encoded(&Frame::Begin { upload, total_bytes })).await;
    assert_eq!(ann.next().await, Heard::Declined { upload: 1, code: 413 });
    ann.send(&encoded(&Frame::Piece { upload, offset: Varint(0), payload: Rest(b"late") })).await;
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    ann.accepted(1).await;
    bob.next_delivery().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_not_whole_cannot_be_finished() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (_bob, bobs) = room.enter("Bob").await;
    let rejected = |number| Heard::Rejected { number, code: Code::Timeout.number() };
    ann.finish(7, 1).await;
    assert_eq!(ann.next().await, rejected(1), "it never began");
    let begin = |upload| encoded(&Frame::Begin { upload: Varint(upload), total_bytes: Varint(100) });
    let piece = |upload| encoded(&Frame::Piece { upload: Varint(upload), offset: Varint(0), payload: Rest(b"x") });
    ann.send(&[begin(1), piece(1)].concat()).await;
    ann.finish(1, 1).await;
    assert_eq!(ann.next().await, rejected(1), "it is not whole");
    ann.send(&piece(1)).await;
    ann.send(&[begin(2), piece(2)].concat()).await;
    ann.finish(2, 0).await;
    ann.send(&piece(2)).await;
    ann.nothing_else().await;
    ann.finish(2, 1).await;
    assert_eq!(ann.next().await, rejected(1), "it was taken back");
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    ann.accepted(1).await;
    ann.upload(3, &anns.message(0, &[bobs.credential()], &payload(40_000)), &[]).await;
    ann.finish(3, 3).await;
    assert_eq!(ann.next().await, Heard::Rejected { number: 3, code: Code::OutOfOrder.number() }, "it comes as any message");
}

#[tokio::test(start_paused = true)]
async fn one_connection_has_room_for_so_much() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (_bob, bobs) = room.enter("Bob").await;
    let frame = anns.message(0, &[bobs.credential()], &payload(9_000_000));
    ann.upload(1, &frame, &[]).await;
    ann.upload(2, &frame, &[]).await;
    assert_eq!(ann.next().await, Heard::Declined { upload: 2, code: 509 });
    ann.finish(1, 1).await;
    loop {
        match ann.next().await {
            Heard::Accepted { number: 1, .. } => break,
            Heard::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    ann.upload(3, &frame, &[]).await;
    ann.finish(3, 2).await;
    loop {
        match ann.next().await {
            Heard::Accepted { number: 2, .. } => break,
            Heard::Progress { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pieces_that_do_not_fit_end_the_connection() {
    let room = Room::new();
    let begin = |total: u64| encoded(&Frame::Begin { upload: Varint(1), total_bytes: Varint(total) });
    let piece = |offset: u64, bytes: &[u8]| encoded(&Frame::Piece { upload: Varint(1), offset: Varint(offset), payload: Rest(bytes) });
    let finish = encoded(&Frame::Finish { upload: Varint(1), number: Varint(1) });
    let whole = |frame: &[u8]| {
        let body = &frame[msr_protocol::v2::HEADER_BYTES..];
        [begin(body.len() as u64), piece(0, body), finish.clone()].concat()
    };
    let to = [Device::new("Bob", 1).credential()];
    let cases = [
        piece(0, b"x"),
        begin(0),
        [begin(10), begin(10)].concat(),
        [begin(10), piece(1, b"x")].concat(),
        [begin(10), piece(0, b"")].concat(),
        [begin(10), piece(0, b"01234567890")].concat(),
        [begin(100_000), piece(0, &[0; 32 * 1024 + 1])].concat(),
        [begin(4), piece(0, b"junk"), finish.clone()].concat(),
        whole(&message(1, 0, 1_000, &to, b"it has a number")),
        whole(&message(0, 1, 1_000, &to, b"it is realtime")),
    ];
    for case in cases {
        let (mut ann, _) = room.enter("Ann").await;
        ann.send(&case).await;
        assert_eq!(ann.close_code().await, Code::BadMessage.close_code(), "{case:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_stays_unfinished_is_given_up() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    ann.send(&encoded(&Frame::Begin { upload: Varint(1), total_bytes: Varint(100) })).await;
    ann.send(&encoded(&Frame::Piece { upload: Varint(1), offset: Varint(0), payload: Rest(b"x") })).await;
    ann.send(&anns.message(1, &[anns.credential()], b"1")).await;
    ann.next_delivery().await;
    ann.accepted_among_receipts(1).await;
    for _ in 0..6 {
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        ann.nothing_else().await;
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ann.send(&encoded(&Frame::Ping { time_ms: 1 })).await;
    assert_eq!(ann.next().await, Heard::Declined { upload: 1, code: 551 });
    assert_eq!(ann.next().await, Heard::Pong { origin_time_ms: 1 });
}
