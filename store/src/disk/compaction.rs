//! Emptying a segment of which little is live: what is, is copied along with the next commits, and the file goes.

use std::{cmp::Reverse, sync::Arc};

use super::{DiskStore, index::Spot, reading};
use crate::{
    StoreError,
    batch::Cancelled,
    limits,
    record::{Key, Payload},
};

/// What emptying a segment on a full disk leaves of the active one.
const RECLAIM_RESERVE_BYTES: u64 = 4 << 10;

/// A segment on its way out.
#[derive(Debug)]
pub(super) struct Compaction {
    /// Live records at its beginning still to be copied, the last one first.
    left: Vec<(Key, Spot)>,
}

impl DiskStore {
    /// Picks a segment when more than half of the log, and more than two segments, is dead.
    pub(super) fn compact_if_it_pays(&mut self) {
        if self.compaction.is_some() {
            return;
        }
        let usage = self.usage();
        let dead = usage.bytes.saturating_sub(usage.live_bytes);
        if dead > usage.live_bytes.max(2 * self.options.segment_bytes) {
            self.compaction = self.emptiest(u64::MAX, 0);
        }
    }

    /// On a full disk: empties one segment whose live part fits into what is left of the active one. Whether it did. What is left need
    /// not be saved for deletions: the file that goes makes room for most of a spare.
    pub(super) fn reclaim(&mut self) -> Result<bool, StoreError> {
        let room = (self.active.capacity - self.active.end).saturating_sub(RECLAIM_RESERVE_BYTES);
        let mut payload = Payload::default();
        while payload.bytes.is_empty() {
            let Some(mut compaction) = self.emptiest(room, self.options.segment_bytes / 4 * 3) else { return Ok(false) };
            self.compaction = None;
            while let Some((key, spot)) = compaction.left.pop() {
                if !self.copy(key, spot, &mut payload) {
                    payload.clear();
                    break;
                }
            }
        }
        let at = self.append(&payload.bytes)?;
        self.apply(&[], &Cancelled::default(), &payload, payload.bodies.len(), at);
        self.remove_dead()?;
        Ok(true)
    }

    /// Appends the next records of the segment that is being emptied.
    pub(super) fn copy_forward(&mut self, payload: &mut Payload) {
        let Some(mut compaction) = self.compaction.take() else { return };
        while payload.bytes.len() < limits::COPY_BYTES {
            let Some((key, spot)) = compaction.left.pop() else { break };
            if !self.copy(key, spot, payload) {
                return;
            }
        }
        self.compaction = Some(compaction);
    }

    /// After a commit: goes on to the next segment when one is empty.
    pub(super) fn compact_on(&mut self) {
        if self.compaction.as_ref().is_some_and(|compaction| compaction.left.is_empty()) {
            self.compaction = None;
            self.compact_if_it_pays();
        }
    }

    /// Of the sealed segments of some size, the one with the least live in relation to it, if at most `room` bytes are.
    fn emptiest(&self, room: u64, size: u64) -> Option<Compaction> {
        let index = self.index();
        let (id, _) = index
            .segments
            .iter()
            .filter(|(id, segment)| **id != self.active.segment && !self.stuck.contains(id) && segment.live > 0)
            .filter(|(_, segment)| segment.bytes >= size && segment.live_bytes <= room && segment.live_bytes * 4 <= segment.bytes * 3)
            .min_by_key(|(_, segment)| segment.live_bytes * 1000 / segment.bytes.max(1))?;
        let mut left: Vec<(Key, Spot)> = index.iter().filter(|(_, spot)| spot.segment == *id).collect();
        left.sort_unstable_by_key(|(_, spot)| Reverse(spot.offset));
        Some(Compaction { left })
    }

    /// Copies a record unless it is gone by now. False when it cannot be read: then its segment stays as it is.
    fn copy(&mut self, key: Key, spot: Spot, payload: &mut Payload) -> bool {
        let file = {
            let index = self.index();
            index.segments.get(&spot.segment).filter(|_| index.get(key) == Some(spot)).map(|segment| Arc::clone(&segment.file))
        };
        let Some(file) = file else { return true };
        match reading::record(&file, key, spot) {
            Ok(record) => payload.put_copy(key, &record),
            Err(_damaged) => {
                self.stuck.insert(spot.segment);
                return false;
            }
        }
        true
    }
}
