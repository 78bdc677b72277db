//! What is kept for a full disk: two files that have their blocks but no name as segments yet, the spare and the smaller reserve.
//!
//! Messages are taken only while both are there. When the disk is full, the active segment is therefore one that was begun in the spare and
//! refused its first message: nothing in it is live. Deletions and acknowledgements fill it, then the next one begins in the reserve, the full
//! one is dead and goes, and its blocks are the next spare. So they can be written for ever.
//!
//! What was deleted makes room by whole segments: dead ones go at once, sparse ones are emptied together into the active one, but only
//! when they give back a spare for what they take. To empty them before that would use up the active segment for nothing.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    path::Path,
};

use super::{
    DiskStore,
    file::{allocate, broken, failure},
    index::Spot,
};
use crate::{
    StoreError,
    batch::Cancelled,
    limits,
    record::{Key, Payload},
};

pub(super) const SPARE: &str = "spare";
const RESERVE: &str = "reserve";

/// What the blocks of a file may add to its bytes, with room to spare; also what emptying leaves of the active segment.
const SLACK_BYTES: u64 = 8 << 10;

/// A file that may become a segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: File,
    pub(super) name: &'static str,
    bytes: u64,
}

/// Those that lie ready.
#[derive(Debug, Default)]
pub(super) struct Spares {
    spare: Option<Spare>,
    reserve: Option<Spare>,
}

impl Spare {
    /// One with the whole size if there is room for it, or else with the least that will do.
    pub(super) fn allocate(folder: &Path, name: &'static str, whole: u64, least: u64) -> Result<Self, StoreError> {
        let path = folder.join(name);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| failure("make a segment", error))?;
        let mut spare = Self { file, name, bytes: 0 };
        if let Err(error) = spare.enlarge(whole, least) {
            fs::remove_file(path).map_err(|error| broken("remove a segment", error))?;
            return Err(error);
        }
        Ok(spare)
    }

    fn enlarge(&mut self, whole: u64, least: u64) -> Result<(), StoreError> {
        match allocate(&self.file, whole) {
            Err(StoreError::Full) => allocate(&self.file, least)?,
            allocated => allocated?,
        }
        self.bytes = self.file.metadata().map_err(|error| broken("look at a segment", error))?.len();
        Ok(())
    }
}

fn ensure(slot: &mut Option<Spare>, folder: &Path, name: &'static str, bytes: u64) -> Result<(), StoreError> {
    match slot {
        Some(spare) if spare.bytes >= least(bytes) => Ok(()),
        Some(spare) => spare.enlarge(bytes, least(bytes)),
        None => {
            *slot = Some(Spare::allocate(folder, name, bytes, least(bytes))?);
            Ok(())
        }
    }
}

/// What will do instead of a file of this size.
fn least(bytes: u64) -> u64 {
    bytes / 8 * 7
}

impl Spares {
    /// The larger one first.
    pub(super) fn take(&mut self) -> Option<Spare> {
        self.spare.take().or_else(|| self.reserve.take())
    }

    pub(super) fn are_there(&self) -> bool {
        self.spare.is_some() && self.reserve.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spare.is_none() && self.reserve.is_none()
    }

    pub(super) fn put_back(&mut self, spare: Spare) {
        let slot = if spare.name == SPARE { &mut self.spare } else { &mut self.reserve };
        *slot = Some(spare);
    }
}

impl DiskStore {
    /// Sees to it that spare and reserve lie ready, if need be by emptying old segments.
    pub(super) fn ensure_spares(&mut self) -> Result<(), StoreError> {
        loop {
            self.freed = false;
            match self.allocate_spares() {
                Err(StoreError::Full) if self.reclaim()? => {}
                done => return done,
            }
        }
    }

    pub(super) fn allocate_spares(&mut self) -> Result<(), StoreError> {
        let bytes = self.segment_bytes();
        let spare = ensure(&mut self.spares.spare, &self.folder, SPARE, bytes);
        match ensure(&mut self.spares.reserve, &self.folder, RESERVE, bytes / 4) {
            Ok(()) | Err(StoreError::Full) if spare.is_err() => spare,
            reserve => reserve,
        }
    }

    /// The size of a segment that begins with a checkpoint as large as the last one.
    fn segment_bytes(&self) -> u64 {
        self.options.segment_bytes.max(limits::SEGMENT_CHECKPOINTS * self.active.begin).min(u64::from(u32::MAX))
    }

    /// On a full disk: empties segments into the active one, or into a new one if that is what it takes. Whether anything was gained.
    fn reclaim(&mut self) -> Result<bool, StoreError> {
        let room = self.active.capacity - self.active.end;
        if let Some(sparse) = self.sparse(room) {
            self.empty(&sparse)?;
            return Ok(true);
        }
        // Not in the reserve, which is for deletions.
        let fresh = self.spares.spare.as_ref().map_or(0, |spare| spare.bytes.saturating_sub(self.active.begin));
        let pays = fresh > room + self.options.segment_bytes / 8 && self.sparse(fresh).is_some();
        if pays {
            self.rotate(0)?;
        }
        Ok(pays)
    }

    /// The sparsest sealed segments: as many as give back a spare, if what is live in them fits into `room` and enough is dead.
    fn sparse(&self, room: u64) -> Option<BTreeSet<u32>> {
        let room = room.saturating_sub(SLACK_BYTES);
        let index = self.index();
        let sealed = |id: u32| id != self.active.segment && !self.stuck.contains(&id);
        let mut segments: Vec<_> = index.segments.iter().filter(|(id, segment)| sealed(**id) && segment.live > 0).collect();
        segments.sort_by_key(|(_, segment)| segment.live_bytes * 1000 / segment.bytes.max(1));
        let (mut sparse, mut live, mut bytes) = (BTreeSet::new(), 0, 0);
        for (id, segment) in segments {
            if live + segment.live_bytes <= room {
                sparse.insert(*id);
                live += segment.live_bytes;
                bytes += segment.bytes;
            }
            if bytes >= least(self.segment_bytes()) + SLACK_BYTES {
                return (live * 4 <= bytes * 3).then_some(sparse);
            }
        }
        None
    }

    /// Copies what is live in these segments, in one batch, and removes them.
    fn empty(&mut self, sparse: &BTreeSet<u32>) -> Result<(), StoreError> {
        let mut live: Vec<(Key, Spot)> = self.index().iter().filter(|(_, spot)| sparse.contains(&spot.segment)).collect();
        live.sort_unstable_by_key(|(_, spot)| (spot.segment, spot.offset));
        let mut payload = Payload::default();
        self.compaction = None;
        for (key, spot) in live {
            if !self.copy(key, spot, &mut payload) {
                // Its segment is left out from now on, so there is another choice to be made.
                return Ok(());
            }
        }
        let at = self.append(&payload.bytes)?;
        self.apply(&[], &Cancelled::default(), &payload, payload.bodies.len(), at);
        self.remove_dead()
    }
}
