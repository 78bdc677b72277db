//! Records: how changes are spelled on disk. One byte of kind, then numbers as LEB128, then bytes.
//!
//! A message and a piece carry a CRC-32 of their own, because they are read alone; the rest is covered by the CRC of its batch.

mod fields;
mod message;

use bytes::Bytes;

pub(crate) use self::message::{MessageRecord, read_header};
use self::{
    fields::{Fields, ascending, number, text},
    message::{MESSAGE, MESSAGE_WITH_HEADERS},
};
use crate::{
    Device, Start,
    batch::{Batch, Cancelled, Change},
};

const DELETE: u8 = 2;
const MARK: u8 = 3;
const CURSOR: u8 = 4;
const DEVICE: u8 = 5;
const REMOVE_DEVICE: u8 = 6;
const SHARE: u8 = 7;
const UPLOAD: u8 = 8;
const PIECE: u8 = 9;
const REMOVE_UPLOAD: u8 = 10;
const START: u8 = 11;
const RESERVE: u8 = 12;
const NEXT_DEVICE: u8 = 13;
const SEALED: u8 = 14;

/// What a record on disk is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Message(u64),
    Piece(u64, u64),
}

/// One record as read.
#[derive(Debug)]
pub(crate) enum Record<'a> {
    Message(MessageRecord<'a>),
    Piece(PieceRecord<'a>),
    Change(Change),
    NextDevice(u32),
    Sealed(Sealed),
}

/// A piece as it lies on disk.
#[derive(Debug)]
pub(crate) struct PieceRecord<'a> {
    pub(crate) upload: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: &'a [u8],
}

/// What a checkpoint says about one earlier segment: how long it is and what in it still counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) segment: u32,
    pub(crate) bytes: u64,
    pub(crate) messages: Vec<u64>,
    pub(crate) pieces: Vec<(u64, u64)>,
}

/// The bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The records of a batch being put together, and where in it the bodies lie.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    /// Key, offset and length of each message and piece, in their order.
    pub(crate) bodies: Vec<(Key, usize, usize)>,
    /// Something in it was put with headers, which the first version of segments did not have.
    pub(crate) has_headers: bool,
}

impl Payload {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bodies.clear();
        self.has_headers = false;
    }

    /// Appends all changes of the parts but for messages that are deleted in the same commit.
    pub(crate) fn put_parts(&mut self, parts: &[Batch], cancelled: &Cancelled) {
        for change in parts.iter().flat_map(|part| &part.changes) {
            match change {
                Change::Message(message) if cancelled.contains(message.arrival) => {}
                Change::Delete(arrival) if cancelled.contains(*arrival) => {}
                change => self.put(change),
            }
        }
    }

    /// Appends a record that was read elsewhere, as it is.
    pub(crate) fn put_copy(&mut self, key: Key, record: &[u8]) {
        self.bodies.push((key, self.bytes.len(), record.len()));
        self.bytes.extend_from_slice(record);
    }

    pub(crate) fn put(&mut self, change: &Change) {
        let start = self.bytes.len();
        let out = &mut self.bytes;
        match change {
            Change::Message(message) => {
                message::put(out, message);
                self.has_headers |= !message.headers.is_empty();
                self.bodies.push((Key::Message(message.arrival), start, self.bytes.len() - start));
            }
            Change::Piece { upload, offset, bytes } => {
                kind(out, PIECE, [*upload, *offset]);
                body(out, start, bytes);
                self.bodies.push((Key::Piece(*upload, *offset), start, self.bytes.len() - start));
            }
            Change::Delete(arrival) => kind(out, DELETE, [*arrival]),
            Change::Mark { device, epoch, number: highest } => {
                kind(out, MARK, [u64::from(*device), *highest]);
                out.extend_from_slice(&epoch.to_le_bytes());
            }
            Change::Cursor { device, arrival } => kind(out, CURSOR, [u64::from(*device), *arrival]),
            Change::Device { index, device } => {
                kind(out, DEVICE, [u64::from(*index), device.cursor, device.last_seen_ms, u64::from(device.overflowed)]);
                out.extend_from_slice(&device.queue_epoch.to_le_bytes());
                out.extend_from_slice(&device.id);
                out.extend_from_slice(&device.credential);
                text(out, device.name.as_bytes());
            }
            Change::RemoveDevice(index) => kind(out, REMOVE_DEVICE, [u64::from(*index)]),
            Change::Share { device, arrivals } => {
                kind(out, SHARE, [u64::from(*device)]);
                ascending(out, arrivals);
            }
            Change::Upload { upload, head } => {
                kind(out, UPLOAD, [*upload]);
                text(out, head);
            }
            Change::RemoveUpload(upload) => kind(out, REMOVE_UPLOAD, [*upload]),
            Change::Start(Start { id, first }) => {
                kind(out, START, [*first]);
                out.extend_from_slice(&id.to_le_bytes());
            }
            Change::Reserve(below) => kind(out, RESERVE, [*below]),
        }
    }

    pub(crate) fn put_next_device(&mut self, index: u32) {
        kind(&mut self.bytes, NEXT_DEVICE, [u64::from(index)]);
    }

    pub(crate) fn put_sealed(&mut self, sealed: &Sealed) {
        let out = &mut self.bytes;
        kind(out, SEALED, [u64::from(sealed.segment), sealed.bytes]);
        ascending(out, &sealed.messages);
        number(out, sealed.pieces.len() as u64);
        for (upload, offset) in &sealed.pieces {
            number(out, *upload);
            number(out, *offset);
        }
    }
}

fn kind<const N: usize>(out: &mut Vec<u8>, kind: u8, numbers: [u64; N]) {
    out.push(kind);
    numbers.iter().for_each(|value| number(out, *value));
}

/// Ends a record that started at `start`: length, CRC of all that is the record's, bytes.
fn body(out: &mut Vec<u8>, start: usize, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    let mut crc = crc32fast::Hasher::new();
    crc.update(out.get(start..).unwrap_or_default());
    crc.update(bytes);
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads a record that was fetched alone, and checks its CRC.
pub(crate) fn read_body(record: &[u8]) -> Result<Record<'_>, Malformed> {
    let mut fields = Fields::new(record);
    let read = fields.record()?;
    if !fields.bytes.is_empty() {
        return Err(Malformed);
    }
    let entry = match &read {
        Record::Message(message) => message.entry,
        Record::Piece(piece) => piece.bytes,
        Record::Change(_) | Record::NextDevice(_) | Record::Sealed(_) => return Err(Malformed),
    };
    let (head, crc) = record.split_at(record.len() - entry.len()).0.split_last_chunk::<4>().ok_or(Malformed)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(entry);
    if hasher.finalize() == u32::from_le_bytes(*crc) { Ok(read) } else { Err(Malformed) }
}

/// The records of a payload, each with its offset and length.
pub(crate) struct Records<'a> {
    fields: Fields<'a>,
    length: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self { fields: Fields::new(payload), length: payload.len() }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(usize, usize, Record<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.length - self.fields.bytes.len();
        if start == self.length {
            return None;
        }
        let record = self.fields.record();
        if record.is_err() {
            self.fields.bytes = &[];
        }
        let end = self.length - self.fields.bytes.len();
        Some(record.map(|record| (start, end - start, record)))
    }
}

impl<'a> Fields<'a> {
    fn record(&mut self) -> Result<Record<'a>, Malformed> {
        let [kind] = self.fixed()?;
        Ok(match kind {
            spelling @ (MESSAGE | MESSAGE_WITH_HEADERS) => Record::Message(message::read(spelling, self)?),
            PIECE => Record::Piece(PieceRecord { upload: self.number()?, offset: self.number()?, bytes: self.body()? }),
            DELETE => Record::Change(Change::Delete(self.number()?)),
            MARK => {
                let (device, number) = (self.index()?, self.number()?);
                Record::Change(Change::Mark { device, epoch: self.fixed_number()?, number })
            }
            CURSOR => Record::Change(Change::Cursor { device: self.index()?, arrival: self.number()? }),
            DEVICE => {
                let (index, cursor, last_seen_ms, overflowed) = (self.index()?, self.number()?, self.number()?, self.number()? != 0);
                let (queue_epoch, id, credential) = (self.fixed_number()?, self.fixed()?, self.fixed()?);
                let name = std::str::from_utf8(self.text()?).map_err(|_| Malformed)?.to_owned();
                Record::Change(Change::Device {
                    index,
                    device: Device { id, credential, name, queue_epoch, cursor, last_seen_ms, overflowed },
                })
            }
            REMOVE_DEVICE => Record::Change(Change::RemoveDevice(self.index()?)),
            SHARE => Record::Change(Change::Share { device: self.index()?, arrivals: self.ascending()?.into() }),
            UPLOAD => Record::Change(Change::Upload { upload: self.number()?, head: Bytes::copy_from_slice(self.text()?) }),
            REMOVE_UPLOAD => Record::Change(Change::RemoveUpload(self.number()?)),
            START => {
                let first = self.number()?;
                Record::Change(Change::Start(Start { id: self.fixed_number()?, first }))
            }
            RESERVE => Record::Change(Change::Reserve(self.number()?)),
            NEXT_DEVICE => Record::NextDevice(self.index()?),
            SEALED => {
                let (segment, bytes, messages) = (self.index()?, self.number()?, self.ascending()?);
                let pieces = (0..self.count()?).map(|_| Ok((self.number()?, self.number()?))).collect::<Result<_, _>>()?;
                Record::Sealed(Sealed { segment, bytes, messages, pieces })
            }
            _ => return Err(Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_records_are_refused_wherever_the_bit() {
        let mut payload = Payload::default();
        payload.put(&Change::Piece { upload: 300, offset: 7, bytes: Bytes::from_static(b"piece") });
        let Ok(Record::Piece(piece)) = read_body(&payload.bytes) else { panic!("a piece") };
        assert_eq!((piece.upload, piece.offset, piece.bytes), (300, 7, b"piece".as_slice()));
        for bit in 0..payload.bytes.len() * 8 {
            let mut bytes = payload.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read_body(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn random_bytes_make_no_trouble() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..100_000 {
            let bytes: Vec<u8> = (0..rng.usize(0..40)).map(|_| if rng.bool() { rng.u8(0..16) } else { rng.u8(..) }).collect();
            let _ = read_body(&bytes).is_ok();
            for record in Records::new(&bytes).flatten() {
                if let Record::Message(message) = record.2 {
                    let _ = message.devices().count();
                }
            }
        }
    }
}
