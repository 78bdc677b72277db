//! A segment file: a header, then batches one after the other. The first is a checkpoint.
//!
//! Each batch is written and synced before the next one is begun, so a batch that cannot be read is either the last one, cut off by a
//! crash, or damaged. The two are told apart by looking for a later batch: each frame carries the segment's salt, a random number no
//! sender can know, so nothing in a message passes for a frame.

use std::hash::{BuildHasher, RandomState};

use crate::{Place, StoreError, record::Records};

pub(super) const HEADER_BYTES: usize = 64;
pub(super) const FRAME_BYTES: usize = 28;
/// What is written. Segments of the first version are read; nothing in them has headers.
pub(super) const VERSION: u32 = 2;
const FIRST_VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"msrqueue";

/// The first bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) segment: u32,
    pub(super) salt: u64,
    /// The number of its first batch.
    pub(super) first_batch: u64,
}

impl Header {
    pub(super) fn new(segment: u32, first_batch: u64) -> Self {
        Self { version: VERSION, segment, salt: RandomState::new().hash_one(segment), first_batch }
    }

    pub(super) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &self.version.to_le_bytes());
        put(&mut bytes, 12, &self.segment.to_le_bytes());
        put(&mut bytes, 16, &self.salt.to_le_bytes());
        put(&mut bytes, 24, &self.first_batch.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        put(&mut bytes, HEADER_BYTES - 4, &crc.to_le_bytes());
        bytes
    }

    /// Reads the header of the file that is named `segment`. Magic and version come first in every version to come.
    pub(super) fn read(segment: u32, file: &[u8]) -> Result<Self, StoreError> {
        let damaged = |what| Err(StoreError::damaged(segment, 0, what));
        let Some(bytes) = file.first_chunk::<HEADER_BYTES>() else { return damaged("the header is cut off") };
        if !bytes.starts_with(&MAGIC) {
            return damaged("this is no segment of a store");
        }
        let found = u32_at(bytes, 8);
        let intact = u32_at(bytes, HEADER_BYTES - 4) == crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        if !(FIRST_VERSION..=VERSION).contains(&found) && (intact || found.wrapping_sub(VERSION) < 1 << 16) {
            return Err(StoreError::Version { found, supported: VERSION });
        }
        if !intact {
            return damaged("the header fails its checksum");
        }
        let header = Self { version: found, segment: u32_at(bytes, 12), salt: u64_at(bytes, 16), first_batch: u64_at(bytes, 24) };
        if header.segment != segment {
            return damaged("the file belongs under another name");
        }
        Ok(header)
    }
}

/// What precedes a batch of `payload`.
pub(super) fn frame(salt: u64, number: u64, payload: &[u8]) -> [u8; FRAME_BYTES] {
    let mut bytes = [0; FRAME_BYTES];
    put(&mut bytes, 0, &salt.to_le_bytes());
    put(&mut bytes, 8, &number.to_le_bytes());
    put(&mut bytes, 16, &(payload.len() as u32).to_le_bytes());
    put(&mut bytes, 20, &crc32fast::hash(payload).to_le_bytes());
    let crc = crc32fast::hash(&bytes[..24]);
    put(&mut bytes, 24, &crc.to_le_bytes());
    bytes
}

/// One readable batch of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    /// Where its payload begins in the file.
    pub(super) at: usize,
    pub(super) payload: &'a [u8],
}

/// The batches of a segment, read from the whole file.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) header: Header,
    pub(super) frames: Vec<Frame<'a>>,
    /// Where the last batch ends.
    pub(super) end: usize,
}

impl<'a> Scan<'a> {
    /// Reads all batches. `sealed` is the length the segment must have when it was closed; without it, the last batch may be cut off.
    pub(super) fn new(segment: u32, file: &'a [u8], sealed: Option<u64>) -> Result<Self, StoreError> {
        let header = Header::read(segment, file)?;
        let end = sealed.map_or(file.len(), |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let Some(file) = file.get(..end) else {
            return Err(StoreError::damaged(segment, file.len() as u64, "the end is cut off"));
        };
        let mut scan = Self { header, frames: Vec::new(), end: HEADER_BYTES };
        loop {
            let number = header.first_batch.wrapping_add(scan.frames.len() as u64);
            match batch_at(&header, number, file, scan.end) {
                Ok(frame) => {
                    scan.end = frame.at + frame.payload.len();
                    scan.frames.push(frame);
                }
                Err(_) if scan.end == file.len() => break,
                Err(what) => {
                    let cut_off = sealed.is_none() && !scan.frames.is_empty() && !later_batch(&header, number, file, scan.end + 1);
                    if cut_off {
                        break;
                    }
                    return Err(StoreError::damaged(segment, scan.end as u64, what));
                }
            }
        }
        if scan.frames.is_empty() {
            return Err(StoreError::damaged(segment, scan.end as u64, "the checkpoint is cut off"));
        }
        Ok(scan)
    }
}

fn batch_at<'a>(header: &Header, number: u64, file: &'a [u8], at: usize) -> Result<Frame<'a>, &'static str> {
    let bytes = file.get(at..).unwrap_or_default();
    let (found, length, crc) = frame_at(header, bytes).ok_or("a batch has no readable frame")?;
    if found != number {
        return Err("a batch is out of order");
    }
    let payload = bytes.get(FRAME_BYTES..FRAME_BYTES + length).ok_or("a batch is cut off")?;
    if crc32fast::hash(payload) != crc {
        return Err("a batch fails its checksum");
    }
    Ok(Frame { at: at + FRAME_BYTES, payload })
}

/// Number, length and CRC of the payload, if these bytes begin with a frame of this segment.
fn frame_at(header: &Header, bytes: &[u8]) -> Option<(u64, usize, u32)> {
    let frame = bytes.first_chunk::<FRAME_BYTES>()?;
    let intact = u64_at(frame, 0) == header.salt && u32_at(frame, 24) == crc32fast::hash(&frame[..24]);
    intact.then(|| (u64_at(frame, 8), u32_at(frame, 16) as usize, u32_at(frame, 20)))
}

/// Whether a batch after `number` was begun, which happens only when `number` was synced.
fn later_batch(header: &Header, number: u64, file: &[u8], from: usize) -> bool {
    let salt = header.salt.to_le_bytes();
    let rest = file.get(from..).unwrap_or_default();
    rest.windows(FRAME_BYTES)
        .filter(|frame| frame.starts_with(&salt))
        .any(|bytes| frame_at(header, bytes).is_some_and(|(later, ..)| later > number))
}

/// Reads the bytes of a segment file from its beginning to its end and counts its records; for fuzzing and for looking at a store by hand.
///
/// # Errors
/// [`StoreError::Version`] and [`StoreError::Damaged`].
pub fn check_segment(segment: u32, file: &[u8]) -> Result<usize, StoreError> {
    let mut count = 0;
    for frame in Scan::new(segment, file, None)?.frames {
        for record in Records::new(frame.payload) {
            let _ = record.map_err(|_| malformed(segment, &frame))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Counts the records of a payload, if they all make sense: what [`check_segment`] does behind the checksums, for fuzzing.
#[doc(hidden)]
#[must_use]
pub fn check_payload(payload: &[u8]) -> Option<usize> {
    Records::new(payload).try_fold(0, |count, record| record.ok().map(|_| count + 1))
}

/// The error of a batch that passes its checksum and yet holds something that is no record.
pub(super) fn malformed(segment: u32, frame: &Frame<'_>) -> StoreError {
    StoreError::Damaged { place: Place { segment, offset: frame.at as u64 }, what: "a record makes no sense" }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(slot) = bytes.get_mut(at..at + value.len()) {
        slot.copy_from_slice(value);
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
