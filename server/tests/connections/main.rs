//! Connections over streams in memory, in virtual time: what a client that is slow, silent or broken gets to see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod wire;

use std::time::Duration;

use msr_protocol::limits::{MESSAGE_BYTES, REGISTRATION_TIMEOUT_MS};
use msr_server::delivery::StoredQueues;
use msr_server::keys::StoredKeys;
use msr_server::store::PeerStore;
use msr_server::switch::{Counts, Rules, Switch, limits};
use tokio::time::{Instant, timeout};
use wire::{Client, Frame, opcode, peer, registration, to};

/// A switch of a test, its store in a folder of its own.
struct Room {
    switch: Switch,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = PeerStore::open(folder.path(), Duration::from_secs(60), 0).unwrap();
        let keys = StoredKeys::open(folder.path()).unwrap();
        Self { switch: Switch::new(store, StoredQueues::in_memory().unwrap(), keys, Rules::default()), _folder: folder }
    }

    async fn register(&self, name: &str) -> Client {
        let mut client = Client::connect(&self.switch).await;
        client.send_text(&registration(&peer(name))).await;
        assert!(client.next_text().await.contains(r#""status":1"#));
        client
    }

    /// Waits until the counts are as wanted.
    async fn until(&self, wanted: impl Fn(&Counts) -> bool) {
        let reached = async {
            while !wanted(&self.switch.counts()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), reached).await.unwrap_or_else(|_| panic!("{:?}", self.switch.counts()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_register_in_time_is_told_and_closed() {
    let room = Room::new();
    let mut client = Client::connect(&room.switch).await;
    let opened = Instant::now();
    client.send(opcode::PING, b"").await;
    let answer = client.next_text().await;
    assert!(answer.contains(r#""from":"00000000""#) && answer.contains(r#""status":403"#), "{answer}");
    assert_eq!(opened.elapsed().as_millis() as u64 / 10, REGISTRATION_TIMEOUT_MS / 10);
    assert_eq!(client.close_code().await, 4403);
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_for_two_heartbeats_is_closed() {
    let room = Room::new();
    let (mut silent, mut alive) = (room.register("Ann").await, room.register("Bob").await);
    let pongs = tokio::spawn(async move {
        for _ in 0..6 {
            assert_eq!(alive.next().await.unwrap().opcode, opcode::PING);
            alive.send(opcode::PONG, b"").await;
        }
        alive
    });
    let start = Instant::now();
    assert_eq!(silent.next().await.unwrap().opcode, opcode::PING);
    assert_eq!(silent.next().await.unwrap().opcode, opcode::PING);
    assert_eq!(silent.close_code().await, 4506);
    assert_eq!(start.elapsed().as_secs(), 3 * limits::HEARTBEAT_MS / 1_000);
    pongs.await.unwrap();
    room.until(|counts| counts.connections == 1).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_closes_with_the_code_of_the_protocol() {
    let room = Room::new();
    let mut other = room.register("Bob").await;
    let large = vec![b'x'; MESSAGE_BYTES + 1];
    let cases: [(u8, &[u8], u16); 5] = [
        (opcode::BINARY, b"hello", 1003),
        (opcode::TEXT, &large, 1009),
        (opcode::TEXT, b"\xff\xfe", 1007),
        (0x3, b"reserved", 1002),
        (opcode::TEXT, b"hello", 4400),
    ];
    for (opcode, payload, close_code) in cases {
        let mut client = room.register("Ann").await;
        client.send(opcode, payload).await;
        assert_eq!(client.close_code().await, close_code);
    }
    other.send_text(&to(&peer("Bob"), &peer("Bob"), "test", "still here")).await;
    assert!(other.next_text().await.contains("still here"));
}

#[tokio::test(start_paused = true)]
async fn fragments_together_are_not_larger_than_one_message_may_be() {
    let room = Room::new();
    let mut client = room.register("Ann").await;
    let half = vec![b'x'; MESSAGE_BYTES / 2 + 1];
    client.send_frame(Frame { last: false, opcode: opcode::TEXT, payload: half.clone() }).await;
    client.send_frame(Frame { last: true, opcode: opcode::CONTINUATION, payload: half }).await;
    assert_eq!(client.close_code().await, 1009);
}

#[tokio::test(start_paused = true)]
async fn a_good_bye_of_the_socket_is_answered() {
    let room = Room::new();
    let mut client = room.register("Ann").await;
    client.send(opcode::CLOSE, &1000_u16.to_be_bytes()).await;
    assert_eq!(client.close_code().await, 1000);
    room.until(|counts| counts.peers == 0 && counts.connections == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_signs_out() {
    let room = Room::new();
    drop(room.register("Ann").await);
    room.until(|counts| counts.peers == 0 && counts.connections == 0).await;
}

#[tokio::test(start_paused = true)]
async fn many_frames_of_one_write_keep_their_order() {
    let room = Room::new();
    let (mut ann, mut bob) = (room.register("Ann").await, room.register("Bob").await);
    let sender = tokio::spawn(async move {
        for number in 0..1_000 {
            ann.send_text(&to(&peer("Ann"), &peer("Bob"), "test", &format!("<{number}>"))).await;
        }
        ann
    });
    for number in 0..1_000 {
        assert!(bob.next_text().await.contains(&format!("<{number}>")));
    }
    sender.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_closed_and_nobody_waits_for_it() {
    let room = Room::new();
    let (mut ann, mut slow) = (room.register("Ann").await, room.register("Bob").await);
    let started = Instant::now();
    for _ in 0..limits::QUEUE_MESSAGES + 2_000 {
        ann.send_text(&to(&peer("Ann"), &peer("Bob"), "test", &"x".repeat(200))).await;
    }
    room.until(|counts| counts.dropped > limits::QUEUE_MESSAGES as u64 && counts.peers == 1).await;
    assert!(started.elapsed() < Duration::from_millis(limits::WRITE_TIMEOUT_MS), "the sender did not wait");
    ann.send_text(&to(&peer("Ann"), &peer("Ann"), "test", "me")).await;
    assert!(ann.next_text().await.contains("me"));
    // It reads again, in time: what was on its way comes, and then why it ends.
    assert_eq!(slow.close_code().await, 4505);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_stuck_has_an_end() {
    let room = Room::new();
    let (mut ann, stuck) = (room.register("Ann").await, room.register("Bob").await);
    for _ in 0..1_000 {
        ann.send_text(&to(&peer("Ann"), &peer("Bob"), "test", &"x".repeat(200))).await;
    }
    let pongs = tokio::spawn(async move {
        while let Some(frame) = ann.next().await {
            assert_eq!(frame.opcode, opcode::PING);
            ann.send(opcode::PONG, b"").await;
        }
    });
    room.until(|counts| counts.connections == 1).await;
    pongs.abort();
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn a_drain_closes_everybody_and_whoever_comes_later() {
    let room = Room::new();
    let (mut ann, mut unregistered) = (room.register("Ann").await, Client::connect(&room.switch).await);
    let drain = tokio::spawn({
        let switch = room.switch.clone();
        async move { switch.drain(Duration::from_secs(5)).await }
    });
    assert_eq!(ann.close_code().await, 1012);
    assert_eq!(unregistered.close_code().await, 1012);
    drain.await.unwrap();
    assert_eq!(room.switch.counts().connections, 0);
    assert_eq!(Client::connect(&room.switch).await.close_code().await, 1012);
}

// In real time: the store writes on a thread of its own, and virtual time would run away meanwhile.
#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let room = Room::new();
    let _never_answers = room.register("Ann").await;
    room.switch.drain(Duration::from_millis(10)).await;
    assert_eq!(room.switch.counts().connections, 1, "the closing handshake goes on, without the drain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_at_once() {
    let room = Room::new();
    let clients = (0..1_000).map(|number| {
        let switch = room.switch.clone();
        tokio::spawn(async move {
            let me = peer(&format!("peer {number}"));
            let mut client = Client::connect(&switch).await;
            client.send_text(&registration(&me)).await;
            assert!(client.next_text().await.contains(r#""status":1"#));
            client.send_text(&to(&me, &me, "test", "me")).await;
            assert!(client.next_text().await.contains("me"));
            client
        })
    });
    let mut connected = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        connected.push(client.await.unwrap());
    }
    let Counts { connections, peers, registered, delivered, dropped, store_lost, .. } = room.switch.counts();
    assert_eq!((connections, peers, registered, delivered, dropped, store_lost), (1_000, 1_000, 1_000, 1_000, 0, 0));
}
