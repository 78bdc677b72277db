//! A store that keeps what was committed and nothing else.

use std::collections::BTreeMap;

use msr_delivery::{
    Batch, DeviceIndex, Exchange, Now, RecoveredMessage, Recovering, Recovery, StoredDevice, StoredMark, StoredMessage, limits,
};

#[derive(Default, Clone)]
pub(crate) struct Store {
    pub(crate) messages: BTreeMap<u64, StoredMessage>,
    devices: BTreeMap<DeviceIndex, StoredDevice>,
    marks: BTreeMap<(DeviceIndex, u64), u64>,
    starts: Vec<(u64, u64)>,
    reserved_until: u64,
    next_device: u32,
}

impl Store {
    pub(crate) fn commit(&mut self, batch: &Batch) {
        for message in &batch.messages {
            assert!(self.messages.insert(message.arrival, message.clone()).is_none(), "arrival {} used twice", message.arrival);
            assert!(message.arrival < self.reserved_until, "arrival {} was not reserved", message.arrival);
        }
        for arrival in &batch.deletes {
            self.messages.remove(arrival);
        }
        for StoredMark { device, outbox_epoch, number } in &batch.marks {
            let mark = self.marks.entry((*device, *outbox_epoch)).or_default();
            assert!(*mark < *number, "a mark must rise");
            *mark = *number;
        }
        for device in &batch.devices {
            self.next_device = self.next_device.max(device.index.0 + 1);
            self.devices.insert(device.index, device.clone());
        }
        for index in &batch.retired {
            self.devices.remove(index);
            self.marks.retain(|(device, _), _| device != index);
        }
        self.reserved_until = self.reserved_until.max(batch.reserve.unwrap_or(0));
        self.starts.extend(batch.start);
    }

    pub(crate) fn recover(&self, start: u64, now: Now) -> Exchange {
        let recovery = Recovery {
            devices: self.devices.values().cloned().collect(),
            marks: self
                .marks
                .iter()
                .map(|((device, outbox_epoch), number)| StoredMark { device: *device, outbox_epoch: *outbox_epoch, number: *number })
                .collect(),
            starts: self.starts.clone(),
            reserved_until: self.reserved_until,
            next_device: self.next_device,
        };
        let mut recovering = Recovering::new(recovery, start);
        for message in self.messages.values() {
            let StoredMessage { arrival, entry, expires_ms, devices, headers } = message;
            let head = &entry[..entry.len().min(limits::ENTRY_HEAD_BYTES)];
            let bytes = entry.len() as u32;
            let header_bytes: Vec<u16> = devices.iter().map(|device| headers.of(*device).len() as u16).collect();
            let (arrival, expires_ms, header_bytes) = (*arrival, *expires_ms, header_bytes.as_slice());
            recovering.message(RecoveredMessage { arrival, bytes, head, expires_ms, devices, header_bytes }, now);
        }
        recovering.finish()
    }
}
