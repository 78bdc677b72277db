//! Reading part of an entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use msr_store::{Batch, DiskStore, MemoryDisk, Message, Options, Reader, Storage};

fn check(store: &mut impl Storage, after: impl FnOnce(&Reader)) {
    let entry: Bytes = (0..100_000_u32).map(|place| (place % 251) as u8).collect();
    let mut batch = Batch::new();
    for arrival in 1..=3 {
        batch.message(Message {
            arrival,
            expiry_ms: 1,
            devices: Box::new([1, 300, 70_000]),
            headers: Box::default(),
            entry: entry.clone(),
        });
    }
    store.commit(&[batch]).unwrap();
    let reader = store.reader();
    let part = |offset: u32, bytes: u32| reader.read_part(2, entry.len() as u32, offset, bytes).unwrap().unwrap();
    for (offset, bytes) in [(0, 1), (0, 100_000), (7, 0), (32_768, 32_768), (98_304, 32_768), (99_999, 9), (100_000, 5), (200_000, 5)] {
        let end = (offset + bytes).min(100_000) as usize;
        assert_eq!(part(offset, bytes), entry[(offset as usize).min(end)..end], "{bytes} at {offset}");
    }
    store.commit(&[std::mem::take(Batch::new().delete(2))]).unwrap();
    assert_eq!(reader.read_part(2, 100_000, 0, 1).unwrap(), None);
    after(&reader);
}

#[test]
fn on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    check(&mut store, |reader| assert!(reader.read_part(1, u32::MAX, 0, 1).is_err(), "an entry longer than its record"));
}

#[test]
fn in_memory() {
    check(&mut MemoryDisk::new().open().0, |_| {});
}
