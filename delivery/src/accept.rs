//! A message comes in: numbered by its device, queued for every device it is for, told when it is on disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use msr_protocol::v2::{DeviceHeader, Entry, Exception, Field, Frame, MessageId, Receipt, Varint, flags};
use msr_protocol::{Code, Credential};

use crate::commit::{Acceptance, StoredMessage, Version1};
use crate::device::Mark;
use crate::exchange::Unwritten;
use crate::held::Held;
use crate::passing::delivery;
use crate::{ConnectionId, DeviceIndex, Exchange, Headers, Lists, Now, Origin, limits};

/// A message as its sender's connection read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered<'a> {
    /// Counts up by one in the outbox.
    pub number: u64,
    /// As on the wire.
    pub flags: u8,
    /// How long it is kept, ms.
    pub expire_after_ms: u64,
    /// For whom it is.
    pub recipients: Vec<Credential>,
    /// What single devices get beside it, ascending, each device once.
    pub device_headers: Vec<DeviceHeader<'a>>,
    /// What it replies to.
    pub reply_to: Option<MessageId>,
    /// JSON string.
    pub subject: &'a str,
    /// The payload, unread.
    pub payload: &'a [u8],
    /// Which of the recipients, and the sender, are connected in version 1 now: known, though they may have no device.
    pub live: &'a BTreeSet<Credential>,
    /// Whether the message can be said in version 1; if not, who is there alone does not get it.
    pub sayable_in_version_1: bool,
}

/// Where a message goes.
struct Destinations {
    devices: Vec<DeviceIndex>,
    exceptions: Vec<Exception>,
    to_self: bool,
}

impl Exchange {
    /// A device sent a message in the outbox it registered with. The answer comes when the message is on disk, at once
    /// when it already is, or when it cannot be taken. A number without recipients stands for a message that was taken
    /// back. Realtime messages have no number and no answer. A sealed message that is new must fit the lists as they are now.
    pub fn offer(&mut self, connection: ConnectionId, offered: &Offered<'_>, lists: &dyn Lists, now: Now) {
        if offered.has(flags::REALTIME) {
            return self.realtime(connection, offered, now);
        }
        let Some((index, outbox_epoch)) = self.sender(connection) else { return };
        let mark = self.mark_mut(index, outbox_epoch).map_or_else(Mark::default, |mark| *mark);
        let again = offered.number <= mark.committed;
        let refused = if self.broken {
            Some(Code::StoreBroken)
        } else if offered.recipients.len() > msr_protocol::limits::RECIPIENTS {
            Some(Code::TooManyRecipients)
        } else if offered.number > mark.taken + 1 || offered.number == 0 {
            Some(Code::OutOfOrder)
        } else if !again
            && (mark.taken - mark.committed >= limits::UNCOMMITTED_MESSAGES as u64
                || self.next_arrival + 2 >= self.reserved_until
                || self.unwritten_bytes() >= limits::UNWRITTEN_BYTES)
        {
            Some(Code::RateLimited)
        } else {
            None
        };
        if let Some(code) = refused {
            return self.frame(connection, &Frame::Rejected { number: Varint(offered.number), code: code.number(), reason: code.reason() });
        }
        if offered.number > mark.taken {
            if !self.refuse_if_stale(connection, index, offered, lists) {
                self.take_in(index, outbox_epoch, offered, now);
            }
        } else if again {
            let exceptions = self.unknown_among(offered);
            let origin = Origin { device: index, outbox_epoch, number: offered.number };
            self.tell_accepted(&Acceptance { origin, timestamp_ms: now.wall_ms, exceptions, arrival: None, version_1: None });
        }
        // Between the two marks it is on its way to the disk, and its answer with it.
    }

    fn take_in(&mut self, index: DeviceIndex, outbox_epoch: u64, offered: &Offered<'_>, now: Now) {
        let Some(sender) = self.devices.get(&index) else { return };
        let (from, key) = (sender.credential, sender.key);
        let id = MessageId { device: key, outbox_epoch, number: Varint(offered.number) };
        let entry = encode(&Entry::Message(delivery(from, id, offered, now)));
        let Destinations { devices, exceptions, to_self } = self.destinations(index, from, offered, entry.len() as u64);
        let origin = Origin { device: index, outbox_epoch, number: offered.number };
        let version_1 = (offered.sayable_in_version_1 && !offered.live.is_empty())
            .then(|| Version1 { entry: Arc::clone(&entry), live: offered.live.iter().copied().collect() });
        let is_targeted = offered.has(flags::TARGETED);
        let arrival = (!devices.is_empty()).then(|| {
            let headers = self.headers(&devices, offered);
            let keyed = offered.has(flags::SEALED).then(|| headers.clone());
            let held = |bytes, devices: &[DeviceIndex]| {
                let held = Held::message(bytes, devices, Some(origin), to_self, is_targeted);
                match keyed {
                    Some(headers) => held.sealed_for(|device| !headers.of(device).is_empty()),
                    None => held,
                }
            };
            self.enqueue(entry, devices, headers, held, offered.expire_after_ms, now)
        });
        if let Some(mark) = self.mark_mut(index, outbox_epoch) {
            mark.taken = offered.number;
            mark.used_ms = now.wall_ms;
        }
        self.open.acceptances.push(Acceptance { origin, timestamp_ms: now.wall_ms, exceptions, arrival, version_1 });
    }

    /// Every device with room of every recipient, and the sender's other devices.
    fn destinations(&mut self, sender: DeviceIndex, from: Credential, offered: &Offered<'_>, bytes: u64) -> Destinations {
        let recipients = &offered.recipients;
        let mut exceptions = Vec::new();
        let mut devices = Vec::new();
        for (place, recipient) in recipients.iter().enumerate() {
            let before = devices.len();
            let theirs = self.by_peer.get(recipient).cloned().unwrap_or_default();
            let mut has_one = false;
            for &device in &theirs {
                has_one |= self.add_destination(device, offered, bytes, &mut devices);
            }
            let live = offered.live.contains(recipient);
            if devices.len() > before || (live && offered.sayable_in_version_1) {
                continue;
            }
            let code = match (theirs.is_empty(), live) {
                (true, true) => Code::NotInVersion1,
                (true, false) => Code::UnknownRecipient,
                // The devices it was for are no more.
                (false, _) if !has_one => Code::DeviceRetired,
                (false, _) => Code::QueueFull,
            };
            exceptions.push(Exception { recipient: Varint(place as u64), code: code.number() });
        }
        let to_self = recipients.contains(&from);
        if !to_self && !recipients.is_empty() {
            for device in self.by_peer.get(&from).cloned().unwrap_or_default() {
                if device != sender {
                    self.add_destination(device, offered, bytes, &mut devices);
                }
            }
        }
        devices.sort_unstable();
        devices.dedup();
        Destinations { devices, exceptions, to_self }
    }

    /// A device of a recipient or of the sender gets the message, unless there is no room. Whether it is for that device at all.
    fn add_destination(&mut self, index: DeviceIndex, offered: &Offered<'_>, bytes: u64, devices: &mut Vec<DeviceIndex>) -> bool {
        let mut header_bytes = 0;
        if !offered.is_same_for_all() {
            let Some(header) = self.devices.get(&index).and_then(|device| offered.header_for(device)) else { return false };
            header_bytes = header.len() as u64;
        }
        self.add_if_room(index, bytes + header_bytes, devices);
        true
    }

    /// What each of these devices, ascending, gets beside the entry.
    fn headers(&self, devices: &[DeviceIndex], offered: &Offered<'_>) -> Headers {
        if offered.is_same_for_all() {
            return Headers::default();
        }
        let own = |index: &DeviceIndex| Some((*index, offered.header_for(self.devices.get(index)?)?));
        Headers::new(devices.iter().filter_map(own))
    }

    pub(crate) fn add_if_room(&mut self, index: DeviceIndex, bytes: u64, devices: &mut Vec<DeviceIndex>) {
        let Some(device) = self.devices.get_mut(&index) else { return };
        if device.has_room(bytes) {
            devices.push(index);
        } else if !device.overflowed {
            device.overflowed = true;
            self.open.touch(index);
        }
    }

    fn unknown_among(&self, offered: &Offered<'_>) -> Vec<Exception> {
        let known = |recipient: &Credential| self.knows(*recipient) || offered.live.contains(recipient);
        let unknown = offered.recipients.iter().enumerate().filter(|(_, recipient)| !known(recipient));
        unknown.map(|(place, _)| Exception { recipient: Varint(place as u64), code: Code::UnknownRecipient.number() }).collect()
    }

    /// The next arrival, and sees to it that there are always enough reserved on disk.
    pub(crate) fn new_arrival(&mut self) -> u64 {
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        if self.reserved_until.saturating_sub(self.next_arrival) < limits::RESERVED_ARRIVALS / 2 && self.open.reserve.is_none() {
            self.open.reserve = Some(self.next_arrival + limits::RESERVED_ARRIVALS);
        }
        arrival
    }

    /// Gives an entry its arrival, queues it, and starts sending it.
    pub(crate) fn enqueue(
        &mut self,
        entry: Arc<[u8]>,
        devices: Vec<DeviceIndex>,
        headers: Headers,
        held: impl FnOnce(u32, &[DeviceIndex]) -> Held,
        expire_after_ms: u64,
        now: Now,
    ) -> u64 {
        let arrival = self.new_arrival();
        let keep_ms = i64::try_from(expire_after_ms.min(limits::EXPIRE_AFTER_MAX_MS)).unwrap_or(0);
        let bytes = size_of_entry(&entry);
        let devices: Box<[DeviceIndex]> = devices.into();
        self.held.insert(arrival, held(bytes, &devices));
        self.expire_at(now.monotonic_ms + keep_ms, arrival);
        self.entries.insert(arrival, Unwritten { entry: Arc::clone(&entry), headers: headers.clone() });
        let stored =
            StoredMessage { arrival, entry, expires_ms: now.wall_ms + keep_ms, devices: devices.clone(), headers: headers.clone() };
        self.open.bytes += stored.bytes();
        self.open.messages.push(stored);
        for index in devices {
            if let Some(device) = self.devices.get_mut(&index) {
                device.push(arrival, bytes, u16::try_from(headers.of(index).len()).unwrap_or(u16::MAX));
            }
            self.pump(index);
        }
        arrival
    }

    /// Tells a sender what became of its message with one recipient; the news is queued like a message.
    pub(crate) fn report(&mut self, origin: Origin, recipient: Credential, code: Code, now: Now) {
        let entry = encode(&Entry::Receipt(Receipt {
            outbox_epoch: origin.outbox_epoch,
            number: Varint(origin.number),
            recipient,
            code: code.number(),
            timestamp_ms: now.wall_ms,
        }));
        let mut devices = Vec::new();
        self.add_if_room(origin.device, entry.len() as u64, &mut devices);
        if !devices.is_empty() {
            self.enqueue(entry, devices, Headers::default(), Held::receipt, limits::EXPIRE_AFTER_MS, now);
        }
    }

    fn sender(&self, connection: ConnectionId) -> Option<(DeviceIndex, u64)> {
        let index = self.device_of(connection)?;
        Some((index, self.devices.get(&index)?.outbox_epoch))
    }

    pub(crate) fn mark_mut(&mut self, device: DeviceIndex, outbox_epoch: u64) -> Option<&mut Mark> {
        self.devices.get_mut(&device)?.outboxes.get_mut(&outbox_epoch)
    }
}

fn encode(entry: &Entry<'_>) -> Arc<[u8]> {
    let length = match entry {
        Entry::Message(message) => message.payload.0.len() + message.subject.len() + 16 * message.recipients.0.len() + 128,
        Entry::Receipt(_) => 64,
    };
    let mut bytes = Vec::with_capacity(length);
    entry.write(&mut bytes);
    bytes.into()
}

fn size_of_entry(entry: &[u8]) -> u32 {
    u32::try_from(entry.len()).unwrap_or(u32::MAX)
}
