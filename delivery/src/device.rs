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
    pub(crate) bytes: u32,
}

impl Waiting {
    /// What it takes of the window.
    pub(crate) fn window_bytes(self) -> u64 {
        u64::from(self.bytes.min(limits::PIECE_BYTES))
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

    pub(crate) fn push(&mut self, arrival: u64, bytes: u32) {
        debug_assert!(self.queue.back().is_none_or(|last| last.arrival < arrival));
        self.queue.push_back(Waiting { arrival, bytes });
        self.queue_bytes += u64::from(bytes);
    }

    pub(crate) fn has_room(&self, bytes: u32) -> bool {
        self.queue_bytes + u64::from(bytes) <= limits::QUEUE_BYTES
    }

    /// Whether another entry of that size may go under way.
    pub(crate) fn window_has_room(&self, next: Waiting) -> bool {
        self.sent < limits::WINDOW_ENTRIES && self.sent_bytes + next.window_bytes() <= limits::WINDOW_BYTES
    }

    /// Takes the first entry off the queue if it is at most `arrival`.
    pub(crate) fn pop_through(&mut self, arrival: u64) -> Option<Waiting> {
        let first = *self.queue.front().filter(|first| first.arrival <= arrival)?;
        self.queue.pop_front();
        self.queue_bytes -= u64::from(first.bytes);
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
        self.queue_bytes -= u64::from(removed.bytes);
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
