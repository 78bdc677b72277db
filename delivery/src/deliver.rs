//! From the queue of a device onto its connection: in order, and never more than its window.

use std::sync::Arc;

use msr_protocol::Credential;
use msr_protocol::v2::{Frame, Varint};

use crate::device::Waiting;
use crate::exchange::Unwritten;
use crate::held::Held;
use crate::{ConnectionId, DeviceIndex, Effect, Exchange, limits};

/// What stands in the way of sending the next entry.
enum Next {
    Send { entry: Arc<[u8]>, header: Box<[u8]> },
    SendInPieces { header: Box<[u8]> },
    Fetch,
}

/// Something to be read from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Of which entry.
    pub arrival: u64,
    /// How long the entry is.
    pub bytes: u32,
    /// It travels in pieces: the device's header is wanted alone.
    pub header_alone: bool,
}

/// What was read of it for one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The entry with the device's header.
    Entry {
        /// The encoded entry.
        entry: Arc<[u8]>,
        /// Empty when there is none.
        header: Box<[u8]>,
    },
    /// The device's header alone.
    Header(Box<[u8]>),
}

impl Exchange {
    /// Sends what waits for a device as far as its window goes; what is not in memory is fetched first.
    pub(crate) fn pump(&mut self, index: DeviceIndex) {
        while let Some((connection, next)) = self.next_to_send(index) {
            match self.how_to_send(index, next) {
                Next::Send { entry, header } => self.send(index, connection, next, entry, header),
                Next::SendInPieces { header } => self.send_in_pieces(index, connection, next, header),
                Next::Fetch => return self.fetch(index),
            }
        }
    }

    fn next_to_send(&self, index: DeviceIndex) -> Option<(ConnectionId, Waiting)> {
        let device = self.devices.get(&index).filter(|device| !device.fetching)?;
        let next = *device.queue.get(device.sent)?;
        device.window_has_room(next).then_some((device.connection?, next))
    }

    fn how_to_send(&self, index: DeviceIndex, next: Waiting) -> Next {
        if next.is_large() && next.header_bytes == 0 {
            return Next::SendInPieces { header: Box::default() };
        }
        let Some(Unwritten { entry, headers }) = self.entries.get(&next.arrival) else { return Next::Fetch };
        let header = Box::from(headers.of(index));
        if next.is_large() { Next::SendInPieces { header } } else { Next::Send { entry: Arc::clone(entry), header } }
    }

    fn send(&mut self, index: DeviceIndex, connection: ConnectionId, next: Waiting, entry: Arc<[u8]>, header: Box<[u8]>) {
        self.mark_sent(index, next);
        self.effects.push_back(Effect::Entry { connection, arrival: next.arrival, entry, header });
    }

    fn send_in_pieces(&mut self, index: DeviceIndex, connection: ConnectionId, next: Waiting, header: Box<[u8]>) {
        self.mark_sent(index, next);
        let origin = self.held.get(&next.arrival).and_then(Held::origin);
        let sender = origin.and_then(|origin| self.devices.get(&origin.device)).map_or([0; 16], |sender| sender.key);
        self.effects.push_back(Effect::Large { connection, arrival: next.arrival, sender, bytes: next.bytes, header });
    }

    fn mark_sent(&mut self, index: DeviceIndex, next: Waiting) {
        if let Some(device) = self.devices.get_mut(&index) {
            device.sent += 1;
            device.sent_bytes += next.window_bytes();
            device.sent_through = next.arrival;
        }
    }

    fn fetch(&mut self, index: DeviceIndex) {
        let Some(device) = self.devices.get_mut(&index) else { return };
        let next = device.queue.iter().skip(device.sent).take(limits::FETCH_ENTRIES);
        let missing = next.filter(|waiting| waiting.is_read_to_be_sent() && !self.entries.contains_key(&waiting.arrival));
        let wanted = |waiting: &Waiting| Wanted { arrival: waiting.arrival, bytes: waiting.bytes, header_alone: waiting.is_large() };
        let wanted = missing.map(wanted).collect();
        device.fetching = true;
        self.effects.push_back(Effect::Fetch { device: index, wanted });
    }

    /// What was read from the store, in the order in which it was asked for. One that the store does not have any
    /// more, though it should, is damage: the device is told of a gap at its next registration.
    pub fn fetched(&mut self, index: DeviceIndex, read: Vec<(u64, Option<Fetched>)>) {
        let Some(device) = self.devices.get_mut(&index) else { return };
        device.fetching = false;
        for (arrival, fetched) in read {
            // Between two that were fetched may stand some that were in memory, or travel in pieces.
            while let Some((connection, next)) = self.next_to_send(index).filter(|(_, next)| next.arrival < arrival) {
                match self.how_to_send(index, next) {
                    Next::Send { entry, header } => self.send(index, connection, next, entry, header),
                    Next::SendInPieces { header } => self.send_in_pieces(index, connection, next, header),
                    Next::Fetch => break,
                }
            }
            match (self.next_to_send(index).filter(|(_, next)| next.arrival == arrival), fetched) {
                (Some((connection, next)), Some(Fetched::Entry { entry, header })) => self.send(index, connection, next, entry, header),
                (Some((connection, next)), Some(Fetched::Header(header))) => self.send_in_pieces(index, connection, next, header),
                (_, None) => self.lose(index, arrival),
                (None, Some(_)) => {}
            }
        }
        self.pump(index);
    }

    /// An entry that should be in the store is not, or cannot be read.
    pub fn lose(&mut self, index: DeviceIndex, arrival: u64) {
        let Some(device) = self.devices.get_mut(&index) else { return };
        if device.remove(arrival) {
            device.overflowed = true;
            self.open.touch(index);
            self.release(arrival);
        }
    }

    /// The bytes of an entry that is not on disk yet.
    #[must_use]
    pub fn uncommitted(&self, arrival: u64) -> Option<Arc<[u8]>> {
        self.entries.get(&arrival).map(|unwritten| Arc::clone(&unwritten.entry))
    }

    /// Tells the sender of a large message, if it is connected, how much of it a recipient has.
    pub fn progress(&mut self, recipient: Credential, arrival: u64, bytes: u64) {
        if let Some(origin) = self.held.get(&arrival).and_then(Held::origin) {
            self.frame_to(origin.device, &Frame::Progress { number: Varint(origin.number), recipient, bytes: Varint(bytes) });
        }
    }
}
