//! What an opened store holds, for its owner to rebuild queues from. Bodies stay on disk.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Device, Starts};

/// The contents of a store when it was opened.
#[derive(Debug, Clone, Default)]
pub struct Recovered {
    /// Devices by index.
    pub devices: BTreeMap<u32, Device>,
    /// The lowest index no device ever had.
    pub next_device: u32,
    /// The highest accepted number of each outbox: (device index, outbox epoch).
    pub marks: BTreeMap<(u32, u64), u64>,
    /// Starts and reserved arrivals.
    pub starts: Starts,
    /// Uploads, complete and not.
    pub uploads: Vec<Upload>,
    /// Messages in the order of their arrival.
    pub waiting: WaitingList,
}

/// One upload of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its number.
    pub upload: u64,
    /// What it was opened with.
    pub head: Bytes,
    /// Offsets of its pieces, ascending.
    pub offsets: Vec<u64>,
}

/// One message of the store, without its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting<'a> {
    /// Its place in the order of everything.
    pub arrival: u64,
    /// When it expires, in milliseconds since 1970.
    pub expiry_ms: u64,
    /// Bytes of its entry.
    pub bytes: u32,
    /// Indexes of the devices it was put for and shared with. Which of them acknowledged it, their cursors say.
    pub devices: &'a [u32],
    /// How long the header of each of them is, in bytes, in their order; empty when none has one.
    pub header_bytes: &'a [u16],
}

/// Messages in the order of their arrival, held compactly.
#[derive(Debug, Clone, Default)]
pub struct WaitingList {
    rows: Vec<Row>,
    devices: Vec<u32>,
    header_bytes: Vec<u16>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    arrival: u64,
    expiry_ms: u64,
    bytes: u32,
    devices_at: u32,
    device_count: u32,
    /// [`NONE`] without headers.
    header_bytes_at: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

impl WaitingList {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The messages, lowest arrival first.
    pub fn iter(&self) -> impl Iterator<Item = Waiting<'_>> {
        self.rows.iter().map(|row| {
            let range = |at: u32| at as usize..at as usize + row.device_count as usize;
            let devices = self.devices.get(range(row.devices_at)).unwrap_or_default();
            let header_bytes = self.header_bytes.get(range(row.header_bytes_at)).unwrap_or_default();
            Waiting { arrival: row.arrival, expiry_ms: row.expiry_ms, bytes: row.bytes, devices, header_bytes }
        })
    }

    /// Appends a message with its devices, each with the length of its header.
    pub(crate) fn push(&mut self, arrival: u64, expiry_ms: u64, bytes: u32, devices: impl Iterator<Item = (u32, u16)>) {
        let (devices_at, header_bytes_at) = (self.devices.len() as u32, self.header_bytes.len());
        for (device, header_bytes) in devices {
            self.devices.push(device);
            self.header_bytes.push(header_bytes);
        }
        let device_count = self.devices.len() as u32 - devices_at;
        let mut row = Row { arrival, expiry_ms, bytes, devices_at, device_count, header_bytes_at: header_bytes_at as u32 };
        if self.header_bytes.iter().skip(header_bytes_at).all(|bytes| *bytes == 0) {
            self.header_bytes.truncate(header_bytes_at);
            row.header_bytes_at = NONE;
        }
        self.rows.push(row);
    }

    pub(crate) fn sort(&mut self) {
        if !self.rows.is_sorted_by_key(|row| row.arrival) {
            self.rows.sort_unstable_by_key(|row| row.arrival);
        }
    }
}
