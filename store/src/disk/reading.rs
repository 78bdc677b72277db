//! Fetching records from segment files, neighbours together.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;

use super::index::{Index, Spot};
use crate::{
    StoreError,
    record::{Key, Record, read_body, read_header},
};

/// What one read fetches at most, and how far apart two records may lie to be fetched together.
const RUN_BYTES: u64 = 1 << 20;
const GAP_BYTES: u64 = 4 << 10;

struct Wanted {
    place: usize,
    key: Key,
    spot: Spot,
    file: Arc<File>,
}

/// The bodies of these records, in the order of the keys.
pub(crate) fn bodies(index: &RwLock<Index>, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
    let mut bodies = vec![None; keys.len()];
    visit(index, keys, |place, bytes, record| {
        if let Some(slot) = bodies.get_mut(place) {
            *slot = Some(bytes.slice(bytes.len() - body(record).len()..));
        }
    })?;
    Ok(bodies)
}

/// Shows each of these records, checked, with the place of its key and its bytes. What is in memory at a time is what is fetched together.
pub(crate) fn visit(index: &RwLock<Index>, keys: &[Key], mut see: impl FnMut(usize, &Bytes, &Record<'_>)) -> Result<(), StoreError> {
    let mut wanted = locate(index, keys);
    wanted.sort_unstable_by_key(|wanted| (wanted.spot.segment, wanted.spot.offset));
    let mut rest = wanted.as_slice();
    while let Some(first) = rest.first() {
        let (run, after) = rest.split_at(run_length(rest));
        let end = run.last().map_or(0, |last| end(last.spot));
        let bytes = fetch(&first.file, first.spot, end)?;
        for wanted in run {
            let at = (wanted.spot.offset - first.spot.offset) as usize;
            let record = bytes.slice(at..at + wanted.spot.length as usize);
            see(wanted.place, &record, &checked(wanted.key, wanted.spot, &record)?);
        }
        rest = after;
    }
    Ok(())
}

/// The header of a device, of a message whose entry has that many bytes and is not read.
pub(crate) fn header(index: &RwLock<Index>, arrival: u64, entry_bytes: u32, device: u32) -> Result<Option<Bytes>, StoreError> {
    let Some(Wanted { spot, file, .. }) = locate(index, &[Key::Message(arrival)]).pop() else { return Ok(None) };
    let damaged = || StoreError::damaged(spot.segment, u64::from(spot.offset), "the headers of a message fail their checksum");
    let head = Spot { length: spot.length.checked_sub(entry_bytes).ok_or_else(damaged)?, ..spot };
    let bytes = fetch(&file, head, end(head))?;
    let header = read_header(arrival, device, &bytes).map_err(|_| damaged())?;
    Ok(Some(Bytes::copy_from_slice(header)))
}

/// Part of the body, `body_bytes` long, of one record: the body is what a record ends with.
pub(crate) fn part(index: &RwLock<Index>, key: Key, body_bytes: u32, offset: u32, bytes: u32) -> Result<Option<Bytes>, StoreError> {
    let Some(Wanted { spot, file, .. }) = locate(index, &[key]).pop() else { return Ok(None) };
    let short = StoreError::damaged(spot.segment, u64::from(spot.offset), "a record is shorter than its body");
    let begin = spot.length.checked_sub(body_bytes).ok_or(short)? + offset.min(body_bytes);
    let length = bytes.min(body_bytes - offset.min(body_bytes));
    let part = Spot { offset: spot.offset + begin, length, ..spot };
    fetch(&file, part, end(part)).map(Some)
}

/// One whole record, checked.
pub(super) fn record(file: &File, key: Key, spot: Spot) -> Result<Bytes, StoreError> {
    let bytes = fetch(file, spot, end(spot))?;
    checked(key, spot, &bytes)?;
    Ok(bytes)
}

fn locate(index: &RwLock<Index>, keys: &[Key]) -> Vec<Wanted> {
    let index = index.read().unwrap_or_else(PoisonError::into_inner);
    let locate = |(place, key): (usize, &Key)| {
        let spot = index.get(*key)?;
        let file = Arc::clone(&index.segments.get(&spot.segment)?.file);
        Some(Wanted { place, key: *key, spot, file })
    };
    keys.iter().enumerate().filter_map(locate).collect()
}

/// How many of the first ones are fetched together.
fn run_length(wanted: &[Wanted]) -> usize {
    let Some(first) = wanted.first() else { return 0 };
    let joins = |pair: &[Wanted]| {
        let [before, next] = pair else { return false };
        next.spot.segment == first.spot.segment
            && u64::from(next.spot.offset) <= end(before.spot) + GAP_BYTES
            && end(next.spot) - u64::from(first.spot.offset) <= RUN_BYTES
    };
    1 + wanted.windows(2).take_while(|pair| joins(pair)).count()
}

fn end(spot: Spot) -> u64 {
    u64::from(spot.offset) + u64::from(spot.length)
}

fn fetch(file: &File, first: Spot, to: u64) -> Result<Bytes, StoreError> {
    let from = u64::from(first.offset);
    let mut bytes = vec![0; (to - from) as usize];
    file.read_exact_at(&mut bytes, from).map_err(|_| StoreError::damaged(first.segment, from, "a record cannot be read"))?;
    Ok(bytes.into())
}

/// A record that must be the one of `key`.
fn checked(key: Key, spot: Spot, record: &[u8]) -> Result<Record<'_>, StoreError> {
    let read = read_body(record).ok().filter(|read| match (key, read) {
        (Key::Message(arrival), Record::Message(message)) => message.arrival == arrival,
        (Key::Piece(upload, offset), Record::Piece(piece)) => (piece.upload, piece.offset) == (upload, offset),
        _ => false,
    });
    read.ok_or_else(|| StoreError::damaged(spot.segment, u64::from(spot.offset), "a record fails its checksum"))
}

fn body<'a>(record: &Record<'a>) -> &'a [u8] {
    match record {
        Record::Message(message) => message.entry,
        Record::Piece(piece) => piece.bytes,
        Record::Change(_) | Record::NextDevice(_) | Record::Sealed(_) => &[],
    }
}
