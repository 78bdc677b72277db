//! A message as a record: for which devices it is, what each of them gets beside it, and the entry.
//!
//! One without headers has none of that but the devices. In one with headers a CRC of its own ends what comes before the entry, so that
//! a header can be read without an entry that may be large.

use super::{
    Malformed, body,
    fields::{Fields, number},
    kind,
};
use crate::Message;

pub(super) const MESSAGE: u8 = 1;
pub(super) const MESSAGE_WITH_HEADERS: u8 = 15;

/// A message as it lies on disk.
#[derive(Debug)]
pub(crate) struct MessageRecord<'a> {
    pub(crate) arrival: u64,
    pub(crate) expiry_ms: u64,
    devices: Devices<'a>,
    pub(crate) entry: &'a [u8],
}

impl<'a> MessageRecord<'a> {
    /// The devices it was put for, each with its header.
    pub(crate) fn devices(&self) -> impl Iterator<Item = (u32, &'a [u8])> {
        self.devices.iter()
    }
}

/// Indexes and lengths of headers as they are spelled, and the headers one after the other.
#[derive(Debug)]
struct Devices<'a> {
    indexes: Fields<'a>,
    lengths: Fields<'a>,
    headers: &'a [u8],
}

impl<'a> Devices<'a> {
    fn iter(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let (mut indexes, mut lengths, mut headers) = (self.indexes.clone(), self.lengths.clone(), self.headers);
        std::iter::from_fn(move || {
            let index = indexes.number().ok()? as u32;
            let length = lengths.number().unwrap_or(0) as usize;
            let (header, rest) = headers.split_at_checked(length)?;
            headers = rest;
            Some((index, header))
        })
    }
}

/// Appends a message.
pub(super) fn put(out: &mut Vec<u8>, message: &Message) {
    let Message { arrival, expiry_ms, devices, headers, entry } = message;
    let start = out.len();
    let spelling = if headers.is_empty() { MESSAGE } else { MESSAGE_WITH_HEADERS };
    kind(out, spelling, [*arrival, *expiry_ms, devices.len() as u64]);
    devices.iter().for_each(|device| number(out, u64::from(*device)));
    if !headers.is_empty() {
        message.with_headers().for_each(|(_, header)| number(out, header.len() as u64));
        message.with_headers().for_each(|(_, header)| out.extend_from_slice(header));
        let crc = crc32fast::hash(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
    }
    body(out, start, entry);
}

/// What stands before the length of the entry.
struct Head<'a> {
    arrival: u64,
    expiry_ms: u64,
    devices: Devices<'a>,
    /// The CRC of all before it, where there are headers.
    crc: Option<u32>,
}

impl<'a> Head<'a> {
    fn read(spelling: u8, fields: &mut Fields<'a>) -> Result<Self, Malformed> {
        let (arrival, expiry_ms, count) = (fields.number()?, fields.number()?, fields.count()?);
        let indexes = fields.run(|fields| (0..count).try_for_each(|_| fields.index().map(|_index| ())))?;
        let mut devices = Devices { indexes, lengths: Fields::new(&[]), headers: &[] };
        if spelling == MESSAGE {
            return Ok(Self { arrival, expiry_ms, devices, crc: None });
        }
        let mut total = 0;
        devices.lengths = fields.run(|fields| {
            (0..count).try_for_each(|_| {
                total += u64::from(u16::try_from(fields.number()?).map_err(|_| Malformed)?);
                Ok(())
            })
        })?;
        devices.headers = fields.take(total)?;
        Ok(Self { arrival, expiry_ms, devices, crc: Some(u32::from_le_bytes(fields.fixed()?)) })
    }
}

/// Reads a message whose first byte was this one.
pub(super) fn read<'a>(spelling: u8, fields: &mut Fields<'a>) -> Result<MessageRecord<'a>, Malformed> {
    let Head { arrival, expiry_ms, devices, crc: _ } = Head::read(spelling, fields)?;
    Ok(MessageRecord { arrival, expiry_ms, devices, entry: fields.body()? })
}

/// The header of a device in a record without its entry, checked; empty when it has none.
pub(crate) fn read_header(arrival: u64, device: u32, record: &[u8]) -> Result<&[u8], Malformed> {
    let mut fields = Fields::new(record);
    let [spelling] = fields.fixed()?;
    if spelling != MESSAGE && spelling != MESSAGE_WITH_HEADERS {
        return Err(Malformed);
    }
    let head = Head::read(spelling, &mut fields)?;
    let Some(crc) = head.crc else { return Ok(&[]) };
    let covered = record.len() - fields.bytes.len() - size_of::<u32>();
    if head.arrival != arrival || crc != crc32fast::hash(record.get(..covered).unwrap_or_default()) {
        return Err(Malformed);
    }
    Ok(head.devices.iter().find(|(index, _)| *index == device).map_or(&[], |(_, header)| header))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::{Payload, Record, read_body};
    use super::*;
    use crate::batch::Change;

    fn record(headers: &[&'static [u8]]) -> Vec<u8> {
        let headers = headers.iter().map(|header| Bytes::from_static(header)).collect();
        let mut payload = Payload::default();
        let entry = Bytes::from_static(b"entry bytes");
        payload.put(&Change::Message(Message { arrival: 300, expiry_ms: 7, devices: [1, 200, 70_000].into(), headers, entry }));
        payload.bytes
    }

    #[test]
    fn each_device_has_its_own_header_and_missing_ones_are_empty() {
        let whole = record(&[b"one", b"", b"three"]);
        let Ok(Record::Message(message)) = read_body(&whole) else { panic!("a message") };
        let devices: Vec<(u32, &[u8])> = message.devices().collect();
        assert_eq!(devices, [(1, b"one".as_slice()), (200, b""), (70_000, b"three")]);
        assert_eq!((message.arrival, message.expiry_ms, message.entry), (300, 7, b"entry bytes".as_slice()));
        let head = &whole[..whole.len() - b"entry bytes".len()];
        for (device, header) in [(1, b"one".as_slice()), (200, b""), (70_000, b"three"), (5, b"")] {
            assert_eq!(read_header(300, device, head), Ok(header));
        }
        let short = record(&[b"one"]);
        let Ok(Record::Message(message)) = read_body(&short) else { panic!("a message") };
        assert!(message.devices().eq([(1, b"one".as_slice()), (200, b""), (70_000, b"")]));
    }

    #[test]
    fn without_headers_it_is_spelled_as_before_them() {
        let plain = record(&[]);
        let mut expected = vec![MESSAGE, 0xac, 2, 7, 3, 1, 0xc8, 1, 0xf0, 0xa2, 4, 11];
        let crc = crc32fast::hash(&[&expected[..], b"entry bytes"].concat());
        expected.extend(crc.to_le_bytes());
        expected.extend(b"entry bytes");
        assert_eq!(plain, expected);
        assert_eq!(read_header(300, 1, &plain[..plain.len() - 11]), Ok([].as_slice()));
    }

    #[test]
    fn a_damaged_header_is_refused_wherever_the_bit() {
        let whole = record(&[b"one", b"", b"three"]);
        let head = &whole[..whole.len() - b"entry bytes".len()];
        // What ends it, the length and the CRC of the entry, is not looked at here.
        let covered = head.len() - 1 - size_of::<u32>();
        for bit in 0..covered * 8 {
            let mut bytes = head.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read_header(300, 1, &bytes).is_err(), "bit {bit}");
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read_body(&bytes).is_err(), "bit {bit} of the whole");
        }
        assert!(read_header(301, 1, head).is_err(), "another message");
    }
}
