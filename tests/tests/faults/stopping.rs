//! SIGTERM drains; what was accepted is there afterwards; a store of an older version opens. Case 25, second half.

use std::fs;
use std::path::Path;

use msr_tests::frames::{Device, Heard, Parcel};
use msr_tests::{Ended, ServerProcess, Settings, files_in};

use crate::{bob_away, expect_texts, online, texts};

#[tokio::test]
async fn sigterm_drains_and_keeps_what_was_accepted() {
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let mut alice_device = Device::new("Alice", "laptop");
    for _ in 0..3 {
        let mut alice = alice_device.connect(server.port).await;
        let first = alice.welcome.accepted + 1;
        let parcels: Vec<_> = (first..first + 2_000).map(|number| Parcel::new(number, &to, number.to_string())).collect();
        alice.send_all(&parcels[..1_000]).await;
        alice.accepted(first + 100).await;
        server.terminate();
        alice.send_all(&parcels[1_000..]).await;
        let mut accepted = first + 100;
        let ended = loop {
            match alice.next().await {
                Ok(Heard::Accepted(number, _)) => accepted = number,
                Ok(_) => {}
                Err(ended) => break ended,
            }
        };
        assert!(matches!(ended, Ended::Closed(1012)), "{ended:?}");
        assert!(server.ended().await.success());
        server = server.restart().await;
        let alice = alice_device.connect(server.port).await;
        assert!(alice.welcome.accepted >= accepted && !alice.welcome.gap, "{:?}: {accepted}", alice.welcome);
        alice.bye().await;
    }
    let all = alice_device.connect(server.port).await.welcome.accepted;
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..=all)).await;
    bob.nothing_else().await;
}

/// While the server drains nobody new gets in, and those who wait are told to come back.
#[tokio::test]
async fn everybody_is_told_to_come_back() {
    let mut server = ServerProcess::start().await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    let (_, mut bob) = online(&server, "Bob", "phone").await;
    server.terminate();
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.ended().await, Ended::Closed(1012));
    }
    assert!(server.ended().await.success());
}

/// A store as the first server with queues left it, killed: `tests/stores` keeps one for each format that was released.
/// In each, Alice sent Bob the texts 1 to 20, Bob acknowledged 1 to 5.
#[tokio::test]
async fn old_stores_open() {
    let stores = Path::new(env!("CARGO_MANIFEST_DIR")).join("stores");
    let mut opened = 0;
    for store in fs::read_dir(stores).unwrap() {
        let (from, settings) = (store.unwrap().path(), Settings::default());
        let queues = settings.store().join("queues");
        fs::create_dir_all(&queues).unwrap();
        for file in fs::read_dir(&from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), queues.join(file.file_name())).unwrap();
        }
        let server = settings.start().await;
        let mut bob_device = Device::new("Bob", "phone");
        let mut bob = bob_device.connect(server.port).await;
        expect_texts(&mut bob_device, &mut bob, texts(6..=20)).await;
        bob.nothing_else().await;
        let mut alice_device = Device::new("Alice", "laptop");
        let mut alice = alice_device.connect(server.port).await;
        assert_eq!(alice.welcome.accepted, 20, "{}", from.display());
        alice.send(21, &[bob_device.credential()], "21").await;
        alice.accepted(21).await;
        expect_texts(&mut bob_device, &mut bob, texts([21])).await;
        opened += 1;
    }
    assert!(opened > 0);
}

/// Writes such a store; to be run once for each released format, with the folder of the new store.
#[tokio::test]
#[ignore = "writes the store named by MSR_NEW_STORE"]
async fn write_store() {
    // By a clock so far ahead that nothing in it expires as long as anybody runs these tests.
    let library = crate::clock::faketime().unwrap();
    let settings = Settings::default().with("LD_PRELOAD", library.display()).with("FAKETIME", "@2096-01-01 00:00:00");
    let mut server = settings.start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for number in 1..=20 {
        alice.send(number, &[bob_device.credential()], number.to_string()).await;
    }
    alice.accepted(20).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..=5)).await;
    for _ in 1..=5 {
        alice.receipt().await;
    }
    bob.bye().await;
    alice.bye().await;
    server.terminate();
    server.ended().await;
    let to = std::env::var("MSR_NEW_STORE").unwrap();
    fs::create_dir_all(&to).unwrap();
    for file in files_in(&server.settings.store().join("queues")) {
        // Segments are allocated whole: what was never written need not be kept.
        let bytes = fs::read(&file).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if end > 0 {
            fs::write(Path::new(&to).join(file.file_name().unwrap()), &bytes[..end]).unwrap();
        }
    }
}
