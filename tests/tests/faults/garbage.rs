//! Whatever a client sends, the server answers with a code, and the others notice nothing. Case 22.

use std::time::Duration;

use msr_protocol::Code;
use msr_protocol::v2::{Frame, List, Rest, Varint};
use msr_tests::frames::{Device, FrameClient, Heard, Parcel};
use msr_tests::{Ended, ServerProcess};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::{online, seeded};

/// A binary message of a client as RFC 6455 puts it on the wire, with a mask of zeros.
fn websocket_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.push(0x80 | length as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// One of every frame a client may send once it is registered, in an order that makes sense.
fn every_frame(to: &Device) -> Vec<u8> {
    let mut out = Vec::new();
    let payload = "x".repeat(300);
    let parcel = Parcel::new(0, &[to.credential()], "in pieces").to_bytes();
    let body = &parcel[4..];
    for frame in [
        Frame::Ping { time_ms: 5 },
        Frame::Send {
            number: Varint(1),
            flags: 0,
            expire_after_ms: Varint(60_000),
            recipients: List(vec![to.credential()]),
            device_headers: List(vec![]),
            reply_to: None,
            subject: "\"test\"",
            payload: Rest(payload.as_bytes()),
        },
        Frame::Begin { upload: Varint(1), total_bytes: Varint(body.len() as u64) },
        Frame::Piece { upload: Varint(1), offset: Varint(0), payload: Rest(&body[..20]) },
        Frame::Piece { upload: Varint(1), offset: Varint(20), payload: Rest(&body[20..]) },
        Frame::Finish { upload: Varint(1), number: Varint(2) },
        Frame::Void { number: Varint(3) },
        Frame::Ack { sequence: 0 },
        Frame::Find { ticket: Varint(7), keyword: "bob" },
        Frame::Retire { device: [9; 16] },
        Frame::Ping { time_ms: 6 },
    ] {
        frame.write(&mut out);
    }
    out
}

/// Bytes may come in any portions.
#[tokio::test]
async fn every_byte_may_come_alone() {
    let server = ServerProcess::start().await;
    let (bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let frames = every_frame(&bob_device);
    let wire = websocket_frame(&frames);
    // Portions of one byte, and a cut at each place.
    let portions = std::iter::once((1..wire.len()).collect::<Vec<_>>()).chain((1..wire.len()).step_by(7).map(|place| vec![place]));
    for (nth, cuts) in portions.enumerate() {
        let mut device = Device::new(&format!("Alice {nth}"), "laptop");
        let mut alice = device.connect(server.port).await;
        let stream = alice.stream();
        let mut from = 0;
        for to in cuts.into_iter().chain([wire.len()]) {
            stream.write_all(&wire[from..to]).await.unwrap();
            stream.flush().await.unwrap();
            if from % 97 == 0 {
                tokio::task::yield_now().await;
            }
            from = to;
        }
        alice.accepted(3).await;
        for expected in ["x".repeat(300).as_str(), "in pieces"] {
            let arrived = bob.message().await;
            assert_eq!(arrived.text(), expected);
            bob.ack(arrived.sequence.unwrap()).await;
        }
    }
}

/// A message that ends within a frame is refused, and what stood before in it counts.
#[tokio::test]
async fn a_frame_cut_short_ends_the_connection() {
    let server = ServerProcess::start().await;
    let (bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let frames = every_frame(&bob_device);
    let ends: Vec<usize> = {
        let mut place = 0;
        let mut ends = vec![0];
        while place < frames.len() {
            place += 4 + u32::from_le_bytes([frames[place + 1], frames[place + 2], frames[place + 3], 0]) as usize;
            ends.push(place);
        }
        ends
    };
    let mut device = Device::new("Alice", "laptop");
    for cut in 1..frames.len() {
        device.outbox_epoch += 1;
        let mut alice = device.connect(server.port).await;
        alice.say_bytes(frames[..cut].to_vec()).await;
        if ends.contains(&cut) {
            alice.until_pong().await;
        } else {
            assert_eq!(alice.ended().await, Ended::Closed(Code::BadMessage.close_code()), "cut at {cut}");
        }
    }
    // Of every message either nothing arrived or all of it.
    for heard in bob.until_pong().await {
        let Heard::Message(arrived) = heard else { panic!("{heard:?}") };
        assert!(arrived.text() == "in pieces" || arrived.text() == "x".repeat(300), "{arrived:?}");
    }
}

/// The connection is cut in the middle of a WebSocket frame, at every place.
#[tokio::test]
async fn a_connection_cut_anywhere_leaves_nothing_behind() {
    let server = ServerProcess::start().await;
    let (bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let parcel = websocket_frame(&Parcel::new(1, &[bob_device.credential()], "never whole").to_bytes());
    for cut in 1..parcel.len() {
        let mut device = Device::new("Alice", "laptop");
        device.outbox_epoch = cut as u64;
        let mut alice = device.connect(server.port).await;
        alice.stream().write_all(&parcel[..cut]).await.unwrap();
        alice.stream().flush().await.unwrap();
        drop(alice);
    }
    bob.nothing_else().await;
}

/// Random bytes, and right frames with some bytes changed.
#[tokio::test]
async fn garbage_gets_a_code() {
    let mut random = seeded();
    let server = ServerProcess::start().await;
    let (bob_device, _bob) = online(&server, "Bob", "phone").await;
    let frames = every_frame(&bob_device);
    for round in 0..300 {
        let mut device = Device::new("Mallory", "laptop");
        device.outbox_epoch = random.u64(..);
        let mut client = FrameClient::open(server.port).await.unwrap();
        if round % 4 != 0 {
            client.hello(&mut device).await.unwrap();
        }
        let mut bytes = frames.clone();
        if round % 3 == 0 {
            bytes = (0..random.usize(1..2_000)).map(|_| random.u8(..)).collect();
        } else {
            for _ in 0..random.usize(1..4) {
                let place = random.usize(0..bytes.len());
                bytes[place] = random.u8(..);
            }
        }
        client.say_bytes(bytes.clone()).await;
        client.say(&Frame::Bye {}).await;
        match tokio::time::timeout(Duration::from_secs(20), client.ended()).await {
            Ok(Ended::Closed(1000 | 1009 | 4400..=4499 | 4509 | 4520)) => {}
            other => panic!("{other:?} after {bytes:02x?}"),
        }
    }
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.nothing_else().await;
    assert!(!server.log_lines().iter().any(|line| line.contains("panicked")), "{:?}", server.log_lines());
}

/// What only a server says, what is not binary, what comes before the registration or twice.
#[tokio::test]
async fn misplaced_frames_get_their_codes() {
    let server = ServerProcess::start().await;
    let bad = Ended::Closed(Code::BadMessage.close_code());
    for frame in [
        Frame::Pong { origin_time_ms: 0, receive_time_ms: 0 },
        Frame::Deliver { sequence: 1, header: &[], entry: Rest(b"") },
        Frame::Accepted { number: Varint(1), timestamp_ms: 0, exceptions: List(vec![]) },
        Frame::Trouble { code: 400, reason: "" },
    ] {
        let (_, mut alice) = online(&server, "Alice", "laptop").await;
        alice.say(&frame).await;
        assert_eq!(alice.ended().await, bad, "{frame:?}");
    }
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.say_message(Message::text("{}")).await;
    assert_eq!(alice.ended().await, bad);
    let mut early = FrameClient::open(server.port).await.unwrap();
    early.say_bytes(Parcel::new(1, &[], "early").to_bytes()).await;
    let ended = loop {
        match early.next_refusal().await {
            Some(code) => assert_eq!(code, Code::NotRegistered.number()),
            None => break early.ended().await,
        }
    };
    assert_eq!(ended, Ended::Closed(Code::NotRegistered.close_code()));
}

/// Sizes beyond what the server says it takes.
#[tokio::test]
async fn too_large_gets_its_code() {
    let server = ServerProcess::start().await;
    let (bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let total = alice.welcome.message_bytes + 1;
    alice.say(&Frame::Begin { upload: Varint(1), total_bytes: Varint(total) }).await;
    assert_eq!(alice.hear().await, Heard::Declined(1, Code::TooLarge.number()));
    let too_many: Vec<_> = (0..=msr_protocol::limits::RECIPIENTS)
        .map(|place| msr_protocol::Credential(*(place as u128).to_le_bytes().first_chunk().unwrap()))
        .collect();
    alice.send(1, &too_many, "1").await;
    assert_eq!(alice.answered(1).await, Err(Code::TooManyRecipients.number()));
    alice.send(1, &[bob_device.credential()], "1").await;
    alice.accepted(1).await;
    assert!(matches!(bob.hear().await, Heard::Message(_)));
}
