//! Any history, with openings and crashes between: the store holds what the model holds. Case 9: a client notices another history.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{History, assert_same, contents, copy_folder};
use msr_store::{Batch, DiskStore, Fault, MemoryDisk, Options, Start, Storage, StoreError};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Commit,
    Read,
    Reopen,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![20 => Just(Step::Commit), 1 => Just(Step::Read), 1 => Just(Step::Reopen), 1 => Just(Step::Crash)];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn disk_store_holds_what_the_model_holds(seed: u64, steps in steps(), segment_bytes in prop_oneof![Just(8u64 << 10), Just(64 << 10), Just(1 << 20)]) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes };
        let mut path = folder.path().join("first");
        let (mut store, _) = DiskStore::open(&path, &options).unwrap();
        let mut history = History::new(seed);
        for (count, step) in steps.into_iter().chain([Step::Crash, Step::Reopen]).enumerate() {
            match step {
                Step::Commit => store.commit(&history.next_parts()).unwrap(),
                Step::Read => {
                    let arrivals: Vec<u64> = (0..200).chain(history.model.messages.keys().copied()).collect();
                    let entries = store.reader().read(&arrivals).unwrap();
                    for (arrival, entry) in arrivals.iter().zip(entries) {
                        prop_assert_eq!(entry, history.model.messages.get(arrival).map(|(.., entry)| entry.clone()));
                    }
                }
                Step::Reopen | Step::Crash => {
                    if matches!(step, Step::Crash) {
                        let copy = folder.path().join(format!("after-{count}"));
                        copy_folder(&path, &copy);
                        path = copy;
                    }
                    drop(store);
                    let opened = DiskStore::open(&path, &options).unwrap();
                    store = opened.0;
                    assert_same(&contents(&opened.1, &store.reader()), &history.model, &format!("at step {count}, seed {seed}"));
                }
            }
        }
        let usage = store.usage();
        prop_assert_eq!(usage.messages, history.model.messages.len());
        prop_assert_eq!(usage.damaged_segments, 0);
    }

    #[test]
    fn memory_store_holds_what_the_model_holds(seed: u64, commits in 1usize..80) {
        let disk = MemoryDisk::new();
        disk.fail_randomly(seed, 1_000, 6);
        let mut history = History::new(seed);
        let (mut store, _) = disk.open();
        let mut expected = history.model.clone();
        let mut unknown = None;
        for _ in 0..commits {
            let parts = history.next_parts();
            match store.commit(&parts) {
                Ok(()) => expected = history.model.clone(),
                Err(StoreError::Full) => break,
                Err(StoreError::Broken { .. }) => {
                    prop_assert!(matches!(store.commit(&parts), Err(StoreError::Broken { .. })), "broken stays broken");
                    unknown = Some(history.model.clone());
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        let (store, recovered) = disk.open();
        let found = contents(&recovered, &store.reader());
        prop_assert!(found == expected || Some(&found) == unknown.as_ref(), "seed {}", seed);
    }
}

#[test]
fn a_crashed_process_commits_nothing_more() {
    let disk = MemoryDisk::new();
    let (mut old, _) = disk.open();
    disk.fail_at(0, Fault::BrokenAfterWriting);
    assert!(old.commit(&[reserve(10)]).is_err());
    let (mut new, recovered) = disk.open();
    assert_eq!(recovered.starts.reserved(), 10);
    assert!(old.commit(&[reserve(20)]).is_err());
    disk.crash();
    assert!(new.commit(&[reserve(30)]).is_err());
    assert_eq!(disk.open().1.starts.reserved(), 10);
}

#[test]
fn a_deleted_or_restored_store_does_not_know_what_clients_saw() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy) = (folder.path().join("live"), folder.path().join("copy"));
    let (mut store, _) = DiskStore::open(&live, &Options::default()).unwrap();
    store.commit(&[started(7, 1, 1000)]).unwrap();
    drop(store);
    copy_folder(&live, &copy);
    let (mut store, recovered) = DiskStore::open(&live, &Options::default()).unwrap();
    assert!(recovered.starts.knows(7, 999) && !recovered.starts.knows(7, 1000));
    store.commit(&[started(8, 1000, 2000)]).unwrap();
    drop(store);
    let (_store, recovered) = DiskStore::open(&live, &Options::default()).unwrap();
    assert!(recovered.starts.knows(8, 1999) && recovered.starts.knows(7, 999) && !recovered.starts.knows(7, 1500));

    let (_restored, recovered) = DiskStore::open(&copy, &Options::default()).unwrap();
    assert!(recovered.starts.knows(7, 999) && !recovered.starts.knows(8, 1001), "a copy knows nothing of later starts");
    let (_new, recovered) = DiskStore::open(&folder.path().join("new"), &Options::default()).unwrap();
    assert!(!recovered.starts.knows(7, 1));
}

fn reserve(below: u64) -> Batch {
    let mut batch = Batch::new();
    batch.reserve(below);
    batch
}

fn started(id: u64, first: u64, below: u64) -> Batch {
    let mut batch = reserve(below);
    batch.start(Start { id, first });
    batch
}
