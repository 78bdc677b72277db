//! Group commit: outcomes after the sync and in order, bodies nobody waits for are not written, bounds, a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::mpsc::{Receiver, Sender, channel};

use msr_store::{
    Batch, Busy, DiskStore, Fault, Group, GroupCommit, MemoryDisk, MemoryStore, Message, Options, Reader, Storage, StoreError, limits,
};

/// A store that says when a commit begins and waits until it may go on.
struct Gated {
    store: MemoryStore,
    began: Sender<usize>,
    go: Receiver<()>,
}

impl Storage for Gated {
    fn commit(&mut self, parts: &[Batch]) -> Result<(), StoreError> {
        self.began.send(parts.len()).unwrap();
        self.go.recv().unwrap();
        self.store.commit(parts)
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }
}

fn put(arrival: u64, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch
        .message(Message { arrival, expiry_ms: 0, devices: [1].into(), headers: Box::default(), entry: vec![7; bytes].into() })
        .mark(1, 1, arrival);
    batch
}

fn delete(arrival: u64) -> Batch {
    let mut batch = Batch::new();
    batch.delete(arrival).cursor(2, arrival);
    batch
}

#[test]
fn what_comes_during_a_sync_goes_into_the_next_one() {
    let disk = MemoryDisk::new();
    let ((began, begins), (go, gate), (done, outcomes)) = (channel(), channel(), channel());
    let group = GroupCommit::new(Gated { store: disk.open().0, began, go: gate }).unwrap();
    let submit = |arrival: u64| {
        let (done, reader) = (done.clone(), group.reader());
        let told = move |result: Result<(), StoreError>| {
            assert!(reader.read(&[arrival]).unwrap()[0].is_some(), "committed before the outcome is told");
            done.send((arrival, result.is_ok())).unwrap();
        };
        group.submit(put(arrival, 10), told).map_err(|_| "busy").unwrap();
    };
    submit(1);
    assert_eq!(begins.recv().unwrap(), 1);
    (2..10).for_each(&submit);
    assert!(outcomes.try_recv().is_err(), "nothing is told before the sync");
    go.send(()).unwrap();
    assert_eq!(begins.recv().unwrap(), 8);
    go.send(()).unwrap();
    assert!((1..10).map(|arrival| (arrival, true)).eq(outcomes.iter().take(9)));
    assert!(group.close().is_some());
    assert_eq!(disk.commits(), 2);
}

#[test]
fn a_body_that_is_deleted_in_the_same_commit_is_not_written_but_its_mark_is() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    let before = store.usage();
    let mut group = Group::default();
    for part in [put(1, 100_000), put(2, 100_000), delete(1), delete(2)] {
        group.push(part, ()).unwrap();
    }
    group.commit(&mut store, |(), result| result.unwrap());
    let usage = store.usage();
    assert!(usage.written_bytes - before.written_bytes < 200);
    assert_eq!((usage.live_bytes, usage.messages), (0, 0));
    drop(store);
    let (_store, recovered) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    assert_eq!(recovered.marks.get(&(1, 1)), Some(&2));
    assert!(recovered.waiting.is_empty());
}

#[test]
fn a_full_disk_refuses_messages_and_takes_acknowledgements() {
    let disk = MemoryDisk::new();
    let (mut store, _) = disk.open();
    store.commit(&[put(1, 10)]).unwrap();
    disk.set_full(true);
    let mut group = Group::default();
    for (part, name) in [(put(2, 10), "put 2"), (delete(1), "delete 1"), (put(3, 10), "put 3"), (delete(3), "delete 3")] {
        group.push(part, name).unwrap();
    }
    let mut outcomes = Vec::new();
    group.commit(&mut store, |name, result| outcomes.push((name, result.is_ok())));
    assert_eq!(outcomes, [("put 2", false), ("delete 1", true), ("put 3", false), ("delete 3", true)]);
    let (_, recovered) = disk.open();
    assert_eq!((recovered.waiting.len(), recovered.marks.get(&(1, 1))), (0, Some(&1)));
}

#[test]
fn one_part_too_large_does_not_fail_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    let mut group = Group::default();
    for part in [put(1, 10), put(2, limits::ENTRY_BYTES + 1), put(3, 10), delete(3)] {
        group.push(part, ()).unwrap();
    }
    let mut outcomes = Vec::new();
    group.commit(&mut store, |(), result| outcomes.push(result.is_ok()));
    assert_eq!(outcomes, [true, false, true, true]);
    let entries = store.reader().read(&[1, 2, 3]).unwrap();
    assert!(entries[0].is_some() && entries[1].is_none() && entries[2].is_none());
}

#[test]
fn everybody_learns_that_the_store_is_broken() {
    let disk = MemoryDisk::new();
    disk.fail_at(0, Fault::Broken);
    let group = GroupCommit::new(disk.open().0).unwrap();
    let (done, outcomes) = channel();
    for arrival in 0..5 {
        let done = done.clone();
        group.submit(put(arrival, 10), move |result| done.send(result).unwrap()).map_err(|_| "busy").unwrap();
    }
    assert!(outcomes.iter().take(5).all(|result| matches!(result, Err(StoreError::Broken { .. }))));
    drop(group);
    assert!(disk.open().1.waiting.is_empty());
}

#[test]
fn a_full_group_gives_messages_back_and_takes_acknowledgements() {
    let mut group = Group::default();
    let mut arrival = 0;
    let Busy { part, token } = loop {
        arrival += 1;
        if let Err(busy) = group.push(put(arrival, 1 << 20), arrival) {
            break busy;
        }
    };
    assert!(part.grows() && token == arrival && arrival < 40);
    group.push(delete(1), 0).unwrap();
}
