//! A store in memory for simulations: it commits at once, forgets nothing it committed, and fails where it is told to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use crate::{
    Batch, Message, Reader, Recovered, Storage, StoreError, Upload, WaitingList,
    batch::{Cancelled, Change},
    reader::Source,
    record::Key,
    state::State,
};

/// What goes wrong at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No room for what grows; nothing of the commit is there.
    Full,
    /// The sync fails, and nothing of the commit is found when the disk is opened again.
    Broken,
    /// The sync fails, and yet the whole commit is found when the disk is opened again.
    BrokenAfterWriting,
}

/// The disk of a simulated machine: it stays when a process crashes.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    contents: Arc<Mutex<Contents>>,
}

/// A simulated store, open on a [`MemoryDisk`] until that is crashed or opened again.
#[derive(Debug)]
pub struct MemoryStore {
    contents: Arc<Mutex<Contents>>,
    opening: u64,
    broken: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Contents {
    state: State,
    messages: BTreeMap<u64, Message>,
    pieces: BTreeMap<(u64, u64), Bytes>,
    /// Which opening is the current one: earlier stores are dead.
    opening: u64,
    commits: u64,
    faults: BTreeMap<u64, Fault>,
    full: bool,
}

impl MemoryDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the store, as a process does when it starts. One that is still open is dead from now on.
    #[must_use]
    pub fn open(&self) -> (MemoryStore, Recovered) {
        let mut contents = lock(&self.contents);
        contents.opening += 1;
        let store = MemoryStore { contents: Arc::clone(&self.contents), opening: contents.opening, broken: false };
        (store, contents.recovered())
    }

    /// Kills the process that has the store open: it commits nothing more, whatever it still holds.
    pub fn crash(&self) {
        lock(&self.contents).opening += 1;
    }

    /// Commits tried so far, over all openings.
    #[must_use]
    pub fn commits(&self) -> u64 {
        lock(&self.contents).commits
    }

    /// Lets the commit with this number (the first has 0) fail.
    pub fn fail_at(&self, commit: u64, fault: Fault) {
        lock(&self.contents).faults.insert(commit, fault);
    }

    /// Plans faults for commits up to `below`, one in `rarity` on average, the same ones for the same seed.
    pub fn fail_randomly(&self, seed: u64, below: u64, rarity: u64) {
        let mut contents = lock(&self.contents);
        for commit in contents.commits..below {
            let dice = mix(seed ^ mix(commit));
            if (dice >> 8).is_multiple_of(rarity.max(1)) {
                let fault = [Fault::Full, Fault::Broken, Fault::BrokenAfterWriting, Fault::Full];
                contents.faults.extend(fault.get((dice & 3) as usize).map(|fault| (commit, *fault)));
            }
        }
    }

    /// Fills the disk, or makes room again. A full one still takes what only frees room.
    pub fn set_full(&self, full: bool) {
        lock(&self.contents).full = full;
    }

    /// A copy of the disk as it is now, for putting back later.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { contents: Arc::new(Mutex::new(lock(&self.contents).clone())) }
    }
}

impl Storage for MemoryStore {
    fn commit(&mut self, parts: &[Batch]) -> Result<(), StoreError> {
        let mut contents = lock(&self.contents);
        if self.broken || contents.opening != self.opening {
            return Err(broken());
        }
        let commit = contents.commits;
        contents.commits += 1;
        let fault = contents.faults.get(&commit).copied();
        let grows = parts.iter().any(Batch::grows);
        match fault {
            Some(Fault::Full) if grows => return Err(StoreError::Full),
            None if contents.full && grows => return Err(StoreError::Full),
            Some(Fault::Broken) => {}
            Some(Fault::BrokenAfterWriting | Fault::Full) | None => contents.apply(parts),
        }
        self.broken = matches!(fault, Some(Fault::Broken | Fault::BrokenAfterWriting));
        if self.broken { Err(broken()) } else { Ok(()) }
    }

    fn reader(&self) -> Reader {
        Reader(Source::Memory(Arc::clone(&self.contents)))
    }
}

impl Contents {
    fn apply(&mut self, parts: &[Batch]) {
        let cancelled = Cancelled::among(parts);
        for change in parts.iter().flat_map(|part| &part.changes) {
            match change {
                Change::Message(message) if !cancelled.contains(message.arrival) => {
                    self.messages.insert(message.arrival, message.clone());
                }
                Change::Delete(arrival) => {
                    self.messages.remove(arrival);
                }
                Change::Piece { upload, offset, bytes } => {
                    self.pieces.insert((*upload, *offset), bytes.clone());
                }
                Change::RemoveUpload(upload) => self.pieces.retain(|(of, _), _| of != upload),
                _ => {}
            }
            self.state.apply(change, |arrival| self.messages.contains_key(&arrival));
        }
    }

    fn recovered(&self) -> Recovered {
        let mut waiting = WaitingList::default();
        for message in self.messages.values() {
            let shared = self.state.shares.get(&message.arrival).map(Vec::as_slice).unwrap_or_default();
            let own = message.with_headers().map(|(device, header)| (device, header.len() as u16));
            let devices = own.chain(shared.iter().map(|device| (*device, 0)));
            waiting.push(message.arrival, message.expiry_ms, message.entry.len() as u32, devices);
        }
        let offsets = |upload: u64| self.pieces.range((upload, 0)..=(upload, u64::MAX)).map(|((_, offset), _)| *offset).collect();
        let upload = |(upload, head): (&u64, &Bytes)| Upload { upload: *upload, head: head.clone(), offsets: offsets(*upload) };
        Recovered {
            devices: self.state.devices.clone(),
            next_device: self.state.next_device,
            marks: self.state.marks.clone(),
            starts: self.state.starts.clone(),
            uploads: self.state.uploads.iter().map(upload).collect(),
            waiting,
        }
    }
}

pub(crate) fn bodies(contents: &Mutex<Contents>, keys: &[Key]) -> Vec<Option<Bytes>> {
    let contents = lock(contents);
    let body = |key: &Key| match key {
        Key::Message(arrival) => contents.messages.get(arrival).map(|message| message.entry.clone()),
        Key::Piece(upload, offset) => contents.pieces.get(&(*upload, *offset)).cloned(),
    };
    keys.iter().map(body).collect()
}

/// Shows each of these messages that is there.
pub(crate) fn messages(contents: &Mutex<Contents>, arrivals: &[u64], see: impl FnMut(&Message)) {
    let contents = lock(contents);
    arrivals.iter().filter_map(|arrival| contents.messages.get(arrival)).for_each(see);
}

fn broken() -> StoreError {
    StoreError::Broken { operation: "commit", source: Arc::new(std::io::Error::other("a simulated fault")) }
}

fn lock(contents: &Mutex<Contents>) -> MutexGuard<'_, Contents> {
    contents.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SplitMix64's finalizer: every bit of the seed reaches every bit of the result.
fn mix(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
