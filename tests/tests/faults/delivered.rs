//! Delivered at least once to each device, and known again by its name, so that a handler runs once.

use msr_tests::ServerProcess;
use msr_tests::frames::{Device, Heard, Parcel};

use crate::{bob_away, expect_texts, online, texts};

/// Case 3.
#[tokio::test]
async fn killed_before_the_receivers_acknowledgement_it_comes_again_under_its_name() {
    let mut server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let to = [bob_device.credential()];
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=3 {
        alice.send(number, &to, number.to_string()).await;
        alice.accepted(number).await;
    }
    let first: Vec<_> = [bob.message().await, bob.message().await, bob.message().await].into();
    // The first is handled and acknowledged, the others are under way when the server dies.
    bob.ack(first[0].sequence.unwrap()).await;
    bob_device.handle(&bob, first[0].sequence.unwrap());
    let (sequence, receipt) = alice.receipt().await;
    assert_eq!((receipt.number.0, receipt.code), (1, 200));
    alice.ack(sequence).await;
    alice_device.handle(&alice, sequence);
    server.kill().await;
    server = server.restart().await;
    let mut bob = bob_device.connect(server.port).await;
    assert!(!bob.welcome.gap, "{:?}", bob.welcome);
    for before in &first[1..] {
        assert_eq!(&bob.message().await, before, "the same sequence, the same name, the same bytes");
    }
    bob.nothing_else().await;
}

/// Case 3, where only the receiver dies.
#[tokio::test]
async fn a_receiver_that_comes_back_gets_what_it_has_not_handled() {
    let server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=10 {
        alice.send(number, &[bob_device.credential()], number.to_string()).await;
    }
    alice.accepted(10).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..=4)).await;
    for number in 5..=10 {
        assert_eq!(bob.message().await.text(), number.to_string());
    }
    drop(bob);
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(5..=10)).await;
    bob.nothing_else().await;
}

/// Case 17: lost with the connection.
#[tokio::test]
async fn an_acknowledgement_that_is_lost_is_made_up_for_by_the_next_hello() {
    let server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=3 {
        alice.send(number, &[bob_device.credential()], number.to_string()).await;
    }
    alice.accepted(3).await;
    for _ in 0..3 {
        let sequence = bob.message().await.sequence.unwrap();
        bob_device.handle(&bob, sequence);
    }
    drop(bob);
    let mut bob = bob_device.connect(server.port).await;
    bob.nothing_else().await;
    let mut receipts = Vec::new();
    for _ in 0..3 {
        receipts.push(alice.receipt().await.1.number.0);
    }
    assert_eq!(receipts, [1, 2, 3], "the hello said what the acknowledgements would have");
}

/// Case 17: said twice, out of order, and for what never came.
#[tokio::test]
async fn acknowledgements_said_twice_or_too_early_change_nothing() {
    let server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let to = [bob_device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=3 {
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(3).await;
    let sequences = [bob.message().await, bob.message().await, bob.message().await].map(|arrived| arrived.sequence.unwrap());
    for sequence in [sequences[1], sequences[0], sequences[1], 0, sequences[2] + 1_000, u64::MAX] {
        bob.ack(sequence).await;
    }
    bob.nothing_else().await;
    alice.send(4, &to, "4").await;
    alice.accepted(4).await;
    assert_eq!(bob.message().await.text(), "4", "what was acknowledged before it came is not taken for handled");
    drop(bob);
    bob_device.handled = sequences[1];
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(3..=4)).await;
    bob.nothing_else().await;
    let mut receipts = Vec::new();
    for _ in 0..4 {
        receipts.push(alice.receipt().await.1.number.0);
    }
    assert_eq!(receipts, [1, 2, 3, 4], "one receipt each");
    assert!(alice.until_pong().await.is_empty());
}

/// Every device of a recipient, and the sender's other devices, get a copy; the sender hears once of each recipient.
#[tokio::test]
async fn every_device_gets_it() {
    let server = ServerProcess::start().await;
    let (mut phone_device, mut phone) = online(&server, "Bob", "phone").await;
    let mut laptop_device = Device::new("Bob", "laptop");
    laptop_device.connect(server.port).await.bye().await;
    let (_, mut alices_other) = online(&server, "Alice", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let large = "x".repeat(200_000);
    alice.send(1, &[phone_device.credential()], "1").await;
    alice.send_parcel(&Parcel::new(2, &[phone_device.credential()], large.clone())).await;
    alice.accepted(2).await;
    expect_texts(&mut phone_device, &mut phone, ["1".to_owned(), large.clone()]).await;
    let copies = [alices_other.message().await, alices_other.message().await].map(|arrived| arrived.payload.len());
    assert_eq!(copies, [1, large.len()]);
    let mut laptop = laptop_device.connect(server.port).await;
    expect_texts(&mut laptop_device, &mut laptop, ["1".to_owned(), large]).await;
    let heard = [alice.receipt().await.1, alice.receipt().await.1].map(|receipt| (receipt.number.0, receipt.code));
    assert_eq!(heard, [(1, 200), (2, 200)]);
    let more = alice.until_pong().await;
    assert!(!more.iter().any(|heard| matches!(heard, Heard::Receipt(..) | Heard::Message(_))), "{more:?}");
}

/// Case 18, the server's half: marks are on disk, with the messages or without.
#[tokio::test]
async fn marks_survive_a_restart() {
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let (mut carol_device, mut carol) = online(&server, "Carol", "phone").await;
    let to = [bob_device.credential(), carol_device.credential()];
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=20 {
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(20).await;
    expect_texts(&mut carol_device, &mut carol, texts(1..=20)).await;
    for kill in [true, false] {
        if kill {
            server.kill().await;
        } else {
            server.terminate();
            server.ended().await;
        }
        server = server.restart().await;
        let mut alice = alice_device.connect(server.port).await;
        assert_eq!(alice.welcome.accepted, 20);
        for number in 1..=20 {
            alice.send(number, &to, "a retry").await;
        }
        alice.accepted(20).await;
    }
    let mut carol = carol_device.connect(server.port).await;
    carol.nothing_else().await;
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..=20)).await;
    bob.nothing_else().await;
}
