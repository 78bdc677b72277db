//! From what a store holds back to what was known before the stop.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};

use msr_protocol::Credential;
use msr_protocol::v2::{Field, MessageId, Varint, flags as bits};

use crate::commit::{Open, StoredDevice, StoredMark};
use crate::device::{Device, Mark};
use crate::held::{ByArrival, Held};
use crate::{DeviceIndex, Exchange, Now, Origin, limits};

/// All that a store holds beside its messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Every device.
    pub devices: Vec<StoredDevice>,
    /// Every mark.
    pub marks: Vec<StoredMark>,
    /// Every start: its id and first arrival, ascending.
    pub starts: Vec<(u64, u64)>,
    /// Arrivals below this may have been used.
    pub reserved_until: u64,
    /// Device indexes below this have been given.
    pub next_device: u32,
}

/// One message of the store, its bytes borrowed while it is looked at.
#[derive(Debug, Clone, Copy)]
pub struct RecoveredMessage<'a> {
    /// Its key.
    pub arrival: u64,
    /// The length of the entry.
    pub bytes: u32,
    /// The entry, or its first [`limits::ENTRY_HEAD_BYTES`]: who sent it to whom.
    pub head: &'a [u8],
    /// When it expires, ms since 1970.
    pub expires_ms: i64,
    /// For whom it was.
    pub devices: &'a [DeviceIndex],
    /// How long the header of each of them is, bytes; those it does not reach have none.
    pub header_bytes: &'a [u16],
}

/// An exchange that is being filled with the messages of its store.
#[derive(Debug)]
pub struct Recovering {
    exchange: Exchange,
    /// Which devices inherited an entry that was there before them.
    heirs: HashMap<u64, Vec<DeviceIndex>>,
}

impl Recovering {
    /// The exchange of a server that starts now under a random `start` id. Hand it every message of the store, in
    /// ascending order; write the first batch before anybody is served.
    #[must_use]
    pub fn new(recovery: Recovery, start: u64) -> Self {
        let first = recovery.reserved_until.max(1);
        let mut starts = recovery.starts;
        starts.push((start, first));
        let mut exchange = Exchange {
            devices: HashMap::new(),
            by_key: HashMap::new(),
            by_peer: HashMap::new(),
            by_connection: HashMap::new(),
            held: ByArrival::default(),
            entries: ByArrival::default(),
            expiries: BinaryHeap::new(),
            next_device: recovery.next_device,
            next_arrival: first,
            reserved_until: first,
            starts,
            open: Open { start: Some((start, first)), reserve: Some(first + limits::RESERVED_ARRIVALS), ..Open::default() },
            writing: None,
            broken: false,
            effects: VecDeque::new(),
            revisions: BTreeMap::new(),
            retiring: BTreeMap::new(),
        };
        let mut heirs: HashMap<u64, Vec<DeviceIndex>> = HashMap::new();
        for device in recovery.devices {
            for arrival in &device.inherited {
                heirs.entry(*arrival).or_default().push(device.index);
            }
            exchange.recover_device(device);
        }
        for StoredMark { device, outbox_epoch, number } in recovery.marks {
            if let Some(device) = exchange.devices.get_mut(&device) {
                device.outboxes.insert(outbox_epoch, Mark { committed: number, taken: number, used_ms: device.seen_ms });
            }
        }
        Self { exchange, heirs }
    }

    /// One message of the store, in ascending order of arrival.
    pub fn message(&mut self, message: RecoveredMessage<'_>, now: Now) {
        let heirs = self.heirs.remove(&message.arrival).unwrap_or_default();
        self.exchange.recover_message(message, &heirs, now);
    }

    /// All messages were handed over.
    #[must_use]
    pub fn finish(self) -> Exchange {
        self.exchange
    }
}

impl Exchange {
    fn recover_device(&mut self, stored: StoredDevice) {
        let mut device = Device::new(stored.key, stored.credential, stored.name, stored.queue_epoch, stored.seen_ms);
        device.cursor = stored.cursor;
        device.overflowed = stored.overflowed;
        device.inherited = stored.inherited;
        self.next_device = self.next_device.max(stored.index.0 + 1);
        self.by_key.insert(stored.key, stored.index);
        self.by_peer.entry(stored.credential).or_default().push(stored.index);
        self.devices.insert(stored.index, device);
    }

    fn recover_message(&mut self, message: RecoveredMessage<'_>, heirs: &[DeviceIndex], now: Now) {
        let RecoveredMessage { arrival, bytes, head, expires_ms, devices, header_bytes } = message;
        let with_heirs: Vec<DeviceIndex>;
        let devices = if heirs.is_empty() {
            devices
        } else {
            with_heirs = devices.iter().chain(heirs).copied().collect();
            &with_heirs
        };
        let mut remaining = 0;
        let keyed = devices.iter().zip(header_bytes).filter(|(_, bytes)| **bytes > 0).map(|(index, _)| *index);
        let keyed: BTreeSet<DeviceIndex> = keyed.collect();
        let header_bytes_of = header_bytes.iter().copied().chain(std::iter::repeat(0));
        for (index, header_bytes) in devices.iter().zip(header_bytes_of) {
            if let Some(device) = self.devices.get_mut(index).filter(|device| device.cursor < arrival) {
                device.push(arrival, bytes, header_bytes);
                remaining += 1;
            }
        }
        if remaining == 0 {
            return self.open.deletes.push(arrival);
        }
        let mut held = match Sent::read(head) {
            Some(sent) => {
                let sender = self.by_key.get(&sent.id.device);
                let origin = sender.map(|device| Origin { device: *device, outbox_epoch: sent.id.outbox_epoch, number: sent.id.number.0 });
                let held = Held::message(bytes, devices, origin, sent.to_self, sent.is_targeted);
                if sent.is_sealed { held.sealed_for(|device| keyed.contains(&device)) } else { held }
            }
            None => Held::receipt(bytes, devices),
        };
        self.expiries.push(Reverse((now.monotonic_ms + (expires_ms - now.wall_ms).max(0), arrival)));
        held.remaining = remaining;
        self.held.insert(arrival, held);
    }
}

/// What the head of a message says of its sender.
struct Sent {
    id: MessageId,
    to_self: bool,
    is_targeted: bool,
    is_sealed: bool,
}

impl Sent {
    /// Reads the fields of a [`Delivery`](msr_protocol::v2::Delivery) up to its recipients; `None` of a receipt.
    fn read(mut head: &[u8]) -> Option<Self> {
        let bytes = &mut head;
        let is_message = u8::read(bytes).ok()? == 0;
        let from = is_message.then(|| Credential::read(bytes).ok())??;
        let id = MessageId::read(bytes).ok()?;
        let (_timestamp_ms, flags) = (i64::read(bytes).ok()?, u8::read(bytes).ok()?);
        let recipients = Varint::read(bytes).ok()?.0;
        let to_self = (0..recipients).map_while(|_| Credential::read(bytes).ok()).any(|recipient| recipient == from);
        Some(Self { id, to_self, is_targeted: flags & bits::TARGETED != 0, is_sealed: flags & bits::SEALED != 0 })
    }
}
