//! Emptying a segment of which little is live: what is, is copied along with the next commits, and the file goes.

use std::{cmp::Reverse, sync::Arc};

use super::{DiskStore, index::Spot, reading};
use crate::{
    limits,
    record::{Key, Payload},
};

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
            self.compaction = self.emptiest();
        }
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

    /// The sealed segment with the least live in relation to its size, if a quarter of it is dead.
    fn emptiest(&self) -> Option<Compaction> {
        let index = self.index();
        let (id, _) = index
            .segments
            .iter()
            .filter(|(id, segment)| **id != self.active.segment && !self.stuck.contains(id) && segment.live > 0)
            .filter(|(_, segment)| segment.live_bytes * 4 <= segment.bytes * 3)
            .min_by_key(|(_, segment)| segment.live_bytes * 1000 / segment.bytes.max(1))?;
        let mut left: Vec<(Key, Spot)> = index.iter().filter(|(_, spot)| spot.segment == *id).collect();
        left.sort_unstable_by_key(|(_, spot)| Reverse(spot.offset));
        Some(Compaction { left })
    }

    /// Copies a record unless it is gone by now. False when it cannot be read: then its segment stays as it is.
    pub(super) fn copy(&mut self, key: Key, spot: Spot, payload: &mut Payload) -> bool {
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
