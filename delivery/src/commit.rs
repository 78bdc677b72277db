//! What goes to the disk, and what follows when it is there.
//!
//! One batch is written at a time; meanwhile the next one fills. So a batch waits for nothing but the one before it,
//! and under load many messages share an fsync.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use msr_protocol::v2::{Exception, Frame, List, Varint};
use msr_protocol::{Code, Credential};

use crate::{ConnectionId, DeviceIndex, DeviceKey, Effect, Exchange, Headers, Origin};

/// A message as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its key.
    pub arrival: u64,
    /// The entry as it goes on the wire.
    pub entry: Arc<[u8]>,
    /// When it expires, ms since 1970.
    pub expires_ms: i64,
    /// For whom it is.
    pub devices: Box<[DeviceIndex]>,
    /// What each of them gets beside it.
    pub headers: Headers,
}

impl StoredMessage {
    /// What it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.entry.len() as u64 + self.headers.bytes()
    }
}

/// A device as it stands in the store, without what changes with each message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// Its key.
    pub index: DeviceIndex,
    /// The id it chose.
    pub key: DeviceKey,
    /// Whose it is.
    pub credential: Credential,
    /// What a person calls it.
    pub name: String,
    /// The epoch of its queue.
    pub queue_epoch: u64,
    /// Everything up to here is acknowledged.
    pub cursor: u64,
    /// When it was last connected, ms since 1970.
    pub seen_ms: i64,
    /// Whether something was not queued for want of room, and it has not been told.
    pub overflowed: bool,
    /// Entries older than the device that waited for the peer when it came.
    pub inherited: Vec<u64>,
}

/// The highest number accepted from one outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredMark {
    /// The sending device.
    pub device: DeviceIndex,
    /// Its outbox epoch.
    pub outbox_epoch: u64,
    /// The number.
    pub number: u64,
}

/// Everything one write makes durable, all or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// New messages, ascending.
    pub messages: Vec<StoredMessage>,
    /// Messages nobody waits for any more.
    pub deletes: Vec<u64>,
    /// Marks that rose.
    pub marks: Vec<StoredMark>,
    /// Devices that are new, changed or acknowledged something.
    pub devices: Vec<StoredDevice>,
    /// Devices that are no more.
    pub retired: Vec<DeviceIndex>,
    /// Arrivals below this may be used from now on.
    pub reserve: Option<u64>,
    /// A start of the server: its id and first arrival.
    pub start: Option<(u64, u64)>,
}

/// Why a batch is not on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// No room; nothing of the batch is there, and the next one may fit.
    #[error("the disk is full")]
    Full,
    /// The disk failed; nothing can be promised any more.
    #[error("the disk failed")]
    Broken,
}

/// A message whose sender waits to hear that it is on disk.
#[derive(Debug, Clone)]
pub(crate) struct Acceptance {
    pub(crate) origin: Origin,
    pub(crate) timestamp_ms: i64,
    pub(crate) exceptions: Vec<Exception>,
    /// `None` when no device gets it.
    pub(crate) arrival: Option<u64>,
    pub(crate) version_1: Option<Version1>,
}

/// Who gets a message in version 1 once it is accepted.
#[derive(Debug, Clone)]
pub(crate) struct Version1 {
    pub(crate) entry: Arc<[u8]>,
    pub(crate) live: Vec<Credential>,
}

/// The batch that fills.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) messages: Vec<StoredMessage>,
    pub(crate) deletes: Vec<u64>,
    pub(crate) acceptances: Vec<Acceptance>,
    pub(crate) devices: BTreeSet<DeviceIndex>,
    pub(crate) retired: Vec<DeviceIndex>,
    pub(crate) reserve: Option<u64>,
    pub(crate) start: Option<(u64, u64)>,
    /// The bytes of `messages`.
    pub(crate) bytes: u64,
}

/// The batch that is being written.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) batch: Batch,
    pub(crate) acceptances: Vec<Acceptance>,
    /// The bytes of its messages.
    bytes: u64,
}

impl Open {
    /// The device's record has changed.
    pub(crate) fn touch(&mut self, device: DeviceIndex) {
        self.devices.insert(device);
    }

    fn is_empty(&self) -> bool {
        let Self { messages, deletes, acceptances, devices, retired, reserve, start, bytes: _ } = self;
        messages.is_empty()
            && deletes.is_empty()
            && acceptances.is_empty()
            && devices.is_empty()
            && retired.is_empty()
            && reserve.is_none()
            && start.is_none()
    }
}

impl Exchange {
    /// Whether there is something to write, and nothing is being written.
    #[must_use]
    pub fn has_batch(&self) -> bool {
        self.writing.is_none() && !self.open.is_empty()
    }

    /// Whether everything is on disk that should be.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.writing.is_none() && self.open.is_empty()
    }

    /// The bytes of all messages that wait for the disk.
    #[must_use]
    pub fn unwritten_bytes(&self) -> u64 {
        self.open.bytes + self.writing.as_ref().map_or(0, |writing| writing.bytes)
    }

    /// How many messages of a connection's device wait for the disk.
    #[must_use]
    pub fn uncommitted_messages(&self, connection: ConnectionId) -> u64 {
        let device = self.device_of(connection).and_then(|index| self.devices.get(&index));
        let mark = device.and_then(|device| device.outboxes.get(&device.outbox_epoch));
        mark.map_or(0, |mark| mark.taken - mark.committed)
    }

    /// What to write next; `None` while a batch is being written or when there is nothing. Answer it with
    /// [`Exchange::committed`].
    pub fn take_batch(&mut self) -> Option<Batch> {
        if self.writing.is_some() || self.open.is_empty() {
            return None;
        }
        let mut open = std::mem::take(&mut self.open);
        // Whoever acknowledged before it was written saved writing it.
        open.messages.retain(|message| self.held.contains_key(&message.arrival));
        let origins = open.acceptances.iter().map(|acceptance| acceptance.origin);
        let marks: BTreeMap<_, _> = origins.map(|origin| ((origin.device, origin.outbox_epoch), origin.number)).collect();
        let batch = Batch {
            messages: open.messages,
            deletes: open.deletes,
            marks: marks.into_iter().map(|((device, outbox_epoch), number)| StoredMark { device, outbox_epoch, number }).collect(),
            devices: open.devices.iter().filter_map(|index| self.stored_device(*index)).collect(),
            retired: open.retired,
            reserve: open.reserve,
            start: open.start,
        };
        self.writing = Some(Writing { batch: batch.clone(), acceptances: open.acceptances, bytes: open.bytes });
        Some(batch)
    }

    fn stored_device(&self, index: DeviceIndex) -> Option<StoredDevice> {
        let device = self.devices.get(&index)?;
        Some(StoredDevice {
            index,
            key: device.key,
            credential: device.credential,
            name: device.name.clone(),
            queue_epoch: device.queue_epoch,
            cursor: device.cursor,
            seen_ms: device.seen_ms,
            overflowed: device.overflowed,
            inherited: device.inherited.clone(),
        })
    }

    /// The batch is on disk, or is not.
    pub fn committed(&mut self, result: Result<(), CommitError>) {
        let Some(writing) = self.writing.take() else { return };
        match result {
            Ok(()) => self.batch_is_kept(writing),
            Err(CommitError::Full) => self.batch_did_not_fit(writing),
            Err(CommitError::Broken) => self.disk_is_broken(writing),
        }
    }

    fn batch_is_kept(&mut self, writing: Writing) {
        if let Some(reserve) = writing.batch.reserve {
            self.reserved_until = self.reserved_until.max(reserve);
        }
        for message in &writing.batch.messages {
            self.entries.remove(&message.arrival);
            // Acknowledged by all while it was being written: nothing in the open batch knows that it is on disk now.
            if !self.held.contains_key(&message.arrival) {
                self.open.deletes.push(message.arrival);
            }
        }
        for acceptance in writing.acceptances {
            let origin = acceptance.origin;
            if let Some(mark) = self.mark_mut(origin.device, origin.outbox_epoch) {
                mark.committed = origin.number;
            }
            self.tell_accepted(&acceptance);
            if let Some(Version1 { entry, live }) = acceptance.version_1 {
                self.effects.push_back(Effect::Version1 { origin, entry, live });
            }
        }
    }

    pub(crate) fn tell_accepted(&mut self, acceptance: &Acceptance) {
        let Acceptance { origin, timestamp_ms, exceptions, .. } = acceptance;
        let (number, exceptions) = (Varint(origin.number), List(exceptions.clone()));
        self.frame_to(origin.device, &Frame::Accepted { number, timestamp_ms: *timestamp_ms, exceptions });
    }

    /// Takes back every message that is not on disk, those of the batch that fills too: their numbers follow on the
    /// refused ones. What the batch said of acknowledgements and devices is said again by the next; receipts stay.
    fn batch_did_not_fit(&mut self, writing: Writing) {
        let Writing { batch, acceptances, bytes: _ } = writing;
        let later = std::mem::take(&mut self.open.acceptances);
        let mut devices = BTreeSet::new();
        for acceptance in acceptances.into_iter().chain(later) {
            self.take_back(&acceptance, Code::StoreFull, &mut devices);
        }
        let receipts = batch.messages.into_iter().chain(std::mem::take(&mut self.open.messages));
        self.open.messages = receipts.filter(|message| self.held.contains_key(&message.arrival)).collect();
        self.open.bytes = self.open.messages.iter().map(StoredMessage::bytes).sum();
        self.open.deletes.extend(batch.deletes);
        self.open.devices.extend(batch.devices.iter().map(|device| device.index));
        self.open.retired.extend(batch.retired);
        self.open.reserve = self.open.reserve.max(batch.reserve);
        self.open.start = self.open.start.or(batch.start);
        for device in devices {
            self.pump(device);
        }
    }

    /// Takes back one message; `devices` are those it was for, where what is left may move up.
    fn take_back(&mut self, acceptance: &Acceptance, code: Code, devices: &mut BTreeSet<DeviceIndex>) {
        if let Some(held) = acceptance.arrival.and_then(|arrival| self.held.remove(&arrival))
            && let Some(arrival) = acceptance.arrival
        {
            self.entries.remove(&arrival);
            for index in held.devices() {
                if let Some(device) = self.devices.get_mut(index) {
                    device.remove(arrival);
                }
            }
            devices.extend(held.devices());
        }
        let origin = acceptance.origin;
        if let Some(mark) = self.mark_mut(origin.device, origin.outbox_epoch) {
            mark.taken = mark.committed;
        }
        let number = Varint(origin.number);
        self.frame_to(origin.device, &Frame::Rejected { number, code: code.number(), reason: code.reason() });
    }

    /// Nothing is ever accepted again: a later write that seems to work proves nothing.
    fn disk_is_broken(&mut self, writing: Writing) {
        self.broken = true;
        let later = std::mem::take(&mut self.open.acceptances);
        for acceptance in writing.acceptances.into_iter().chain(later) {
            self.take_back(&acceptance, Code::StoreBroken, &mut BTreeSet::new());
        }
    }

    /// Whether the disk has failed for good.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }
}
