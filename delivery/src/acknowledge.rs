//! A device has handled what it got.

use msr_protocol::Code;

use crate::{ConnectionId, DeviceIndex, Exchange, Now};

impl Exchange {
    /// Every entry up to `sequence` is handled. What a connection was never sent it cannot acknowledge: such a
    /// sequence, or one of a connection that was displaced, changes nothing.
    pub fn acknowledge(&mut self, connection: ConnectionId, sequence: u64, now: Now) {
        let Some(index) = self.device_of(connection) else { return };
        // The last one sent may have expired meanwhile: what counts is that it was sent.
        if self.devices.get(&index).is_some_and(|device| sequence <= device.sent_through) {
            self.acknowledge_through(index, sequence, now);
            self.pump(index);
        }
    }

    pub(crate) fn acknowledge_through(&mut self, index: DeviceIndex, sequence: u64, now: Now) {
        if let Some(device) = self.devices.get_mut(&index) {
            device.inherited.retain(|arrival| *arrival > sequence);
        }
        while let Some(device) = self.devices.get_mut(&index)
            && let Some(done) = device.pop_through(sequence)
        {
            device.cursor = done.arrival;
            self.open.touch(index);
            self.report_first_delivery(index, done.arrival, now);
            self.release(done.arrival);
        }
    }

    /// The first device of a recipient counts; the others change nothing for the sender.
    fn report_first_delivery(&mut self, index: DeviceIndex, arrival: u64, now: Now) {
        let Some(held) = self.held.get(&arrival) else { return };
        let Some(origin) = held.origin().filter(|_| held.counts(index)) else { return };
        let Some(credential) = self.devices.get(&index).map(|device| device.credential) else { return };
        let own_copy = !held.to_self && self.devices.get(&origin.device).is_some_and(|sender| sender.credential == credential);
        let siblings = held.counted().iter().filter(|other| **other != index).filter_map(|other| self.devices.get(other));
        let first = siblings.filter(|other| other.credential == credential).all(|other| other.waits_for(arrival));
        if first && !own_copy {
            self.report(origin, credential, Code::Done, now);
        }
    }

    /// One device less waits for the entry; after the last it is forgotten, and deleted if it is on disk.
    pub(crate) fn release(&mut self, arrival: u64) {
        let Some(held) = self.held.get_mut(&arrival) else { return };
        held.remaining -= 1;
        if held.remaining > 0 {
            return;
        }
        self.held.remove(&arrival);
        // Still in memory means not on disk yet: the batch leaves it out, or deletes it once it is written.
        if self.entries.remove(&arrival).is_none() {
            self.open.deletes.push(arrival);
        }
    }
}
