//! Windows, backpressure, slow consumers, full queues.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use msr_delivery::limits::{QUEUE_BYTES, WINDOW_BYTES, WINDOW_ENTRIES};
use msr_protocol::Code;
use msr_server::delivery::limits::UNCOMMITTED_MESSAGES_PAUSE;
use msr_store::{Batch, MemoryDisk, MemoryStore, Reader, Storage, StoreError};

use crate::client::{Client, Device, Heard};
use crate::room::Room;

/// Sends these numbers and takes the answers.
async fn send_all(client: &mut Client, device: &Device, to: &Device, numbers: std::ops::RangeInclusive<u64>, payload: &[u8]) {
    for number in numbers {
        client.send(&device.message(number, &[to.credential()], payload)).await;
        client.accepted(number).await;
    }
}

#[tokio::test(start_paused = true)]
async fn never_more_than_the_window_is_under_way() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let window = WINDOW_ENTRIES as u64;
    send_all(&mut ann, &anns, &bobs, 1..=window + 40, b"1").await;
    let mut sequences = Vec::new();
    for number in 1..=window {
        let (sequence, received) = bob.next_delivery().await;
        assert_eq!(received.id.number.0, number);
        sequences.push(sequence);
    }
    bob.nothing_else().await;
    bob.acknowledge(sequences[9]).await;
    for number in window + 1..=window + 10 {
        assert_eq!(bob.next_delivery().await.1.id.number.0, number);
    }
    bob.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn nor_more_bytes_than_it_has() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let payload = vec![b'1'; 30_000];
    send_all(&mut ann, &anns, &bobs, 1..=50, &payload).await;
    let fit = WINDOW_BYTES / 30_100;
    for number in 1..=fit {
        assert_eq!(bob.next_delivery().await.1.id.number.0, number);
    }
    bob.nothing_else().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_costs_little_and_loses_nothing() {
    let room = Room::new();
    let (mut ann, anns) = room.enter("Ann").await;
    let (slow, mut slows) = room.enter("Bob").await;
    let (mut eve, eves) = room.enter("Eve").await;
    let payload = vec![b'1'; 20_000];
    let messages = 200;
    send_all(&mut ann, &anns, &slows, 1..=messages, &payload).await;
    send_all(&mut ann, &anns, &eves, messages + 1..=messages + 1, b"2").await;
    eve.next_delivery().await;
    // It is closed, because what is written to it is not read; until then its window bounds what it holds.
    while room.switch.counts().connections > 2 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        ann.nothing_else().await;
        eve.nothing_else().await;
    }
    let welcomed_again = async {
        let (mut bob, welcome) = room.register(&mut slows).await;
        assert_eq!((welcome.waiting, welcome.gap), (messages, false));
        for number in 1..=messages {
            let (sequence, received) = bob.next_delivery().await;
            assert_eq!(received.id.number.0, number);
            bob.acknowledge(sequence).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), welcomed_again).await.unwrap();
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_told_and_a_gap_too() {
    let room = Room::new();
    let (bob, mut bobs) = room.enter("Bob").await;
    drop(bob);
    room.until(|counts| counts.peers == 0).await;
    let (mut ann, anns) = room.enter("Ann").await;
    let payload = vec![b'1'; 900_000];
    let fit = QUEUE_BYTES / 900_200;
    for number in 1..=fit {
        ann.send(&anns.message(number, &[bobs.credential()], &payload)).await;
        ann.accepted(number).await;
    }
    ann.send(&anns.message(fit + 1, &[bobs.credential()], &payload)).await;
    assert_eq!(ann.next().await, Heard::Accepted { number: fit + 1, exceptions: vec![(0, Code::QueueFull.number())] });
    let (_, welcome) = room.register(&mut bobs).await;
    assert_eq!((welcome.waiting, welcome.gap), (fit, true));
    let (_, welcome) = room.register(&mut bobs).await;
    assert!(!welcome.gap, "told once");
}

/// A store that commits when it may.
struct Gated {
    store: MemoryStore,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, open: bool) {
        *self.open.lock().unwrap() = open;
        self.opened.notify_all();
    }
}

impl Storage for Gated {
    fn commit(&mut self, parts: &[Batch]) -> Result<(), StoreError> {
        drop(self.gate.opened.wait_while(self.gate.open.lock().unwrap(), |open| !*open).unwrap());
        self.store.commit(parts)
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_read_whose_messages_wait_for_the_disk() {
    let gate = Arc::new(Gate::default());
    gate.set(true);
    let room = Room::with(Gated { store: MemoryDisk::new().open().0, gate: Arc::clone(&gate) });
    let (ann, anns) = room.enter("Ann").await;
    let (mut bob, bobs) = room.enter("Bob").await;
    gate.set(false);
    let messages = 2_000;
    let sender = tokio::spawn({
        let (mut ann, to) = (ann, bobs.credential());
        async move {
            for number in 1..=messages {
                ann.send(&anns.message(number, &[to], b"1")).await;
            }
            ann
        }
    });
    // No time passes while the disk is at work, so there is none to wait for: give everybody its turn.
    while room.switch.counts().routed < UNCOMMITTED_MESSAGES_PAUSE {
        tokio::task::yield_now().await;
    }
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(room.switch.counts().routed, UNCOMMITTED_MESSAGES_PAUSE);
    // What waits for the disk is delivered all the same.
    assert_eq!(bob.next_delivery().await.1.id.number.0, 1);
    gate.set(true);
    let mut ann = sender.await.unwrap();
    for number in 1..=messages {
        ann.accepted(number).await;
    }
}
