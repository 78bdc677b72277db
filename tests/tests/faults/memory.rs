//! Memory is bounded, and a slow reader costs the others nothing.

use std::time::{Duration, Instant};

use msr_tests::frames::{Device, FrameClient, Heard, Parcel};
use msr_tests::{ServerProcess, Settings};
use tokio::net::TcpSocket;

use crate::online;

const MIB: u64 = 1024 * 1024;

/// Case 12: by count.
#[tokio::test]
async fn no_more_is_under_way_than_the_window_holds() {
    let server = ServerProcess::start().await;
    let (device, mut bob) = online(&server, "Bob", "phone").await;
    let (window, to) = (bob.welcome.window_entries, [device.credential()]);
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let count = 3 * window;
    let parcels: Vec<_> = (1..=count).map(|number| Parcel::new(number, &to, number.to_string())).collect();
    alice.send_all(&parcels).await;
    alice.accepted(count).await;
    let mut came = messages(bob.until_pong().await);
    assert_eq!(came.len() as u64, window);
    bob.nothing_else().await;
    // Some room makes room for as many.
    bob.ack(came[9]).await;
    for _ in 0..10 {
        came.push(bob.message().await.sequence.unwrap());
    }
    bob.nothing_else().await;
    while (came.len() as u64) < count {
        bob.ack(*came.last().unwrap()).await;
        came.push(bob.message().await.sequence.unwrap());
        came.extend(messages(bob.until_pong().await));
    }
    assert!(came.is_sorted_by(|one, next| one < next));
}

/// Case 12: by bytes.
#[tokio::test]
async fn no_more_bytes_are_under_way_than_the_window_holds() {
    let server = ServerProcess::start().await;
    let (device, mut bob) = online(&server, "Bob", "phone").await;
    let (window_bytes, to) = (bob.welcome.window_bytes, [device.credential()]);
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let parcels: Vec<_> = (1..=200).map(|number| Parcel::new(number, &to, "x".repeat(20_000))).collect();
    alice.send_all(&parcels).await;
    alice.accepted(200).await;
    let came = messages(bob.until_pong().await).len() as u64;
    assert!(came * 20_000 <= window_bytes && (came + 1) * 21_000 > window_bytes, "{came} of 20 kB in {window_bytes}");
}

fn messages(heard: Vec<Heard>) -> Vec<u64> {
    heard.into_iter().filter_map(|heard| if let Heard::Message(arrived) = heard { arrived.sequence } else { None }).collect()
}

/// Case 11. The time others wait is printed.
#[tokio::test]
async fn a_slow_reader_costs_memory_of_one_window() {
    let server = Settings::default().with("MAX_BYTES_PER_SECOND", 0).with("MAX_MESSAGES_PER_SECOND", 0).start().await;
    let mut slow_device = Device::new("Bob", "phone");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let stream = socket.connect(([127, 0, 0, 1], server.port).into()).await.unwrap();
    let mut slow = FrameClient::open_over(server.port, server.port, Box::new(stream)).await.unwrap();
    slow.hello(&mut slow_device).await.unwrap();
    let heartbeat = Duration::from_millis(slow.welcome.heartbeat_ms);
    let to = [slow_device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let (carol_device, mut carol) = online(&server, "Carol", "phone").await;
    let (_, mut dave) = online(&server, "Dave", "phone").await;
    let before = server.resident_bytes();
    let (mut number, mut most, mut waits) = (0, 0, Vec::new());
    for round in 1..=40 {
        let parcels: Vec<_> = (number + 1..=number + 50).map(|number| Parcel::new(number, &to, "x".repeat(25_000))).collect();
        number += 50;
        alice.send_all(&parcels).await;
        alice.accepted(number).await;
        let started = Instant::now();
        dave.send(round, &[carol_device.credential()], round.to_string()).await;
        let arrived = carol.message().await;
        assert_eq!(arrived.text(), round.to_string());
        carol.ack(arrived.sequence.unwrap()).await;
        waits.push(started.elapsed());
        most = most.max(server.resident_bytes().saturating_sub(before));
    }
    waits.sort_unstable();
    eprintln!("50 MB for who does not read: {} MiB more memory; the others waited {:?} at most", most / MIB, waits.last().unwrap());
    assert!(most < 40 * MIB, "{} MiB", most / MIB);
    // It is let go with a code of its own.
    let let_go = async {
        tokio::select! {
            line = server.logged(&["code=505"]) => line,
            line = server.logged(&["code=506"]) => line,
        }
    };
    tokio::time::timeout(5 * heartbeat, let_go).await.expect("who does not read is let go");
    drop(slow);
    let mut bob = slow_device.connect(server.port).await;
    assert_eq!(bob.welcome.waiting, number);
    for _ in 0..number {
        let arrived = bob.message().await;
        bob.ack(arrived.sequence.unwrap()).await;
    }
}
