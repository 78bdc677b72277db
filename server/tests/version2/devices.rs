//! Several devices of one peer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use msr_protocol::Code;
use msr_protocol::v2::Frame;

use crate::client::{Device, Heard, encoded};
use crate::room::{Room, TTL};

#[tokio::test(start_paused = true)]
async fn every_device_gets_it_and_the_first_counts() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let mut other = Device::new("Ann", 2);
    let (mut anns_other, _) = room.register(&mut other).await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let (mut bobs_other, _) = room.register(&mut Device::new("Bob", 2)).await;
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    let (first, _) = bob.next_delivery().await;
    let (second, _) = bobs_other.next_delivery().await;
    let (copy, _) = anns_other.next_delivery().await;
    assert_eq!((first, first), (second, copy), "one entry for all");
    ann.accepted(1).await;
    // The copy of one's own says nothing about the recipient.
    anns_other.acknowledge(copy).await;
    bobs_other.acknowledge(second).await;
    assert_eq!(ann.next_receipt().await, (1, bobs.credential(), 200));
    bob.acknowledge(first).await;
    room.until(|counts| counts.waiting == 0).await;
    ann.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_device_starts_with_what_waits_for_the_peer() {
    let room = Room::new();
    let (bob, bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, anns) = room.enter("Ann").await;
    for number in 1..=2 {
        ann.send(&anns.message(number, &[bobs.credential()], number.to_string().as_bytes())).await;
        ann.accepted(number).await;
    }
    let mut new = Device::new("Bob", 2);
    let (mut client, welcome) = room.register(&mut new).await;
    assert_eq!(welcome.waiting, 2);
    let (first, received) = client.next_delivery().await;
    assert_eq!(received.payload, b"1");
    client.acknowledge(first).await;
    assert_eq!(ann.next_receipt().await.0, 1);
    drop(client);
    // What it inherited is its own over a restart too.
    let room = room.restart().await;
    let (mut client, welcome) = room.register(&mut new).await;
    assert_eq!((welcome.waiting, welcome.gap), (1, false));
    assert_eq!(client.next_delivery().await.1.payload, b"2");
    let (_, welcome) = room.register(&mut bobs.clone()).await;
    assert_eq!(welcome.waiting, 2, "and the old device still has both");
}

#[tokio::test(start_paused = true)]
async fn devices_see_each_other_and_one_retires_another() {
    let room = Room::new();
    let (mut first, firsts) = room.enter("Bob").await;
    let (revision, devices) = first.next_devices().await;
    assert_eq!(devices.len(), 1);
    let mut seconds = Device::new("Bob", 2);
    let (mut second, _) = room.register(&mut seconds).await;
    let (later, devices) = first.next_devices().await;
    assert!(later > revision && devices.len() == 2 && devices.iter().all(|device| device.online), "{devices:?}");
    let (mut ann, anns) = room.enter("Ann").await;
    ann.send(&anns.message(1, &[firsts.credential()], b"1")).await;
    let (sequence, _) = first.next_delivery().await;
    ann.accepted(1).await;
    second.next_delivery().await;
    second.send(&encoded(&Frame::Retire { device: firsts.device })).await;
    assert_eq!(first.close_code().await, Code::DeviceRetired.close_code());
    let (_, devices) = loop {
        let (revision, devices) = second.next_devices().await;
        if devices.len() == 1 {
            break (revision, devices);
        }
    };
    assert_eq!(devices[0].device, seconds.device);
    ann.nothing_else().await;
    second.send(&encoded(&Frame::Retire { device: anns.device })).await;
    assert_eq!(second.next().await, Heard::Trouble { code: 451 }, "the device of somebody else");
    second.acknowledge(sequence).await;
    assert_eq!(ann.next_receipt().await, (1, firsts.credential(), 200));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stays_away_is_retired_and_the_sender_told() {
    static WALL_MS: AtomicI64 = AtomicI64::new(1_700_000_000_000);
    let room = Room::with_clock(|| WALL_MS.load(Ordering::Relaxed));
    let (bob, bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, anns) = room.enter("Ann").await;
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    ann.accepted(1).await;
    WALL_MS.fetch_add(TTL.as_millis() as i64, Ordering::Relaxed);
    let told = loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        ann.send(&encoded(&Frame::Ping { time_ms: 5 })).await;
        match ann.next().await {
            Heard::Pong { .. } => {}
            heard => break heard,
        }
    };
    let (number, recipient, code) = (1, bobs.credential(), Code::DeviceRetired.number());
    assert!(matches!(told, Heard::Receipt { number: n, recipient: r, code: c, .. } if (n, r, c) == (number, recipient, code)), "{told:?}");
    assert_eq!(room.switch.counts().devices, 1);
}
