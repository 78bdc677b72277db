//! Loss of state is never silent: the epoch changes, and clients are told.

use std::fs;
use std::path::Path;

use msr_tests::frames::Device;
use msr_tests::{RawClient, ServerProcess, Settings, files_in};

use crate::{bob_away, expect_texts, online, texts};

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, name) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().file_name());
        if from.is_dir() {
            copy_folder(&from, &to.join(name));
        } else {
            fs::copy(&from, to.join(name)).unwrap();
        }
    }
}

async fn stop(server: &mut ServerProcess) {
    server.terminate();
    assert!(server.ended().await.success());
}

/// Bob handles messages of these numbers, with the receipts going back to Alice.
async fn exchange(server: &ServerProcess, alice: &mut Device, bob: &mut Device, numbers: std::ops::Range<u64>) {
    let mut receiver = bob.connect(server.port).await;
    let mut sender = alice.connect(server.port).await;
    for number in numbers.clone() {
        sender.send(number, &[bob.credential()], number.to_string()).await;
    }
    sender.accepted(numbers.end - 1).await;
    expect_texts(bob, &mut receiver, texts(numbers.clone())).await;
    for _ in numbers {
        let (sequence, _) = sender.receipt().await;
        sender.ack(sequence).await;
        alice.handle(&sender, sequence);
    }
    receiver.bye().await;
    sender.bye().await;
}

/// Case 9: deleted.
#[tokio::test]
async fn a_deleted_store_is_noticed() {
    let mut server = ServerProcess::start().await;
    let (mut alice, mut bob) = (Device::new("Alice", "laptop"), Device::new("Bob", "phone"));
    exchange(&server, &mut alice, &mut bob, 1..6).await;
    stop(&mut server).await;
    fs::remove_dir_all(server.settings.store()).unwrap();
    let server = server.restart().await;
    for device in [&mut alice, &mut bob] {
        let epoch = device.queue_epoch;
        let welcome = device.connect(server.port).await.welcome;
        assert!(welcome.gap && Some(welcome.queue_epoch) != epoch && welcome.accepted == 0, "{welcome:?}");
        let welcome = device.connect(server.port).await.welcome;
        assert!(!welcome.gap, "told once: {welcome:?}");
    }
    alice.outbox_epoch += 1;
    exchange(&server, &mut alice, &mut bob, 1..4).await;
}

/// Case 9: restored from an old copy.
#[tokio::test]
async fn a_restored_store_is_noticed() {
    let mut server = ServerProcess::start().await;
    let (mut alice, mut bob) = (Device::new("Alice", "laptop"), Device::new("Bob", "phone"));
    let mut idle = Device::new("Carol", "tablet");
    exchange(&server, &mut alice, &mut bob, 1..6).await;
    let carol = [idle.credential()];
    idle.connect(server.port).await.bye().await;
    stop(&mut server).await;
    let copy = server.settings.folder().join("copy");
    copy_folder(&server.settings.store(), &copy);
    server = server.restart().await;
    exchange(&server, &mut alice, &mut bob, 6..9).await;
    let mut sender = alice.connect(server.port).await;
    sender.send(9, &carol, "lost").await;
    sender.accepted(9).await;
    sender.bye().await;
    stop(&mut server).await;
    fs::remove_dir_all(server.settings.store()).unwrap();
    copy_folder(&copy, &server.settings.store());
    let server = server.restart().await;
    for device in [&mut alice, &mut bob] {
        let epoch = device.queue_epoch;
        let welcome = device.connect(server.port).await.welcome;
        assert!(welcome.gap && Some(welcome.queue_epoch) != epoch, "{welcome:?}");
    }
    // The numbering of the sender went back too: the welcome says how far.
    assert_eq!(alice.connect(server.port).await.welcome.accepted, 5);
    alice.outbox_epoch += 1;
    exchange(&server, &mut alice, &mut bob, 1..4).await;
    // Who had handled nothing after the copy was made misses nothing it could know of.
    idle.connect(server.port).await.nothing_else().await;
}

/// A device that was away while the store was not changed behind it goes on as if nothing had been.
#[tokio::test]
async fn restarts_alone_are_no_loss() {
    let mut server = ServerProcess::start().await;
    let (mut alice, mut bob) = (Device::new("Alice", "laptop"), Device::new("Bob", "phone"));
    for round in 0..5 {
        exchange(&server, &mut alice, &mut bob, 3 * round + 1..3 * round + 4).await;
        if round % 2 == 0 {
            server.kill().await;
        } else {
            stop(&mut server).await;
        }
        server = server.restart().await;
        assert!(!bob.connect(server.port).await.welcome.gap);
    }
}

/// Case 8 at the whole server: it does not start on a damaged store, and says which file.
#[tokio::test]
async fn a_damaged_store_is_refused() {
    let mut server = ServerProcess::start().await;
    let bob = bob_away(&server).await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=50 {
        alice.send(number, &[bob.credential()], format!("{number} {}", "x".repeat(500))).await;
    }
    alice.accepted(50).await;
    stop(&mut server).await;
    let queues = server.settings.store().join("queues");
    let largest = files_in(&queues).into_iter().max_by_key(|file| {
        let bytes = fs::read(file).unwrap();
        bytes.iter().filter(|byte| **byte != 0).count()
    });
    let file = largest.unwrap();
    let mut bytes = fs::read(&file).unwrap();
    // In the middle of what was written: whole batches follow.
    let place = bytes.windows(100).position(|window| window == [b'x'; 100]).unwrap();
    bytes[place] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (status, said) = server.settings.refused().await;
    assert!(!status.success() && said.contains(queues.to_str().unwrap()) && !said.contains("panicked"), "{said}");
}

/// A store of version 1 of the protocol, which has no queues yet, opens.
#[tokio::test]
async fn a_store_without_queues_opens() {
    let mut server = ServerProcess::start().await;
    RawClient::register(&server, msr_tests::Dialect::A, "Alice").await.close().await;
    stop(&mut server).await;
    fs::remove_dir_all(server.settings.store().join("queues")).unwrap();
    let server = Settings::with(server.settings.clone(), "PORT", server.port).start().await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    alice.nothing_else().await;
}
