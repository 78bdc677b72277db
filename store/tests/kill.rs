//! Cases 1, 2 and 6: a process killed while it writes, at any moment and at the very sync; a sync that fails. What a commit returned for
//! is there, of the rest all or nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use common::{History, Model, assert_same, child, contents, possible, seed, told};
use fastrand::Rng;
use msr_store::{DiskStore, Options, Storage, StoreError};

const SEGMENT: Options = Options { segment_bytes: 32 << 10 };
const ROUNDS: usize = 6;

/// Commits a history from some point on and says so, until it is killed or done.
#[test]
#[ignore = "run by the tests below"]
fn write_history() {
    let mut history = History::new(told("SEED").parse().unwrap());
    let skip: usize = told("SKIP").parse().unwrap();
    (0..skip).for_each(|_| drop(history.next_parts()));
    let mut out = std::io::stdout();
    let mut say = |word: &str| writeln!(out, "\n{word}").and_then(|()| out.flush()).unwrap();
    let (mut store, _) = match DiskStore::open(Path::new(&told("FOLDER")), &SEGMENT) {
        Ok(opened) => opened,
        Err(StoreError::Broken { .. }) => return say("broken"),
        Err(error) => panic!("{error}"),
    };
    for _ in 0..400 {
        match store.commit(&history.next_parts()) {
            Ok(()) => say("committed"),
            Err(StoreError::Broken { .. }) => {
                for _ in 0..3 {
                    assert!(matches!(store.commit(&history.next_parts()), Err(StoreError::Broken { .. })), "broken stays broken");
                }
                return say("broken");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A store in a folder and how far its history has come.
struct Written {
    folder: tempfile::TempDir,
    seed: u64,
    commits: usize,
    rng: Rng,
}

/// What the child said.
#[derive(Default)]
struct Said {
    committed: usize,
    broken: bool,
}

impl Written {
    fn new() -> Self {
        let seed = seed();
        Self { folder: tempfile::tempdir().unwrap(), seed, commits: 0, rng: Rng::with_seed(seed) }
    }

    fn command(&self, before: &[&str]) -> Command {
        let folder = self.folder.path().to_str().unwrap().to_owned();
        let environment = [("FOLDER", folder), ("SEED", self.seed.to_string()), ("SKIP", self.commits.to_string())];
        let mut command = child(before, "write_history", &environment);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// Runs the child, kills it after it said `committed` so many times, and listens to its end.
    fn run(&self, before: &[&str], kill_after: Option<usize>) -> Said {
        let mut process = self.command(before).spawn().unwrap();
        let mut said = Said::default();
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            match line.unwrap().as_str() {
                "committed" => said.committed += 1,
                "broken" => said.broken = true,
                _ => {}
            }
            if kill_after == Some(said.committed) {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        said
    }

    /// Opens the store: it holds what was committed, and perhaps the one commit more that was under way.
    fn check(&mut self, said: &Said) {
        let (store, recovered) = DiskStore::open(self.folder.path(), &SEGMENT).unwrap();
        let found = contents(&recovered, &store.reader());
        let mut history = History::new(self.seed);
        self.commits += said.committed;
        (0..self.commits).for_each(|_| drop(history.next_parts()));
        let acknowledged: Model = history.model.clone();
        drop(history.next_parts());
        if found == history.model {
            self.commits += 1;
        } else {
            assert_same(&found, &acknowledged, &format!("after {} commits, seed {}", self.commits, self.seed));
        }
    }
}

#[test]
fn killed_at_any_moment() {
    let mut written = Written::new();
    for _ in 0..ROUNDS {
        let after = written.rng.usize(1..120);
        let said = written.run(&["nice"], Some(after));
        written.check(&said);
    }
    assert!(written.commits >= ROUNDS, "the child wrote nothing");
}

#[test]
fn killed_at_the_very_sync() {
    if !possible(&["strace", "-o", "/dev/null", "true"]) {
        return;
    }
    let mut written = Written::new();
    for round in 0..ROUNDS {
        // A commit syncs with fdatasync; a new segment and its folder with fsync.
        let (call, when) = if round % 2 == 0 { ("fdatasync", written.rng.usize(1..60)) } else { ("fsync", written.rng.usize(1..14)) };
        let inject = format!("inject={call}:signal=SIGKILL:when={when}");
        let said = written.run(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject], None);
        assert!(!said.broken);
        if call == "fdatasync" {
            assert_eq!(said.committed, when - 1, "nothing is acknowledged before its sync, seed {}", written.seed);
        }
        written.check(&said);
    }
    assert!(written.commits >= ROUNDS, "the child wrote nothing");
}

/// A new segment takes several calls: blocks, a checkpoint, a name, the rest of the old one given back, dead ones removed.
#[test]
fn killed_between_the_calls_of_a_new_segment() {
    if !possible(&["strace", "-o", "/dev/null", "true"]) {
        return;
    }
    let mut written = Written::new();
    for call in ["fallocate", "rename", "ftruncate", "unlink"].into_iter().cycle().take(2 * ROUNDS) {
        let inject = format!("inject={call}:signal=SIGKILL:when={}", written.rng.usize(1..6));
        let said = written.run(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject], None);
        written.check(&said);
    }
    assert!(written.commits >= ROUNDS, "the child wrote nothing");
}

#[test]
fn a_failed_sync_breaks_the_store_for_good() {
    if !possible(&["strace", "-o", "/dev/null", "true"]) {
        return;
    }
    let mut written = Written::new();
    for round in 0..ROUNDS {
        let (call, when) = if round % 2 == 0 { ("fdatasync", written.rng.usize(1..60)) } else { ("fsync", written.rng.usize(1..14)) };
        let inject = format!("inject={call}:error=EIO:when={when}");
        let said = written.run(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject], None);
        assert!(said.broken, "{call} {when}, seed {}", written.seed);
        if call == "fdatasync" {
            assert_eq!(said.committed, when - 1, "nothing is acknowledged on a failed sync, seed {}", written.seed);
        }
        written.check(&said);
    }
}
