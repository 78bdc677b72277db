//! Kept for who is away, within bounds; what is not kept is told.

use msr_protocol::Code;
use msr_protocol::v2::Frame;
use msr_tests::frames::{Device, Parcel};
use msr_tests::{Proxy, ServerProcess, Settings, within};

use crate::{away, bob_away, expect_texts, health, online, texts};

/// Case 13.
#[tokio::test]
async fn a_full_queue_is_told() {
    let server = Settings::default().with("MAX_BYTES_PER_SECOND", 0).with("MAX_MESSAGES_PER_SECOND", 0).start().await;
    let mut bob_device = bob_away(&server).await;
    let mut carol_device = away(&server, "Carol", "phone").await;
    let (bob, carol) = (bob_device.credential(), carol_device.credential());
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    // 64 MiB, in messages of 1 MB.
    let mut number = 0;
    let exceptions = loop {
        number += 1;
        assert!(number < 80, "the queue never fills");
        alice.send_parcel(&Parcel::new(number, &[bob], format!("{number} {}", "x".repeat(1_000_000)))).await;
        let exceptions = alice.answered(number).await.unwrap();
        if !exceptions.is_empty() {
            break exceptions;
        }
    };
    assert_eq!(exceptions, [(0, Code::QueueFull.number())]);
    assert!(number > 60, "{number}");
    // Who else it is for gets it all the same, and what fits still goes in.
    number += 1;
    alice.send_parcel(&Parcel::new(number, &[bob, carol], "y".repeat(1_000_000))).await;
    assert_eq!(alice.answered(number).await, Ok(vec![(0, Code::QueueFull.number())]));
    let mut carol = carol_device.connect(server.port).await;
    assert_eq!(carol.message().await.payload.len(), 1_000_000);
    // Whoever missed something is told when it comes back, and gets what was kept.
    let mut bob = bob_device.connect(server.port).await;
    assert!(bob.welcome.gap, "{:?}", bob.welcome);
    for expected in 1..number - 1 {
        let arrived = bob.message().await;
        assert!(arrived.text().starts_with(&format!("{expected} ")), "{expected} is due");
        bob.ack(arrived.sequence.unwrap()).await;
    }
    bob.nothing_else().await;
}

/// Case 14.
#[tokio::test]
async fn expiry_is_told() {
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send_parcel(&Parcel { expire_after_ms: 1, ..Parcel::new(1, &to, "1") }).await;
    alice.send(2, &to, "2").await;
    alice.send_parcel(&Parcel { expire_after_ms: 0, ..Parcel::new(3, &to, "3") }).await;
    let mut told = Vec::new();
    let mut last = 0;
    while told.len() < 2 {
        let (sequence, receipt) = alice.receipt().await;
        told.push((receipt.number.0, receipt.recipient, receipt.code));
        last = sequence;
    }
    told.sort_unstable();
    assert_eq!(told, [(1, to[0], Code::Expired.number()), (3, to[0], Code::Expired.number())]);
    alice.ack(last).await;
    alice_device.handle(&alice, last);
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts([2])).await;
    bob.nothing_else().await;
    server.kill().await;
    let server = server.restart().await;
    bob_device.connect(server.port).await.nothing_else().await;
}

/// A sender that is away when something expires is told when it comes back.
#[tokio::test]
async fn expiry_is_told_to_who_was_away() {
    let mut server = ServerProcess::start().await;
    let bob = bob_away(&server).await.credential();
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send_parcel(&Parcel { expire_after_ms: 1, ..Parcel::new(1, &[bob], "1") }).await;
    alice.accepted(1).await;
    alice.bye().await;
    within("the expiry", async {
        while health(&server).await["waiting"] != 1 || alice_device.connect(server.port).await.welcome.waiting == 0 {}
    })
    .await;
    server.kill().await;
    let server = server.restart().await;
    let receipt = alice_device.connect(server.port).await.receipt().await.1;
    assert_eq!((receipt.number.0, receipt.recipient, receipt.code), (1, bob, Code::Expired.number()));
}

/// Case 19, the sender's side: the last device that held a message is retired.
#[tokio::test]
async fn retirement_is_told() {
    let server = ServerProcess::start().await;
    let phone = bob_away(&server).await;
    let mut tablet = away(&server, "Bob", "tablet").await;
    let to = [phone.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send(1, &to, "1").await;
    alice.accepted(1).await;
    let mut bob = tablet.connect(server.port).await;
    let arrived = bob.message().await;
    bob.say(&Frame::Retire { device: phone.id }).await;
    // The tablet has it still: nothing is lost, so nothing is told.
    assert!(alice.until_pong().await.is_empty());
    bob.say(&Frame::Retire { device: tablet.id }).await;
    bob.ended().await;
    let receipt = alice.receipt().await.1;
    assert_eq!((receipt.number.0, receipt.code), (1, Code::DeviceRetired.number()), "{arrived:?} was never acknowledged");
}

/// A device away for longer than TTL is retired by itself.
#[tokio::test]
async fn idle_devices_are_retired() {
    let server = Settings::default().with("TTL", 1_500).start().await;
    let mut device = bob_away(&server).await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send(1, &[device.credential()], "1").await;
    alice.accepted(1).await;
    let receipt = alice.receipt().await.1;
    assert_eq!((receipt.number.0, receipt.code), (1, Code::DeviceRetired.number()));
    let mut bob = device.connect(server.port).await;
    assert!(bob.welcome.gap, "{:?}", bob.welcome);
    bob.nothing_else().await;
}

/// Case 10: the network swallows everything and says nothing.
#[tokio::test]
async fn a_half_open_connection_is_found_dead_and_its_queue_kept() {
    let server = ServerProcess::start().await;
    let proxy = Proxy::to(server.port).await;
    let mut bob_device = Device::new("Bob", "phone");
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
    let mut bob = msr_tests::frames::FrameClient::open_over(proxy.port, server.port, Box::new(stream)).await.unwrap();
    bob.hello(&mut bob_device).await.unwrap();
    let heartbeat = std::time::Duration::from_millis(bob.welcome.heartbeat_ms);
    proxy.freeze();
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send(1, &[bob_device.credential()], "1").await;
    alice.accepted(1).await;
    alice.bye().await;
    // Two heartbeats, and as much again for a busy machine.
    let silent = server.logged(&["code=506"]);
    tokio::time::timeout(4 * heartbeat, silent).await.expect("the silence is noticed");
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts([1])).await;
    let receipt = alice_device.connect(server.port).await.receipt().await.1;
    assert_eq!((receipt.number.0, receipt.code), (1, 200));
}
