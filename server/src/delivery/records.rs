//! From what the exchange wants kept to the records of the store.
//!
//! Most of what changes of a device is how far it has acknowledged. That alone is written as a cursor, which a full
//! disk takes too: so room is made there by those who read.

use std::collections::BTreeMap;

use bytes::Bytes;
use msr_delivery::{Batch, CommitError, DeviceIndex, StoredDevice, StoredMessage};
use msr_store::{Device, Message, Start, Storage, StoreError};
use tracing::{error, warn};

/// The store, and the devices as they stand in it.
pub(super) struct Records {
    storage: Box<dyn Storage>,
    devices: BTreeMap<u32, Device>,
}

impl Records {
    /// A store that holds these devices.
    pub(super) fn new(storage: Box<dyn Storage>, devices: BTreeMap<u32, Device>) -> Self {
        Self { storage, devices }
    }

    /// Makes a batch durable, all of it or nothing; what only makes room may be there when the rest did not fit.
    pub(super) fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        let (growing, freeing) = (self.growing(batch), self.freeing(batch));
        let result = self.storage.commit(&[growing, freeing.clone()]);
        match result {
            Ok(()) => {
                self.remember(batch);
                Ok(())
            }
            Err(StoreError::Full | StoreError::TooLarge) => {
                warn!("the disk is full");
                self.storage.commit(&[freeing]).or_else(|error| refusal(&error).map_or(Ok(()), Err))?;
                Err(CommitError::Full)
            }
            Err(error) => {
                error!(%error, "the store failed");
                Err(CommitError::Broken)
            }
        }
    }

    /// What takes room: messages with the marks that go with them, devices that are new or renamed, starts.
    fn growing(&self, batch: &Batch) -> msr_store::Batch {
        let mut out = msr_store::Batch::new();
        if let Some((id, first)) = batch.start {
            out.start(Start { id, first });
        }
        if let Some(below) = batch.reserve {
            out.reserve(below);
        }
        for message in &batch.messages {
            out.message(message_record(message));
        }
        for mark in &batch.marks {
            out.mark(mark.device.0, mark.outbox_epoch, mark.number);
        }
        for device in &batch.devices {
            let index = device.index.0;
            let record = device_record(device);
            match self.devices.get(&index) {
                Some(known) if differs_by_cursor_alone(known, &record) => {}
                Some(_) => drop(out.device(index, record)),
                None => {
                    out.device(index, record);
                    if !device.inherited.is_empty() {
                        out.share(index, device.inherited.as_slice());
                    }
                }
            }
        }
        out
    }

    /// What makes room, or takes none: acknowledgements, deletions, devices that are no more.
    fn freeing(&self, batch: &Batch) -> msr_store::Batch {
        let mut out = msr_store::Batch::new();
        for device in &batch.devices {
            if self.devices.get(&device.index.0).is_some_and(|known| known.cursor < device.cursor) {
                out.cursor(device.index.0, device.cursor);
            }
        }
        for arrival in &batch.deletes {
            out.delete(*arrival);
        }
        for index in &batch.retired {
            out.remove_device(index.0);
        }
        out
    }

    fn remember(&mut self, batch: &Batch) {
        for device in &batch.devices {
            self.devices.insert(device.index.0, device_record(device));
        }
        for index in &batch.retired {
            self.devices.remove(&index.0);
        }
    }
}

/// What is wrong for good, if it is.
fn refusal(error: &StoreError) -> Option<CommitError> {
    match error {
        StoreError::Full | StoreError::TooLarge => None,
        StoreError::Broken { .. } | StoreError::Damaged { .. } | StoreError::Version { .. } | StoreError::Locked => {
            error!(%error, "the store failed");
            Some(CommitError::Broken)
        }
    }
}

fn differs_by_cursor_alone(known: &Device, new: &Device) -> bool {
    let Device { id, credential, name, queue_epoch, cursor: _, last_seen_ms, overflowed } = known;
    *id == new.id
        && *credential == new.credential
        && *name == new.name
        && *queue_epoch == new.queue_epoch
        && *last_seen_ms == new.last_seen_ms
        && *overflowed == new.overflowed
}

fn device_record(device: &StoredDevice) -> Device {
    Device {
        id: device.key,
        credential: device.credential.0,
        name: device.name.clone(),
        queue_epoch: device.queue_epoch,
        cursor: device.cursor,
        last_seen_ms: u64::try_from(device.seen_ms).unwrap_or(0),
        overflowed: device.overflowed,
    }
}

fn message_record(message: &StoredMessage) -> Message {
    let header = |device: &DeviceIndex| Bytes::copy_from_slice(message.headers.of(*device));
    let headers = if message.headers.is_empty() { Box::default() } else { message.devices.iter().map(header).collect() };
    Message {
        arrival: message.arrival,
        expiry_ms: u64::try_from(message.expires_ms).unwrap_or(0),
        devices: message.devices.iter().map(|device| device.0).collect(),
        headers,
        entry: Bytes::from_owner(std::sync::Arc::clone(&message.entry)),
    }
}

#[cfg(test)]
mod tests {
    use msr_delivery::Headers;
    use msr_protocol::Credential;
    use msr_store::MemoryDisk;

    use super::*;

    fn device(cursor: u64, name: &str) -> StoredDevice {
        StoredDevice {
            index: DeviceIndex(3),
            key: [1; 16],
            credential: Credential([2; 16]),
            name: name.to_owned(),
            queue_epoch: 9,
            cursor,
            seen_ms: 5,
            overflowed: true,
            inherited: Vec::new(),
        }
    }

    fn batch(device: StoredDevice) -> Batch {
        Batch { devices: vec![device], ..Batch::default() }
    }

    #[test]
    fn an_acknowledgement_is_taken_by_a_full_disk() {
        let disk = MemoryDisk::new();
        let mut records = Records::new(Box::new(disk.open().0), BTreeMap::new());
        records.commit(&batch(device(1, "phone"))).unwrap();
        disk.set_full(true);
        records.commit(&batch(device(2, "phone"))).unwrap();
        let renamed = batch(device(3, "telephone"));
        assert_eq!(records.commit(&renamed), Err(CommitError::Full));
        let stored = &disk.copy().open().1.devices[&3];
        assert_eq!((stored.name.as_str(), stored.cursor, stored.overflowed), ("phone", 3, true));
        disk.set_full(false);
        records.commit(&renamed).unwrap();
        assert_eq!(disk.open().1.devices[&3].name, "telephone");
    }

    #[test]
    fn a_new_device_inherits_in_the_store_too() {
        let disk = MemoryDisk::new();
        let mut records = Records::new(Box::new(disk.open().0), BTreeMap::new());
        let entry: std::sync::Arc<[u8]> = b"entry".as_slice().into();
        let headers = Headers::new([(DeviceIndex(1), b"own".as_slice())].into_iter());
        let message = StoredMessage { arrival: 7, entry, expires_ms: 1, devices: Box::new([DeviceIndex(1)]), headers };
        let heir = StoredDevice { inherited: vec![7], ..device(0, "new") };
        records.commit(&Batch { messages: vec![message], devices: vec![heir], ..Batch::default() }).unwrap();
        let recovered = disk.open().1;
        let waiting = recovered.waiting.iter().next().unwrap();
        assert_eq!((waiting.devices, waiting.header_bytes), ([1, 3].as_slice(), [3, 0].as_slice()), "the new device has no header");
    }
}
