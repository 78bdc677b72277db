//! Restarts, crashes, disks that are full or fail, stores that are gone.

use std::time::Duration;

use msr_protocol::Code;
use msr_server::delivery::StoredQueues;
use msr_server::keys::StoredKeys;
use msr_server::store::PeerStore;
use msr_server::switch::{Rules, Switch};
use msr_store::{Fault, MemoryDisk};

use crate::client::{Client, Device, Heard};
use crate::room::Room;

#[tokio::test(start_paused = true)]
async fn everything_is_there_after_a_restart() {
    let room = Room::new();
    let (bob, mut bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, mut anns) = room.enter("Ann").await;
    for number in 1..=3 {
        ann.send(&anns.message(number, &[bobs.credential()], number.to_string().as_bytes())).await;
        ann.accepted(number).await;
    }
    let room = room.restart().await;
    assert_eq!(ann.close_code().await, 1012);
    let (mut ann, welcome) = room.register(&mut anns).await;
    assert_eq!((welcome.accepted, welcome.gap), (3, false));
    ann.send(&anns.message(4, &[bobs.credential()], b"4")).await;
    ann.accepted(4).await;
    let (mut bob, welcome) = room.register(&mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (4, false));
    let mut last = 0;
    for number in 1..=4_u64 {
        let (sequence, received) = bob.next_delivery().await;
        assert!(received.payload == number.to_string().as_bytes() && sequence > last);
        last = sequence;
    }
    bob.acknowledge(last).await;
    for number in 1..=4 {
        assert_eq!(ann.next_receipt().await, (number, bobs.credential(), 200));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_outlives_a_crash() {
    let mut room = Room::new();
    let mut bobs = Device::new("Bob", 1);
    drop(room.register(&mut bobs).await);
    let mut anns = Device::new("Ann", 1);
    let mut handled = Vec::new();
    for round in 0..5 {
        let (mut ann, welcome) = room.register(&mut anns).await;
        assert_eq!(welcome.accepted, 2 * round);
        for number in 2 * round + 1..=2 * round + 2 {
            ann.send(&anns.message(number, &[bobs.credential()], number.to_string().as_bytes())).await;
            ann.accepted_among_receipts(number).await;
        }
        let (mut bob, welcome) = room.register(&mut bobs).await;
        assert!(!welcome.gap && welcome.waiting >= 2, "{welcome:?}");
        let (sequence, received) = bob.next_delivery().await;
        bobs.handled = sequence;
        handled.push(received.id.number.0);
        bob.acknowledge(sequence).await;
        room = room.crash();
    }
    assert_eq!(handled, [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_gone_or_old_is_noticed() {
    let room = Room::new();
    let (bob, mut bobs) = room.enter("Bob").await;
    drop(bob);
    // A copy of a server that was stopped: the start that follows is not in it.
    let room = room.restart().await;
    let old = room.disk.copy();
    let room = room.restart().await;
    let (mut bob, welcome) = room.register(&mut bobs).await;
    assert!(!welcome.gap);
    let (mut ann, anns) = room.enter("Ann").await;
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    ann.accepted(1).await;
    let (sequence, _) = bob.next_delivery().await;
    bob.acknowledge(sequence).await;
    bobs.handled = sequence;
    for disk in [old, MemoryDisk::new()] {
        let room = Room::new().restart_on(disk).await;
        let mut device = bobs.clone();
        let (_, welcome) = room.register(&mut device).await;
        assert!(welcome.gap && (welcome.queue_epoch, welcome.start) != (bobs.queue_epoch.unwrap(), bobs.start), "{welcome:?}");
        device.handled = 0;
        let (_, welcome) = room.register(&mut device).await;
        assert!(!welcome.gap);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_and_recovers() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    ann.accepted(1).await;
    let (sequence, _) = bob.next_delivery().await;
    room.disk.set_full(true);
    ann.send(&anns.message(2, &[anns.credential(), bobs.credential()], b"2")).await;
    loop {
        match ann.next().await {
            Heard::Rejected { number: 2, code: 507 } => break,
            Heard::Message { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // Reads and acknowledgements go on.
    bob.acknowledge(sequence).await;
    assert!(matches!(ann.next().await, Heard::Receipt { number: 1, code: 200, .. }));
    room.disk.set_full(false);
    ann.send(&anns.message(2, &[bobs.credential()], b"2")).await;
    ann.accepted(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_disk_ends_everything() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    room.until(|counts| counts.devices == 2).await;
    ann.nothing_else().await;
    for commit in room.disk.commits()..room.disk.commits() + 3 {
        room.disk.fail_at(commit, Fault::BrokenAfterWriting);
    }
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    room.switch.broken().await;
    assert_eq!(ann.next().await, Heard::Rejected { number: 1, code: 508 });
    ann.send(&anns.message(1, &[bobs.credential()], b"1")).await;
    assert_eq!(ann.next().await, Heard::Rejected { number: 1, code: 508 });
    let draining = tokio::spawn({
        let switch = room.switch.clone();
        async move { switch.drain(Duration::from_secs(5)).await }
    });
    assert_eq!(ann.close_code().await, Code::StoreBroken.close_code());
    assert_eq!(bob.close_code().await, Code::StoreBroken.close_code());
    draining.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_while_draining_is_told() {
    let room = Room::new();
    let (mut ann, mut anns) = room.enter("Ann").await;
    let (_bob, mut bobs) = room.enter("Bob").await;
    let frames: Vec<u8> = (1..=50).flat_map(|number| anns.message(number, &[bobs.credential()], b"1")).collect();
    ann.send(&frames).await;
    while room.switch.counts().routed < 50 {
        tokio::task::yield_now().await;
    }
    let (room, told) = tokio::join!(room.restart(), async {
        let mut told = 0;
        loop {
            match ann.next().await {
                Heard::Accepted { number, .. } => told = number,
                Heard::Closed { code } => break (told, code),
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!(told, (50, 1012));
    let (_, welcome) = room.register(&mut anns).await;
    assert_eq!(welcome.accepted, 50);
    let (_, welcome) = room.register(&mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (50, false));
}

#[tokio::test]
async fn on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let open = || async {
        let (peers, queues) = (folder.path().to_owned(), folder.path().join("queues"));
        let opened = tokio::task::spawn_blocking(move || {
            let store = PeerStore::open(&peers, Duration::from_secs(60), 0).unwrap();
            (store, StoredQueues::open(&queues).unwrap(), StoredKeys::open(&peers).unwrap())
        });
        let (peers, queues, keys) = opened.await.unwrap();
        Switch::new(peers, queues, keys, Rules::default())
    };
    let (mut anns, mut bobs) = (Device::new("Ann", 1), Device::new("Bob", 1));
    let payloads: Vec<Vec<u8>> = [10, 1_000, 31_000, 33_000, 900_000].map(|bytes| vec![b'x'; bytes]).into();
    let switch = open().await;
    drop(Client::register(&switch, &mut bobs).await);
    let (mut ann, _) = Client::register(&switch, &mut anns).await;
    for (number, payload) in (1..).zip(&payloads) {
        ann.send(&anns.message(number, &[bobs.credential()], payload)).await;
        loop {
            match ann.next().await {
                Heard::Accepted { number: accepted, .. } if accepted == number => break,
                Heard::Progress { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    drop(ann);
    switch.drain(Duration::from_secs(5)).await;
    while switch.counts().connections > 0 {
        tokio::task::yield_now().await;
    }
    drop(switch);
    let switch = open().await;
    let (mut bob, welcome) = Client::register(&switch, &mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (5, false));
    for payload in &payloads[..3] {
        assert_eq!(&bob.next_delivery().await.1.payload, payload);
    }
    let mut ended = 0;
    let mut bytes = 0;
    while ended < 2 {
        match bob.next().await {
            Heard::Begin { .. } => {}
            Heard::Piece { bytes: piece, .. } => {
                bytes += piece.len();
                ended += usize::from(piece.len() < 32 * 1024);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(bytes > 933_000);
}
