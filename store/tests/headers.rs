//! What each device gets beside an entry: kept, found alone, found out when damaged, and nothing for a store of before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use bytes::Bytes;
use common::{assert_same, contents, copy_folder, segments};
use msr_store::{Batch, DiskStore, Message, Options, Storage, StoreError, limits};

fn message(arrival: u64, headers: &[&[u8]], entry_bytes: usize) -> Batch {
    let headers = headers.iter().map(|header| Bytes::copy_from_slice(header)).collect();
    let entry = vec![arrival as u8; entry_bytes].into();
    let mut batch = Batch::new();
    batch.message(Message { arrival, expiry_ms: 0, devices: [1, 2, 3].into(), headers, entry });
    batch
}

/// The version that a segment says it has.
fn version(segment: &Path) -> u8 {
    fs::read(segment).unwrap()[8]
}

#[test]
fn a_store_of_before_opens_and_headers_begin_a_new_segment() {
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stores/2026-11");
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&old, folder.path());
    // With room behind its last batch, as in a process that was killed.
    let segment = segments(folder.path()).pop().unwrap();
    OpenOptions::new().write(true).open(segment).unwrap().set_len(1 << 20).unwrap();
    let (mut store, recovered) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    let mut model = contents(&recovered, &store.reader());
    assert!(!model.messages.is_empty() && recovered.waiting.iter().all(|waiting| waiting.header_bytes.is_empty()));

    store.commit(&[message(1 << 40, &[], 10)]).unwrap();
    assert_eq!(segments(folder.path()).iter().map(|segment| version(segment)).collect::<Vec<_>>(), [1]);
    store.commit(&[message((1 << 40) + 1, &[b"one", b"", b"three"], 10)]).unwrap();
    assert_eq!(segments(folder.path()).iter().map(|segment| version(segment)).collect::<Vec<_>>(), [1, 2]);
    drop(store);

    let entry = |arrival: u64| Bytes::from(vec![arrival as u8; 10]);
    let devices = |headers: [&'static [u8]; 3]| (1..).zip(headers.map(Bytes::from_static)).collect();
    model.messages.insert(1 << 40, (0, devices([b"", b"", b""]), entry(1 << 40)));
    model.messages.insert((1 << 40) + 1, (0, devices([b"one", b"", b"three"]), entry((1 << 40) + 1)));
    let (store, recovered) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    assert_same(&contents(&recovered, &store.reader()), &model, "after the first headers");
}

#[test]
fn one_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    let longest = vec![7; limits::HEADER_BYTES];
    store.commit(&[message(1, &[&longest], 10)]).unwrap();
    let longer = vec![7; limits::HEADER_BYTES + 1];
    assert!(matches!(store.commit(&[message(2, &[&longer], 10)]), Err(StoreError::TooLarge)));
    assert!(matches!(store.commit(&[message(2, &[b"1"], limits::ENTRY_BYTES)]), Err(StoreError::TooLarge)));
    assert_eq!(store.reader().read_header(1, 10, 1).unwrap().unwrap(), longest);
    assert_eq!(store.reader().read_header(2, 10, 1).unwrap(), None);
}

#[test]
fn damage_is_reported_by_whoever_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = DiskStore::open(folder.path(), &Options::default()).unwrap();
    store.commit(&[message(1, &[b"header of one"], 50_000), message(2, &[b"header of two"], 50_000)]).unwrap();
    let path = segments(folder.path()).pop().unwrap();
    let at = fs::read(&path).unwrap().windows(13).position(|window| window == b"header of two").unwrap();
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"H", at as u64).unwrap();
    let reader = store.reader();
    assert!(matches!(reader.read_header(2, 50_000, 1), Err(StoreError::Damaged { .. })));
    assert!(matches!(reader.read_header(2, u32::MAX, 1), Err(StoreError::Damaged { .. })), "an entry longer than its record");
    assert!(matches!(reader.visit(&[1, 2], |_, _| {}), Err(StoreError::Damaged { .. })));
    assert!(matches!(reader.read(&[2]), Err(StoreError::Damaged { .. })));
    assert_eq!(reader.read_header(1, 50_000, 1).unwrap().unwrap(), b"header of one".as_slice());
    drop(store);
    assert!(matches!(DiskStore::open(folder.path(), &Options::default()), Err(StoreError::Damaged { .. })));
}
