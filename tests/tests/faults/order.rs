//! What one device sends to one recipient arrives in that order, whatever breaks between.

use msr_tests::frames::{Device, FrameClient, Heard, Parcel};
use msr_tests::{Proxy, ServerProcess};
use tokio::net::TcpStream;

use crate::{bob_away, expect_texts, online, seeded, texts};

/// Case 16.
#[tokio::test]
async fn what_comes_during_resume_stays_behind_what_waits() {
    let server = ServerProcess::start().await;
    let (mut bob_device, bob) = online(&server, "Bob", "phone").await;
    let to = [bob_device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let (mut next, mut expected) = (1, 1);
    drop(bob);
    for round in 0..20 {
        // More than one window, so that the resumption takes a while, and some of it is read from the disk.
        let parcels: Vec<_> = (next..next + 400).map(|number| Parcel::new(number, &to, number.to_string())).collect();
        next += 400;
        alice.send_all(&parcels[..200]).await;
        alice.accepted(parcels[199].number).await;
        let sending = async {
            alice.send_all(&parcels[200..]).await;
            alice.accepted(parcels[399].number).await;
        };
        let reading = async {
            let mut bob = bob_device.connect(server.port).await;
            // Half of the rounds break off in the middle, with some of it under way and not acknowledged.
            let until = if round % 2 == 0 { expected + 300 } else { next };
            expect_texts(&mut bob_device, &mut bob, texts(expected..until)).await;
            expected = until;
        };
        tokio::join!(sending, reading);
    }
    assert_eq!(expected, next);
    bob_device.connect(server.port).await.nothing_else().await;
}

/// Cases 15 and 17: the device connects again while the old connection still stands; what the old one says late changes
/// nothing.
#[tokio::test]
async fn a_displaced_connection_has_no_say() {
    let server = ServerProcess::start().await;
    let proxy = Proxy::to(server.port).await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let stream = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
    let mut older = FrameClient::open_over(proxy.port, server.port, Box::new(stream)).await.unwrap();
    older.hello(&mut bob_device).await.unwrap();
    for number in 1..=5 {
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(5).await;
    let mut last = 0;
    for _ in 0..5 {
        last = older.message().await.sequence.unwrap();
    }
    // Its acknowledgement, and a message of its own, are on their way when the newer connection comes.
    proxy.hold_what_clients_send();
    older.ack(last).await;
    older.send(1, &to, "from the older").await;
    let mut newer = bob_device.connect(server.port).await;
    assert_eq!(newer.welcome.waiting, 5);
    proxy.open();
    assert_eq!(older.ended().await, msr_tests::Ended::Closed(4414));
    expect_texts(&mut bob_device, &mut newer, texts(1..=5)).await;
    alice.send(6, &to, "6").await;
    expect_texts(&mut bob_device, &mut newer, texts([6])).await;
    newer.nothing_else().await;
    // The number of the message that came too late is still to be given.
    newer.send(1, &to, "again").await;
    newer.accepted(1).await;
    assert_eq!(newer.message().await.text(), "again");
}

/// Case 16, with large messages between small ones and kills between.
#[tokio::test]
async fn large_and_small_ones_keep_their_order() {
    let mut random = seeded();
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let mut alice_device = Device::new("Alice", "laptop");
    let to = [bob_device.credential()];
    let (mut next, mut expected) = (1, 1);
    for round in 0..6 {
        let mut alice = alice_device.connect(server.port).await;
        let mut bob = if round % 2 == 0 { Some(bob_device.connect(server.port).await) } else { None };
        let first = next;
        while next < first + 12 {
            let size = if random.u32(0..3) == 0 { random.usize(40_000..300_000) } else { 1 };
            alice.send_parcel(&Parcel::new(next, &to, format!("{next} {}", "x".repeat(size)))).await;
            next += 1;
        }
        alice.accepted(next - 1).await;
        if let Some(bob) = &mut bob {
            let until = if round == 4 { next } else { first + 6 };
            while expected < until {
                let arrived = bob.message().await;
                assert_eq!(arrived.text().split(' ').next(), Some(expected.to_string().as_str()));
                bob.ack(arrived.sequence.unwrap()).await;
                bob_device.handle(bob, arrived.sequence.unwrap());
                expected += 1;
            }
        }
        if round % 3 == 1 {
            server.kill().await;
            server = server.restart().await;
        }
    }
    let mut bob = bob_device.connect(server.port).await;
    while expected < next {
        let arrived = bob.message().await;
        assert_eq!(arrived.text().split(' ').next(), Some(expected.to_string().as_str()));
        bob.ack(arrived.sequence.unwrap()).await;
        expected += 1;
    }
}

/// After a refusal that can be tried again, later numbers are refused until the refused one has come.
#[tokio::test]
async fn a_number_left_out_is_waited_for() {
    let server = ServerProcess::start().await;
    let (_, mut bob) = online(&server, "Bob", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let to = [Device::new("Bob", "phone").credential()];
    alice.send(1, &to, "1").await;
    alice.accepted(1).await;
    for number in [3, 4, 0, u64::MAX] {
        alice.send(number, &to, "early").await;
        assert_eq!(alice.answered(number).await, Err(520), "{number}");
    }
    for number in 2..=4 {
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(4).await;
    for number in 1..=4 {
        assert_eq!(bob.message().await.text(), number.to_string());
    }
    let more = bob.until_pong().await;
    assert!(!more.iter().any(|heard| matches!(heard, Heard::Message(_))), "{more:?}");
}
