//! Connections come and go: displaced ones, many at once.

use std::time::Instant;

use msr_protocol::Code;
use msr_tests::frames::{Device, Parcel, Refusal};
use msr_tests::{Ended, ServerProcess};
use tokio::task::JoinSet;

use crate::{expect_texts, online, texts};

/// Case 15.
#[tokio::test]
async fn the_same_device_again_displaces_the_older_connection() {
    let server = ServerProcess::start().await;
    let (mut device, mut first) = online(&server, "Bob", "phone").await;
    let to = [device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send(1, &to, "1").await;
    assert_eq!(first.message().await.text(), "1");
    let mut second = device.connect(server.port).await;
    assert_eq!(first.ended().await, Ended::Closed(Code::Displaced.close_code()));
    alice.send(2, &to, "2").await;
    alice.accepted(2).await;
    // The first connection never acknowledged, so the second one gets it all, once, and nobody else does.
    expect_texts(&mut device, &mut second, texts(1..=2)).await;
    second.nothing_else().await;
    let (_, mut other) = online(&server, "Bob", "laptop").await;
    other.nothing_else().await;
    second.nothing_else().await;
}

/// Case 15, in a row, with messages flowing.
#[tokio::test]
async fn displaced_again_and_again_nothing_is_lost_or_doubled() {
    let server = ServerProcess::start().await;
    let (mut device, mut bob) = online(&server, "Bob", "phone").await;
    let to = [device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let sending = async {
        for first in (1..=1_000).step_by(50) {
            let parcels: Vec<_> = (first..first + 50).map(|number| Parcel::new(number, &to, number.to_string())).collect();
            alice.send_all(&parcels).await;
            alice.accepted(first + 49).await;
        }
    };
    let reading = async {
        for first in (1..=1_000).step_by(40) {
            expect_texts(&mut device, &mut bob, texts(first..first + 40)).await;
            let newer = device.connect(server.port).await;
            assert_eq!(bob.ended().await, Ended::Closed(4414));
            bob = newer;
        }
        bob.nothing_else().await;
    };
    tokio::join!(sending, reading);
}

/// Somebody else cannot take a device over by its id.
#[tokio::test]
async fn a_device_belongs_to_its_peer() {
    let server = ServerProcess::start().await;
    let (device, mut bob) = online(&server, "Bob", "phone").await;
    let mut thief = Device { id: device.id, ..Device::new("Mallory", "phone") };
    assert_eq!(thief.try_connect(server.port).await.err(), Some(Refusal::Refused(Code::InvalidRegistration.number())));
    bob.nothing_else().await;
}

/// Case 21. How long it took is printed.
#[tokio::test]
async fn two_hundred_come_back_at_once() {
    const DEVICES: usize = 200;
    let mut server = ServerProcess::start().await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let mut devices = Vec::new();
    let mut clients = Vec::new();
    for place in 0..DEVICES {
        let mut device = Device::new(&format!("Peer {place}"), "phone");
        clients.push(device.connect(server.port).await);
        devices.push(device);
    }
    // Something waits for everybody.
    let mut number = 0;
    for chunk in devices.chunks(50) {
        number += 1;
        let to: Vec<_> = chunk.iter().map(Device::credential).collect();
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(number).await;
    server.kill().await;
    for client in &mut clients {
        assert_eq!(client.ended().await, Ended::Lost);
    }
    let server = server.restart().await;
    let started = Instant::now();
    let mut coming = JoinSet::new();
    for (place, mut device) in devices.into_iter().enumerate() {
        let port = server.port;
        coming.spawn(async move {
            let mut client = device.connect(port).await;
            assert!(!client.welcome.gap);
            expect_texts(&mut device, &mut client, [(place / 50 + 1).to_string()]).await;
            client.nothing_else().await;
            client
        });
    }
    let clients = coming.join_all().await;
    eprintln!("{} devices came back in {:?}", clients.len(), started.elapsed());
    let health: serde_json::Value = serde_json::from_str(&msr_tests::get(server.port, "/healthz", &[]).await.body).unwrap();
    assert_eq!(health["connections"], DEVICES, "every registration holds: {health}");
}
