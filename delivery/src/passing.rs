//! What passes without a mark: realtime messages, and what comes from or goes to connections of version 1.

use msr_protocol::v2::{Delivery, Entry, Field, Frame, List, MessageId, Rest, Varint};
use msr_protocol::{Code, Credential};

use crate::held::Held;
use crate::{ConnectionId, DeviceIndex, Exchange, Headers, Now, Offered, Origin, limits};

impl Exchange {
    /// A realtime message: to every device that is connected now, kept nowhere, answered by nobody.
    pub fn realtime(&mut self, connection: ConnectionId, offered: &Offered<'_>, now: Now) {
        let Some(sender) = self.device_of(connection).and_then(|index| self.devices.get(&index)) else { return };
        let (from, key, outbox_epoch) = (sender.credential, sender.key, sender.outbox_epoch);
        let mut entry = Vec::new();
        let id = MessageId { device: key, outbox_epoch, number: Varint(0) };
        Entry::Message(delivery(from, id, offered, now)).write(&mut entry);
        let mut peers = offered.recipients.clone();
        if !peers.contains(&from) {
            peers.push(from);
        }
        peers.sort_unstable();
        peers.dedup();
        let devices = peers.iter().filter_map(|peer| self.by_peer.get(peer)).flatten();
        let devices = devices.filter_map(|index| self.devices.get(index));
        let connected = devices.filter_map(|device| Some((device.connection?, offered.header_for(device)?)));
        let connected: Vec<(ConnectionId, &[u8])> = connected.collect();
        let to_self = offered.recipients.contains(&from);
        for (other, header) in connected {
            if other != connection || to_self {
                self.frame(other, &Frame::Realtime { header, entry: Rest(&entry) });
            }
        }
    }

    /// A message of a version 1 connection: queued for every device of its recipients and of the sender, numbered by
    /// its arrival. Nobody waits to hear of it. Gives how many of the recipients have devices.
    pub fn relay_in(&mut self, from: Credential, offered: &Offered<'_>, now: Now) -> usize {
        let known = offered.recipients.iter().filter(|recipient| self.knows(**recipient)).count();
        if known > 0 || self.knows(from) {
            self.queue_relayed(from, offered, now);
        }
        known
    }

    fn queue_relayed(&mut self, from: Credential, offered: &Offered<'_>, now: Now) {
        if self.broken || self.next_arrival + 2 >= self.reserved_until || self.unwritten_bytes() >= limits::UNWRITTEN_BYTES {
            return;
        }
        let start = self.starts.last().map_or(0, |(start, _)| *start);
        let id = MessageId { device: [0; 16], outbox_epoch: start, number: Varint(self.next_arrival) };
        let mut entry = Vec::new();
        Entry::Message(delivery(from, id, offered, now)).write(&mut entry);
        let mut peers = offered.recipients.clone();
        peers.push(from);
        let bytes = entry.len() as u64;
        let mut devices = Vec::new();
        for index in peers.iter().filter_map(|peer| self.by_peer.get(peer)).flatten().copied().collect::<Vec<_>>() {
            self.add_if_room(index, bytes, &mut devices);
        }
        devices.sort_unstable();
        devices.dedup();
        if !devices.is_empty() {
            let held = |bytes, devices: &[DeviceIndex]| Held::message(bytes, devices, None, false, false);
            self.enqueue(entry.into(), devices, Headers::default(), held, limits::EXPIRE_AFTER_MS, now);
        }
    }

    /// A version 1 connection of that recipient has got the message.
    pub fn reached_version_1(&mut self, origin: Origin, recipient: Credential, now: Now) {
        self.report(origin, recipient, Code::Done, now);
    }
}

/// The message as its recipients get it.
pub(crate) fn delivery<'a>(from: Credential, id: MessageId, offered: &Offered<'a>, now: Now) -> Delivery<'a> {
    Delivery {
        from,
        id,
        timestamp_ms: now.wall_ms,
        flags: offered.flags,
        recipients: List(offered.recipients.clone()),
        reply_to: offered.reply_to,
        subject: offered.subject,
        payload: Rest(offered.payload),
    }
}
