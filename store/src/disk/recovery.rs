//! Opening a folder: the checkpoint of the newest segment, the batches after it, then the live records of all segments.
//!
//! A segment gets its name only once its checkpoint is on disk, so whatever bears a name must be whole but for its last batch. Segments
//! in which something is live are read to their end and every checksum is tested; a store with damage does not open.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    file::broken,
    index::{Index, Segment, Spot},
    segment::{FRAME_BYTES, Scan, malformed},
};
use crate::{
    Recovered, StoreError, Upload, WaitingList,
    batch::Change,
    record::{MessageRecord, Record, Records},
    state::State,
};

/// What the files of a folder amount to.
pub(super) struct Recovery {
    pub(super) state: State,
    pub(super) index: Index,
    pub(super) waiting: WaitingList,
    /// The newest segment, its version and salt, and the number of the next batch.
    pub(super) active: u32,
    pub(super) version: u32,
    pub(super) salt: u64,
    pub(super) next_batch: u64,
}

/// The last batch of the newest segment, as read.
pub(super) struct LastBatch {
    /// Where the first one ends, the checkpoint.
    pub(super) begin: u64,
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// The path of a segment.
pub(super) fn path(folder: &Path, segment: u32) -> PathBuf {
    folder.join(format!("{segment:010}.log"))
}

/// The numbers of all segments in the folder.
pub(super) fn segments(folder: &Path) -> Result<Vec<u32>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| broken("list the folder", error))? {
        let name = entry.map_err(|error| broken("list the folder", error))?.file_name();
        if let Some(number) = name.to_str().and_then(|name| name.strip_suffix(".log")?.parse().ok()) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads a folder that has segments, the newest of which is `active`.
pub(super) fn recover(folder: &Path, segments: &[u32], active: u32) -> Result<(Recovery, LastBatch), StoreError> {
    let (file, bytes) = load(folder, active)?;
    let scan = Scan::new(active, &bytes, None)?;
    let mut recovery = Recovery {
        state: State::default(),
        index: Index::default(),
        waiting: WaitingList::default(),
        active,
        version: scan.header.version,
        salt: scan.header.salt,
        next_batch: scan.header.first_batch.wrapping_add(scan.frames.len() as u64),
    };
    let last_at = scan.frames.last().map_or(0, |frame| frame.at - FRAME_BYTES);
    let begin = scan.frames.first().map_or(0, |frame| (frame.at + frame.payload.len()) as u64);
    let last = LastBatch { begin, at: last_at as u64, bytes: bytes.get(last_at..scan.end).unwrap_or_default().to_vec() };
    let mut sealed = BTreeMap::new();
    for frame in &scan.frames {
        for record in Records::new(frame.payload) {
            let (start, length, record) = record.map_err(|_| malformed(active, frame))?;
            let spot = Spot { segment: active, offset: (frame.at + start) as u32, length: length as u32 };
            recovery.replay(record, spot, &mut sealed);
        }
    }
    recovery.sealed_segments(folder, segments, &sealed)?;
    recovery.collect(active, &scan)?;
    recovery.waiting.sort();
    let segment = Segment { file: Arc::new(file), bytes: scan.end as u64, live: 0, live_bytes: 0 };
    recovery.index.segments.insert(active, segment);
    recovery.count_live();
    Ok((recovery, last))
}

impl Recovery {
    /// Repeats one record of the newest segment.
    fn replay(&mut self, record: Record<'_>, spot: Spot, sealed: &mut BTreeMap<u32, u64>) {
        match record {
            Record::Message(message) => {
                self.index.messages.insert(message.arrival, spot);
            }
            Record::Piece(piece) => {
                self.index.pieces.insert((piece.upload, piece.offset), spot);
            }
            Record::NextDevice(index) => self.state.next_device = index,
            Record::Sealed(segment) => {
                let spot = Spot { segment: segment.segment, offset: 0, length: 0 };
                self.index.messages.extend(segment.messages.iter().map(|arrival| (*arrival, spot)));
                self.index.pieces.extend(segment.pieces.iter().map(|key| (*key, spot)));
                sealed.insert(segment.segment, segment.bytes);
            }
            Record::Change(change) => {
                match &change {
                    Change::Delete(arrival) => self.index.remove_message(*arrival),
                    Change::RemoveUpload(upload) => self.index.remove_upload(*upload),
                    _ => {}
                }
                self.state.apply(&change, |arrival| self.index.messages.contains_key(&arrival));
            }
        }
    }

    /// Finds the live records of earlier segments, and removes the files of those that have none.
    fn sealed_segments(&mut self, folder: &Path, segments: &[u32], sealed: &BTreeMap<u32, u64>) -> Result<(), StoreError> {
        let mut expected: BTreeMap<u32, usize> = BTreeMap::new();
        for (_, spot) in self.index.iter().filter(|(_, spot)| spot.segment != self.active) {
            *expected.entry(spot.segment).or_default() += 1;
        }
        for (segment, expected) in &expected {
            let (segment, expected) = (*segment, *expected);
            if !segments.contains(&segment) {
                return Err(StoreError::damaged(segment, 0, "the file is missing"));
            }
            let (file, bytes) = load(folder, segment)?;
            let scan = Scan::new(segment, &bytes, sealed.get(&segment).copied())?;
            let segment_bytes = scan.end as u64;
            if self.collect(segment, &scan)? != expected {
                return Err(StoreError::damaged(segment, segment_bytes, "live records are missing"));
            }
            let file = Arc::new(file);
            self.index.segments.insert(segment, Segment { file, bytes: segment_bytes, live: 0, live_bytes: 0 });
        }
        for segment in segments.iter().filter(|segment| **segment != self.active && !expected.contains_key(segment)) {
            fs::remove_file(path(folder, *segment)).map_err(|error| broken("remove a segment", error))?;
        }
        Ok(())
    }

    /// Notes place and facts of every live record of a segment, and counts them.
    fn collect(&mut self, segment: u32, scan: &Scan<'_>) -> Result<usize, StoreError> {
        let mut count = 0;
        for frame in &scan.frames {
            for record in Records::new(frame.payload) {
                let (start, length, record) = record.map_err(|_| malformed(segment, frame))?;
                let spot = Spot { segment, offset: (frame.at + start) as u32, length: length as u32 };
                let known = match &record {
                    Record::Message(message) => self.index.messages.get_mut(&message.arrival),
                    Record::Piece(piece) => self.index.pieces.get_mut(&(piece.upload, piece.offset)),
                    Record::Change(_) | Record::NextDevice(_) | Record::Sealed(_) => None,
                };
                let Some(known) = known.filter(|known| **known == spot || **known == Spot { segment, offset: 0, length: 0 }) else {
                    continue;
                };
                *known = spot;
                count += 1;
                if let Record::Message(message) = record {
                    self.wait(&message);
                }
            }
        }
        Ok(count)
    }

    fn wait(&mut self, message: &MessageRecord<'_>) {
        let shared = self.state.shares.get(&message.arrival).map(Vec::as_slice).unwrap_or_default();
        let bytes = message.entry.len() as u32;
        let own = message.devices().map(|(device, header)| (device, header.len() as u16));
        self.waiting.push(message.arrival, message.expiry_ms, bytes, own.chain(shared.iter().map(|device| (*device, 0))));
    }

    fn count_live(&mut self) {
        let spots: Vec<Spot> = self.index.iter().map(|(_, spot)| spot).collect();
        for spot in spots {
            self.index.claim(spot);
        }
    }

    /// What the owner of the store gets to see.
    pub(super) fn recovered(&mut self) -> Recovered {
        let upload = |(upload, head): (&u64, &bytes::Bytes)| Upload {
            upload: *upload,
            head: head.clone(),
            offsets: self.index.offsets(*upload).collect(),
        };
        Recovered {
            devices: self.state.devices.clone(),
            next_device: self.state.next_device,
            marks: self.state.marks.clone(),
            starts: self.state.starts.clone(),
            uploads: self.state.uploads.iter().map(upload).collect(),
            waiting: std::mem::take(&mut self.waiting),
        }
    }
}

fn load(folder: &Path, segment: u32) -> Result<(File, Vec<u8>), StoreError> {
    let open = OpenOptions::new().read(true).write(true).open(path(folder, segment));
    let mut file = open.map_err(|error| broken("open a segment", error))?;
    let mut bytes = Vec::with_capacity(file.metadata().map_or(0, |metadata| metadata.len() as usize));
    file.read_to_end(&mut bytes).map_err(|error| broken("read a segment", error))?;
    Ok((file, bytes))
}
