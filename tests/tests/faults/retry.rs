//! A time-out means unknown: the same number is sent again and stays one message.

use msr_protocol::Code;
use msr_protocol::v2::Frame;
use msr_tests::frames::{Device, FrameClient};
use msr_tests::{Ended, Proxy, ServerProcess};
use tokio::net::TcpStream;

use crate::{bob_away, expect_texts, online, texts};

/// The connection breaks with the answer on its way.
#[tokio::test]
async fn an_acknowledgement_lost_with_its_connection() {
    let server = ServerProcess::start().await;
    let proxy = Proxy::to(server.port).await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let (_, mut watcher) = online(&server, "Carol", "phone").await;
    let mut alice_device = Device::new("Alice", "laptop");
    for number in 1..=10 {
        let stream = TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap();
        let mut alice = FrameClient::open_over(proxy.port, server.port, Box::new(stream)).await.unwrap();
        alice.hello(&mut alice_device).await.unwrap();
        assert_eq!(alice.welcome.accepted, number - 1);
        proxy.hold_what_the_server_sends();
        alice.send(number, &[to[0], Device::new("Carol", "phone").credential()], number.to_string()).await;
        // Carol has it, so the server has.
        assert_eq!(watcher.message().await.text(), number.to_string());
        proxy.cut();
        proxy.open();
        assert_eq!(alice.ended().await, Ended::Lost);
        let mut alice = alice_device.connect(server.port).await;
        assert!(alice.welcome.accepted >= number - 1);
        alice.send(number, &to, "a retry").await;
        alice.accepted(number).await;
        drop(alice);
    }
    watcher.nothing_else().await;
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..=10)).await;
    bob.nothing_else().await;
}

/// Case 19: a number at or below the mark is accepted again, whatever it carries now, and goes nowhere.
#[tokio::test]
async fn below_the_mark_it_is_accepted_again() {
    let server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let to = [bob_device.credential()];
    let nobody = Device::new("Nobody", "nothing").credential();
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.send(1, &[to[0], nobody], "1").await;
    assert_eq!(alice.answered(1).await, Ok(vec![(1, Code::UnknownRecipient.number())]));
    expect_texts(&mut bob_device, &mut bob, texts([1])).await;
    for _ in 0..3 {
        alice.send(1, &[to[0], nobody], "again").await;
        assert_eq!(alice.answered(1).await, Ok(vec![(1, Code::UnknownRecipient.number())]), "the same answer");
    }
    bob.nothing_else().await;
}

/// Case 19: a device that was retired is a new one when it comes back; its marks are gone with it.
#[tokio::test]
async fn a_retired_device_begins_anew() {
    let server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let to = [bob_device.credential()];
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=3 {
        alice.send(number, &to, number.to_string()).await;
    }
    alice.accepted(3).await;
    let (sequence, _) = {
        expect_texts(&mut bob_device, &mut bob, texts(1..=3)).await;
        alice.receipt().await
    };
    alice_device.handle(&alice, sequence);
    let (_, mut other) = online(&server, "Alice", "phone").await;
    other.say(&Frame::Retire { device: alice_device.id }).await;
    assert_eq!(alice.ended().await, Ended::Closed(Code::DeviceRetired.close_code()));
    let mut alice = alice_device.connect(server.port).await;
    assert_eq!((alice.welcome.gap, alice.welcome.accepted), (true, 0), "it is told, and nothing of its numbering is known");
    alice.send(4, &to, "4").await;
    assert_eq!(alice.answered(4).await, Err(Code::OutOfOrder.number()));
    alice.bye().await;
    // So it numbers anew.
    alice_device.outbox_epoch += 1;
    let mut alice = alice_device.connect(server.port).await;
    alice.send(1, &to, "4").await;
    alice.accepted(1).await;
    expect_texts(&mut bob_device, &mut bob, texts([4])).await;
    bob.nothing_else().await;
}

/// A message taken back leaves its number behind, not a hole.
#[tokio::test]
async fn a_number_may_be_void() {
    let server = ServerProcess::start().await;
    let (_, mut bob) = online(&server, "Bob", "phone").await;
    let to = [Device::new("Bob", "phone").credential()];
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.say(&Frame::Void { number: msr_protocol::v2::Varint(1) }).await;
    alice.send(2, &to, "2").await;
    alice.accepted(2).await;
    assert_eq!(bob.message().await.text(), "2");
}
