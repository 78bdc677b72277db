//! Case 5: a full disk. Messages are refused with an error of their own, reads and acknowledgements go on, and there is room again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{collections::BTreeMap, ops::Range, path::Path, process::Stdio};

use bytes::Bytes;
use common::{child, contents, possible, seed, told};
use fastrand::Rng;
use msr_store::{Batch, DiskStore, Message, Options, Storage, StoreError};

#[test]
fn on_small_disks() {
    if possible(&["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]) {
        let seed = seed();
        for (megabytes, segment) in [(1, 128 << 10), (2, 256 << 10), (8, 512 << 10), (3, 100_000)] {
            on_a_disk_of(megabytes, segment, "fill_and_empty", seed);
        }
    }
}

#[test]
fn acknowledgements_are_taken_for_ever() {
    if possible(&["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]) {
        let seed = seed();
        for (megabytes, segment) in [(1, 128 << 10), (2, 100_000)] {
            on_a_disk_of(megabytes, segment, "acknowledge_on_and_on", seed);
        }
    }
}

fn on_a_disk_of(megabytes: u32, segment: u64, test: &str, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    let mount = format!("mount -t tmpfs -o size={megabytes}m tmpfs {path} && exec \"$@\"");
    let environment = [("FOLDER", path), ("SEED", seed.to_string()), ("SEGMENT", segment.to_string())];
    let mut disk = child(&["unshare", "-m", "sh", "-c", &mount, "sh"], test, &environment);
    let output = disk.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{megabytes} MB, seed {seed}: {}",
        String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)
    );
}

struct Filled {
    store: DiskStore,
    rng: Rng,
    entries: BTreeMap<u64, Bytes>,
    marks: u64,
    next: u64,
    sizes: Range<usize>,
}

impl Filled {
    fn new(store: DiskStore, sizes: Range<usize>) -> Self {
        let rng = Rng::with_seed(told("SEED").parse().unwrap());
        Self { store, rng, entries: BTreeMap::new(), marks: 0, next: 1, sizes }
    }

    /// Puts messages until there is no room; how many went in.
    fn fill(&mut self) -> usize {
        for count in 0.. {
            let mut batch = Batch::new();
            let mut put = BTreeMap::new();
            for _ in 0..self.rng.usize(1..5) {
                let entry = Bytes::from(vec![self.rng.u8(..); self.rng.usize(self.sizes.clone())]);
                batch.message(Message {
                    arrival: self.next,
                    expiry_ms: 1,
                    devices: [1, 2].into(),
                    headers: Box::default(),
                    entry: entry.clone(),
                });
                put.insert(self.next, entry);
                self.next += 1;
            }
            batch.mark(1, 1, self.next);
            match self.store.commit(&[batch]) {
                Ok(()) => self.entries.append(&mut put),
                Err(StoreError::Full) => {
                    let refused: Vec<u64> = put.into_keys().collect();
                    assert!(
                        self.store.reader().read(&refused).unwrap().iter().all(Option::is_none),
                        "nothing of a refused commit is there"
                    );
                    return count;
                }
                Err(error) => panic!("{error}"),
            }
            self.marks = self.next;
        }
        unreachable!()
    }

    fn acknowledge(&mut self, arrival: u64) {
        let mut batch = Batch::new();
        batch.delete(arrival).cursor(1, arrival);
        self.store.commit(&[batch]).expect("acknowledgements are taken on a full disk");
        self.entries.remove(&arrival);
    }

    fn read_all(&self) {
        let arrivals: Vec<u64> = self.entries.keys().copied().collect();
        for (entry, found) in self.entries.values().zip(self.store.reader().read(&arrivals).unwrap()) {
            assert_eq!(Some(entry), found.as_ref());
        }
    }
}

#[test]
#[ignore = "run by the test above, on a disk of its own"]
fn fill_and_empty() {
    let (folder, options) = (told("FOLDER"), Options { segment_bytes: told("SEGMENT").parse().unwrap() });
    let open = || DiskStore::open(Path::new(&folder), &options);
    let mut filled = Filled::new(open().unwrap().0, 100..6_000);
    for round in 0..12 {
        let put = filled.fill();
        assert!(put > 0, "room again in round {round}");
        filled.read_all();
        if round % 3 == 2 {
            let Filled { store, rng, entries, marks, next, sizes } = filled;
            drop(store);
            let (store, recovered) = open().expect("a full store opens");
            let found = contents(&recovered, &store.reader());
            assert!(found.messages.iter().map(|(arrival, (.., entry))| (arrival, entry)).eq(&entries));
            assert_eq!(found.marks.get(&(1, 1)), Some(&marks), "the mark of a refused message is not there");
            filled = Filled { store, rng, entries, marks, next, sizes };
        }
        let oldest_first = filled.rng.bool();
        let mut going: Vec<u64> = filled.entries.keys().copied().collect();
        if !oldest_first {
            filled.rng.shuffle(&mut going);
        }
        going.truncate(going.len() * 4 / 5);
        for arrival in going {
            filled.acknowledge(arrival);
        }
        filled.read_all();
    }
}

/// What acknowledgements take is many times the disk; messages are so small that noting that one is gone takes about as much as it gives back.
#[test]
#[ignore = "run by the test above, on a disk of its own"]
fn acknowledge_on_and_on() {
    let (folder, options) = (told("FOLDER"), Options { segment_bytes: told("SEGMENT").parse().unwrap() });
    let mut filled = Filled::new(DiskStore::open(Path::new(&folder), &options).unwrap().0, 40..150);
    for round in 0..2 {
        assert!(filled.fill() > 0, "room again in round {round}");
        for arrival in 0..6_000 {
            let mut batch = Batch::new();
            batch.cursor(arrival as u32 % 7, arrival);
            filled.store.commit(&[batch]).expect("acknowledgements are taken on a full disk");
        }
        let mut going: Vec<u64> = filled.entries.keys().copied().collect();
        filled.rng.shuffle(&mut going);
        going.truncate(going.len() * 9 / 10);
        for arrival in going {
            filled.acknowledge(arrival);
        }
        filled.read_all();
    }
}
