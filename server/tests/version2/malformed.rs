//! Frames cut anywhere, and bytes that are no frames.

use msr_protocol::v2::{Frame, List, MessageId, Rest, Varint};

use crate::client::{Client, Device, Heard, encoded};
use crate::room::Room;

/// One of each that a client sends after its registration.
fn every_frame(device: &Device) -> Vec<Vec<u8>> {
    let number = Varint(1);
    let send = Frame::Send {
        number,
        flags: 0,
        expire_after_ms: Varint(1_000),
        recipients: List(vec![device.credential()]),
        device_headers: List(Vec::new()),
        reply_to: Some(MessageId { device: [1; 16], outbox_epoch: 3, number: Varint(300) }),
        subject: "\"s\"",
        payload: Rest(b"{}"),
    };
    [
        send,
        Frame::Begin { upload: number, total_bytes: Varint(70_000) },
        Frame::Piece { upload: number, offset: Varint(0), payload: Rest(b"piece") },
        Frame::Finish { upload: number, number },
        Frame::Void { number },
        Frame::Ack { sequence: 1 },
        Frame::Find { ticket: number, keyword: "x" },
        Frame::Retire { device: [9; 16] },
        Frame::Ping { time_ms: 1 },
        Frame::Bye {},
    ]
    .iter()
    .map(encoded)
    .collect()
}

/// The connection either is closed with 4400 or goes on as if nothing had been.
async fn survives_or_is_closed(client: &mut Client) -> Option<u16> {
    let mark = 4_711;
    client.send(&encoded(&Frame::Ping { time_ms: mark })).await;
    loop {
        match client.next().await {
            Heard::Closed { code } => return Some(code),
            Heard::Pong { origin_time_ms } if origin_time_ms == mark => return None,
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_frame_cut_at_every_byte() {
    let room = Room::new();
    let mut device = Device::new("Ann", 1);
    let (mut witness, _) = room.enter("Bob").await;
    for frame in every_frame(&device) {
        for end in 1..frame.len() {
            let (mut client, _) = room.register(&mut device).await;
            client.send(&frame[..end]).await;
            assert_eq!(client.close_code().await, 4400, "{frame:?} cut at {end}");
            // The same with a length that fits what is left: the fields are short, or the payload is.
            if end >= 4 {
                let mut short = frame[..end].to_vec();
                short[1..4].copy_from_slice(&((end - 4) as u32).to_le_bytes()[..3]);
                let (mut client, _) = room.register(&mut device).await;
                client.send(&short).await;
                assert!(matches!(survives_or_is_closed(&mut client).await, None | Some(4400 | 1000)), "{short:?}");
            }
        }
    }
    let hello = device.hello();
    for end in (1..hello.len()).step_by(7) {
        let mut client = Client::connect(&room.switch).await;
        client.send(&hello[..end]).await;
        assert_eq!(client.close_code().await, 4400, "hello cut at {end}");
    }
    witness.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn garbage() {
    let room = Room::new();
    let mut device = Device::new("Ann", 1);
    let (mut witness, _) = room.enter("Bob").await;
    let mut random = fastrand::Rng::with_seed(1);
    let frames = every_frame(&device);
    for round in 0..400 {
        let bytes: Vec<u8> = if round % 2 == 0 {
            (0..random.usize(1..200)).map(|_| random.u8(..)).collect()
        } else {
            let mut frame = frames[random.usize(..frames.len())].clone();
            let place = random.usize(..frame.len());
            frame[place] ^= 1 << random.u32(..8);
            frame
        };
        let (mut client, _) = room.register(&mut device).await;
        client.send(&bytes).await;
        let outcome = survives_or_is_closed(&mut client).await;
        assert!(matches!(outcome, None | Some(4400 | 4402 | 4418 | 1000)), "round {round}: {bytes:?} gave {outcome:?}");
    }
    witness.nothing_else().await;
}
