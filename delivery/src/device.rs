//! What is known of one device: its queue, what is under way to it, what it has sent.

use std::collections::{BTreeMap, VecDeque};

use msr_protocol::Credential;

use crate::{ConnectionId, limits};

/// A device's place in the exchange and in the store; never given to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceIndex(pub u32);

/// The id a device chose for itself.
pub type DeviceKey = [u8; 16];

/// An entry that waits for a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) arrival: u64,
    /// The length of the entry.
    pub(crate) bytes: u32,
    /// The length of the device's own header.
    pub(crate) header_bytes: u16,
}

impl Waiting {
    /// What it takes of the window.
    pub(crate) fn window_bytes(self) -> u64 {
        u64::from(self.bytes.min(limits::PIECE_BYTES)) + u64::from(self.header_bytes)
    }

    /// It travels in pieces.
    pub(crate) fn is_large(self) -> bool {
        self.bytes > limits::PIECE_BYTES
    }

    /// Something of it must be in memory when it is sent: of a large one the header alone, if there is one.
    pub(crate) fn is_read_to_be_sent(self) -> bool {
        !self.is_large() || self.header_bytes > 0
    }

    /// What it takes of the queue.
    fn queue_bytes(self) -> u64 {
        u64::from(self.bytes) + u64::from(self.header_bytes)
    }
}

/// What one outbox of a device has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The highest number on disk.
    pub(crate) committed: u64,
    /// The highest number taken in; those above `committed` wait for the disk.
    pub(crate) taken: u64,
    /// When it was last used, for forgetting the oldest.
    pub(crate) used_ms: i64,
}

/// One device of one peer.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) key: DeviceKey,
    pub(crate) credential: Credential,
    pub(crate) name: String,
    pub(crate) queue_epoch: u64,
    /// Everything up to here is acknowledged.
    pub(crate) cursor: u64,
    pub(crate) seen_ms: i64,
    pub(crate) connection: Option<ConnectionId>,
    /// What waits, ascending; the first `sent` of them are under way.
    pub(crate) queue: VecDeque<Waiting>,
    pub(crate) queue_bytes: u64,
    pub(crate) sent: usize,
    pub(crate) sent_bytes: u64,
    /// The highest arrival sent on this connection, still waiting or not.
    pub(crate) sent_through: u64,
    /// Entries are being read from the disk for it.
    pub(crate) fetching: bool,
    /// Something was not queued because too much waited; told at its next registration.
    pub(crate) overflowed: bool,
    pub(crate) outboxes: BTreeMap<u64, Mark>,
    /// The outbox it registered with.
    pub(crate) outbox_epoch: u64,
    /// Entries older than the device that waited for the peer when it came, ascending.
    pub(crate) inherited: Vec<u64>,
}

impl Device {
    pub(crate) fn new(key: DeviceKey, credential: Credential, name: String, queue_epoch: u64, seen_ms: i64) -> Self {
        Self {
            key,
            credential,
            name,
            queue_epoch,
            cursor: 0,
            seen_ms,
            connection: None,
            queue: VecDeque::new(),
            queue_bytes: 0,
            sent: 0,
            sent_bytes: 0,
            sent_through: 0,
            fetching: false,
            overflowed: false,
            outboxes: BTreeMap::new(),
            outbox_epoch: 0,
            inherited: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, arrival: u64, bytes: u32, header_bytes: u16) {
        debug_assert!(self.queue.back().is_none_or(|last| last.arrival < arrival));
        let waiting = Waiting { arrival, bytes, header_bytes };
        self.queue.push_back(waiting);
        self.queue_bytes += waiting.queue_bytes();
    }

    /// Whether an entry of that size, with the device's header, may wait too.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.queue_bytes + bytes <= limits::QUEUE_BYTES
    }

    /// Whether another entry of that size may go under way.
    pub(crate) fn window_has_room(&self, next: Waiting) -> bool {
        self.sent < limits::WINDOW_ENTRIES && self.sent_bytes + next.window_bytes() <= limits::WINDOW_BYTES
    }

    /// Takes the first entry off the queue if it is at most `arrival`.
    pub(crate) fn pop_through(&mut self, arrival: u64) -> Option<Waiting> {
        let first = *self.queue.front().filter(|first| first.arrival <= arrival)?;
        self.queue.pop_front();
        self.queue_bytes -= first.queue_bytes();
        if self.sent > 0 {
            self.sent -= 1;
            self.sent_bytes -= first.window_bytes();
        }
        Some(first)
    }

    /// Takes one entry out of the queue, wherever it is.
    pub(crate) fn remove(&mut self, arrival: u64) -> bool {
        let Ok(at) = self.queue.binary_search_by_key(&arrival, |waiting| waiting.arrival) else { return false };
        let Some(removed) = self.queue.remove(at) else { return false };
        self.queue_bytes -= removed.queue_bytes();
        if at < self.sent {
            self.sent -= 1;
            self.sent_bytes -= removed.window_bytes();
        }
        true
    }

    pub(crate) fn waits_for(&self, arrival: u64) -> bool {
        self.queue.binary_search_by_key(&arrival, |waiting| waiting.arrival).is_ok()
    }

    /// Nothing is under way any more: the connection is gone.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
        self.sent = 0;
        self.sent_bytes = 0;
        self.sent_through = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_take_no_more_memory_and_count() {
        assert_eq!(size_of::<Waiting>(), 16);
        let mut device = Device::new([1; 16], Credential([1; 16]), String::new(), 1, 0);
        device.push(1, 100_000, 1_000);
        device.push(2, 10, 0);
        assert_eq!((device.queue_bytes, device.queue[0].window_bytes()), (101_010, u64::from(limits::PIECE_BYTES) + 1_000));
        assert!(device.has_room(limits::QUEUE_BYTES - 101_010) && !device.has_room(limits::QUEUE_BYTES - 101_009));
        assert!(device.remove(2) && device.pop_through(1).is_some());
        assert_eq!(device.queue_bytes, 0);
    }
}
