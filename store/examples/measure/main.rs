//! Measures the store: messages of 300 bytes to 10 000 devices, enqueued and acknowledged in fsynced batches; a large backlog opened
//! again; flipped bits; a full disk. With the feature `engines` redb and fjall do the same, keyed by arrival.
//!
//! `measure` runs the table, interleaved, and prints medians. `measure fill|open ENGINE FOLDER`, `onto ENGINE BATCH FOLDER` (behind
//! a backlog), `flip ENGINE`, `full ENGINE FOLDER` do one thing. Give it a folder on the disk in question with `TMPDIR`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, unreachable_pub)]

mod engine;

use std::{env, fs, path::Path, process::Command, time::Instant};

use engine::{Engine, NAMES, open};
use fastrand::Rng;

const ENTRY: usize = 300;
const BACKLOG: u64 = 1_000_000;
const ROUNDS: usize = 5;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => table(),
        ["run", engine, batch] => run(engine, batch.parse().unwrap(), tempfile::tempdir().unwrap().path(), 0),
        ["onto", engine, batch, folder] => run(engine, batch.parse().unwrap(), Path::new(folder), BACKLOG),
        ["fill", engine, folder] => fill(&mut *open(engine, Path::new(folder)), BACKLOG),
        ["open", engine, folder] => reopen(engine, Path::new(folder)),
        ["flip", engine] => flip(engine),
        ["full", engine, folder] => full(engine, Path::new(folder)),
        _ => panic!("see the first lines of the source"),
    }
}

/// Every engine and batch size in turn, so that what else the machine does falls on all alike.
fn table() {
    let exe = env::current_exe().unwrap();
    let child = |words: &[&str]| String::from_utf8(Command::new(&exe).args(words).output().unwrap().stdout).unwrap();
    for batch in ["500", "50", "1"] {
        let mut results = vec![Vec::new(); NAMES.len()];
        for _ in 0..ROUNDS {
            for (engine, results) in NAMES.iter().zip(&mut results) {
                results.push(child(&["run", engine, batch]));
            }
        }
        for (engine, mut results) in NAMES.iter().zip(results) {
            results.sort_by_key(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap());
            println!("batch {batch:>3}  {engine:>5}  {}", results[ROUNDS / 2].trim());
        }
    }
    for engine in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        child(&["fill", engine, path]);
        println!("reopen {BACKLOG}  {engine:>5}  {}", child(&["open", engine, path]).trim());
    }
}

fn entry(rng: &mut Rng) -> Vec<u8> {
    let mut entry = vec![0; ENTRY];
    rng.fill(&mut entry);
    entry
}

/// One process: batches of new messages, each with the deletion of the batch before it, behind a backlog.
fn run(name: &str, batch: u64, folder: &Path, backlog: u64) {
    let mut engine = open(name, folder);
    let messages = match batch {
        500 => 300_000,
        50 => 60_000,
        _ => 1_000,
    };
    let mut rng = Rng::with_seed(1);
    let body = entry(&mut rng);
    let (before, processor, start, mut slowest) = (written(), processor_ms(), Instant::now(), 0);
    for first in (backlog + 1..backlog + messages).step_by(batch as usize) {
        let puts: Vec<(u64, u32, &[u8])> = (first..first + batch).map(|arrival| (arrival, rng.u32(0..10_000), body.as_slice())).collect();
        let deletes: Vec<(u64, u32)> =
            (first.saturating_sub(batch).max(backlog + 1)..first).map(|arrival| (arrival, rng.u32(0..10_000))).collect();
        let commit = Instant::now();
        assert!(engine.commit(&puts, &deletes));
        slowest = slowest.max(commit.elapsed().as_millis());
    }
    let seconds = start.elapsed().as_secs_f64();
    drop(engine);
    let (rate, bytes) = (messages as f64 / seconds, (written() - before) / messages);
    let processor = (processor_ms() - processor) as f64 * 1000.0 / messages as f64;
    println!("{rate:.0} msg/s  {bytes} bytes/msg  {processor:.2} us of processor/msg  slowest commit {slowest} ms");
}

/// What this process and its threads used of the processors, in milliseconds.
fn processor_ms() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

/// What this process had written to disk.
fn written() -> u64 {
    status("/proc/self/io", "write_bytes:")
}

fn status(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Leaves this many messages, and ends as a killed process does.
fn fill(engine: &mut dyn Engine, messages: u64) {
    let mut rng = Rng::with_seed(2);
    for first in (1..=messages).step_by(1000) {
        let bodies: Vec<Vec<u8>> = (0..1000).map(|_| entry(&mut rng)).collect();
        let puts: Vec<(u64, u32, &[u8])> =
            bodies.iter().zip(first..).map(|(body, arrival)| (arrival, rng.u32(0..10_000), body.as_slice())).collect();
        assert!(engine.commit(&puts, &[]));
    }
    std::process::abort();
}

fn reopen(name: &str, folder: &Path) {
    let start = Instant::now();
    let mut engine = open(name, folder);
    let waiting = engine.waiting();
    let milliseconds = start.elapsed().as_millis();
    let first = Instant::now();
    assert_eq!(engine.read(1).map(|entry| entry.len()), Some(ENTRY));
    println!(
        "{waiting} waiting after {milliseconds} ms, first entry after {} us more; RSS {} MB, at most {} MB; {} MB on disk",
        first.elapsed().as_micros(),
        status("/proc/self/status", "VmRSS:") / 1024,
        status("/proc/self/status", "VmHWM:") / 1024,
        files(folder).iter().map(|path| path.metadata().unwrap().len()).sum::<u64>() >> 20,
    );
}

/// Flips one bit at a time in the files of a store that was not closed, and opens it.
fn flip(name: &str) {
    const MESSAGES: u64 = 2000;
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    let mut rng = Rng::with_seed(3);
    let mut bodies: Vec<Vec<u8>> = (0..MESSAGES).map(|_| entry(&mut rng)).collect();
    let mut engine = open(name, &made);
    for (first, bodies) in (1..).step_by(50).zip(bodies.chunks(50)) {
        let puts: Vec<(u64, u32, &[u8])> = bodies.iter().zip(first..).map(|(body, arrival)| (arrival, 7, body.as_slice())).collect();
        assert!(engine.commit(&puts, &[]));
    }
    // The last batch cannot be told from one that a crash cut off: it does not count.
    bodies.truncate(MESSAGES as usize - 50);
    let (mut whole, mut refused, mut silent) = (0, 0, 0);
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..200 {
        let copy = folder.path().join("copy");
        copy_tree(&made, &copy);
        flip_one(&copy, &mut rng);
        let look = || {
            let mut engine = open(name, &copy);
            bodies.iter().zip(1..).all(|(body, arrival)| engine.read(arrival).as_ref() == Some(body))
        };
        match std::panic::catch_unwind(look) {
            Ok(true) => whole += 1,
            Ok(false) => silent += 1,
            Err(_) => refused += 1,
        }
        fs::remove_dir_all(&copy).unwrap();
    }
    println!("{name}: of 200 flipped bits {refused} reported, {whole} without effect, {silent} lost or changed messages in silence");
    drop(engine);
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Somewhere in the bytes that are not zero, where all the messages are.
fn flip_one(folder: &Path, rng: &mut Rng) {
    let mut files: Vec<_> = files(folder).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    files.sort_by_key(|(bytes, _)| bytes.iter().filter(|byte| **byte != 0).count());
    let (mut bytes, path) = files.pop().unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    bytes[used[rng.usize(0..used.len())]] ^= 1 << rng.u8(0..8);
    fs::write(path, bytes).unwrap();
}

/// Fills a small disk until a commit fails, then acknowledges and puts again.
fn full(name: &str, folder: &Path) {
    let mut engine = open(name, &folder.join("store"));
    let body = vec![7u8; 3000];
    let mut arrival = 0;
    while arrival < 100_000 {
        arrival += 1;
        if !engine.commit(&[(arrival, 1, &body)], &[]) {
            break;
        }
    }
    let read = engine.read(1).is_some();
    let acknowledged = (1..arrival * 9 / 10).filter(|arrival| engine.commit(&[], &[(*arrival, 1)])).count();
    let again = (arrival + 1..arrival + 100).filter(|arrival| engine.commit(&[(*arrival, 1, &body)], &[])).count();
    println!(
        "{name}: full after {arrival}; reads {read}; {acknowledged} of {} acknowledged; {again} of 99 put again",
        arrival * 9 / 10 - 1
    );
}
