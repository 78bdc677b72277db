//! From the queue of a device onto its connection: in order, and never more than its window.

use std::sync::Arc;

use msr_protocol::Credential;
use msr_protocol::v2::{Frame, Varint};

use crate::device::Waiting;
use crate::held::Held;
use crate::{ConnectionId, DeviceIndex, Effect, Exchange, limits};

/// What stands in the way of sending the next entry.
enum Next {
    Send(Arc<[u8]>),
    SendInPieces,
    Fetch,
}

impl Exchange {
    /// Sends what waits for a device as far as its window goes; what is not in memory is fetched first.
    pub(crate) fn pump(&mut self, index: DeviceIndex) {
        while let Some((connection, next)) = self.next_to_send(index) {
            match self.how_to_send(next) {
                Next::Send(entry) => self.send(index, connection, next, entry),
                Next::SendInPieces => self.send_in_pieces(index, connection, next),
                Next::Fetch => return self.fetch(index),
            }
        }
    }

    fn next_to_send(&self, index: DeviceIndex) -> Option<(ConnectionId, Waiting)> {
        let device = self.devices.get(&index).filter(|device| !device.fetching)?;
        let next = *device.queue.get(device.sent)?;
        device.window_has_room(next).then_some((device.connection?, next))
    }

    fn how_to_send(&self, next: Waiting) -> Next {
        if next.bytes > limits::PIECE_BYTES {
            return Next::SendInPieces;
        }
        self.entries.get(&next.arrival).map_or(Next::Fetch, |entry| Next::Send(Arc::clone(entry)))
    }

    fn send(&mut self, index: DeviceIndex, connection: ConnectionId, next: Waiting, entry: Arc<[u8]>) {
        self.mark_sent(index, next);
        self.effects.push_back(Effect::Entry { connection, arrival: next.arrival, entry });
    }

    fn send_in_pieces(&mut self, index: DeviceIndex, connection: ConnectionId, next: Waiting) {
        self.mark_sent(index, next);
        let origin = self.held.get(&next.arrival).and_then(Held::origin);
        let sender = origin.and_then(|origin| self.devices.get(&origin.device)).map_or([0; 16], |sender| sender.key);
        self.effects.push_back(Effect::Large { connection, arrival: next.arrival, sender, bytes: next.bytes });
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
        let small = next.filter(|waiting| waiting.bytes <= limits::PIECE_BYTES && !self.entries.contains_key(&waiting.arrival));
        let arrivals = small.map(|waiting| waiting.arrival).collect();
        device.fetching = true;
        self.effects.push_back(Effect::Fetch { device: index, arrivals });
    }

    /// Entries read from the store, in the order in which they were asked for. One that the store does not have any
    /// more, though it should, is damage: the device is told of a gap at its next registration.
    pub fn fetched(&mut self, index: DeviceIndex, entries: Vec<(u64, Option<Arc<[u8]>>)>) {
        let Some(device) = self.devices.get_mut(&index) else { return };
        device.fetching = false;
        for (arrival, entry) in entries {
            // Between two that were fetched may stand some that were in memory, or travel in pieces.
            while let Some((connection, next)) = self.next_to_send(index).filter(|(_, next)| next.arrival < arrival) {
                match self.how_to_send(next) {
                    Next::Send(entry) => self.send(index, connection, next, entry),
                    Next::SendInPieces => self.send_in_pieces(index, connection, next),
                    Next::Fetch => break,
                }
            }
            match (self.next_to_send(index).filter(|(_, next)| next.arrival == arrival), entry) {
                (Some((connection, next)), Some(entry)) => self.send(index, connection, next, entry),
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
        self.entries.get(&arrival).cloned()
    }

    /// Tells the sender of a large message, if it is connected, how much of it a recipient has.
    pub fn progress(&mut self, recipient: Credential, arrival: u64, bytes: u64) {
        if let Some(origin) = self.held.get(&arrival).and_then(Held::origin) {
            self.frame_to(origin.device, &Frame::Progress { number: Varint(origin.number), recipient, bytes: Varint(bytes) });
        }
    }
}
