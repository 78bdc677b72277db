//! Where each live message and piece lies, and how much of each segment is still live. Bodies stay on disk.

use std::{collections::BTreeMap, fs::File, sync::Arc};

use crate::record::Key;

/// Where a record lies: 12 bytes, because there are as many as messages wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

/// One segment file.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) file: Arc<File>,
    /// Where its last batch ends.
    pub(crate) bytes: u64,
    /// Records in it that still count, and their bytes.
    pub(crate) live: u32,
    pub(crate) live_bytes: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) messages: BTreeMap<u64, Spot>,
    pub(crate) pieces: BTreeMap<(u64, u64), Spot>,
    pub(crate) segments: BTreeMap<u32, Segment>,
}

impl Index {
    pub(crate) fn get(&self, key: Key) -> Option<Spot> {
        match key {
            Key::Message(arrival) => self.messages.get(&arrival).copied(),
            Key::Piece(upload, offset) => self.pieces.get(&(upload, offset)).copied(),
        }
    }

    pub(crate) fn insert(&mut self, key: Key, spot: Spot) {
        let before = match key {
            Key::Message(arrival) => self.messages.insert(arrival, spot),
            Key::Piece(upload, offset) => self.pieces.insert((upload, offset), spot),
        };
        if let Some(before) = before {
            self.release(before);
        }
        self.claim(spot);
    }

    pub(crate) fn remove_message(&mut self, arrival: u64) {
        if let Some(spot) = self.messages.remove(&arrival) {
            self.release(spot);
        }
    }

    pub(crate) fn remove_upload(&mut self, upload: u64) {
        let offsets: Vec<u64> = self.offsets(upload).collect();
        for offset in offsets {
            if let Some(spot) = self.pieces.remove(&(upload, offset)) {
                self.release(spot);
            }
        }
    }

    pub(crate) fn offsets(&self, upload: u64) -> impl Iterator<Item = u64> {
        self.pieces.range((upload, 0)..=(upload, u64::MAX)).map(|((_, offset), _)| *offset)
    }

    /// Every live record with its place, messages by arrival first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, Spot)> {
        let messages = self.messages.iter().map(|(arrival, spot)| (Key::Message(*arrival), *spot));
        messages.chain(self.pieces.iter().map(|((upload, offset), spot)| (Key::Piece(*upload, *offset), *spot)))
    }

    /// Counts a record as live in its segment.
    pub(crate) fn claim(&mut self, spot: Spot) {
        if let Some(segment) = self.segments.get_mut(&spot.segment) {
            segment.live += 1;
            segment.live_bytes += u64::from(spot.length);
        }
    }

    fn release(&mut self, spot: Spot) {
        if let Some(segment) = self.segments.get_mut(&spot.segment) {
            segment.live -= 1;
            segment.live_bytes -= u64::from(spot.length);
        }
    }
}
