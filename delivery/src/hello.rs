//! A device registers: it takes its place back, is told what was lost, and its queue goes on.

use msr_protocol::{Code, Credential};

use crate::device::{Device, Mark};
use crate::{ConnectionId, DeviceIndex, DeviceKey, Effect, Exchange, Now, limits};

/// What a device says of itself when it registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Whose it is; checked by whoever calls.
    pub credential: Credential,
    /// The id it chose.
    pub device: DeviceKey,
    /// What a person calls it.
    pub name: String,
    /// Names the numbering of its outbox.
    pub outbox_epoch: u64,
    /// The epoch of the queue it knows.
    pub queue_epoch: Option<u64>,
    /// The start of the server in which it got its last entry.
    pub start: u64,
    /// The sequence of the last entry it has handled; 0 for none.
    pub handled: u64,
    /// A random number, for an epoch should one be needed.
    pub fresh_epoch: u64,
}

/// What the device is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcomed {
    /// Its place.
    pub device: DeviceIndex,
    /// The epoch of its queue.
    pub queue_epoch: u64,
    /// This start of the server.
    pub start: u64,
    /// The highest number of its outbox that is on disk.
    pub accepted: u64,
    /// How many entries wait.
    pub waiting: usize,
    /// Whether entries were lost.
    pub gap: bool,
}

impl Exchange {
    /// Registers a device on a connection. An older connection of the same device is closed. Nothing is delivered
    /// before [`Exchange::ready`], so that the answer can go first.
    ///
    /// # Errors
    /// [`Code::InvalidRegistration`] when the device belongs to another peer, [`Code::TooManyDevices`] when its peer has as many
    /// as it may, [`Code::StoreFull`] when there are too many in all, [`Code::Displaced`] when the device is registered on a
    /// connection that began later: this greeting was long on its way, and whoever sent it has moved on.
    pub fn hello(&mut self, connection: ConnectionId, greeting: &Greeting, now: Now) -> Result<Welcomed, Code> {
        let (index, is_new) = match self.by_key.get(&greeting.device) {
            Some(&index) => (index, false),
            None => (self.add_device(greeting, now)?, true),
        };
        let device = self.devices.get_mut(&index).ok_or(Code::InvalidRegistration)?;
        if device.credential != greeting.credential {
            return Err(Code::InvalidRegistration);
        }
        if device.connection.is_some_and(|newer| newer > connection) {
            return Err(Code::Displaced);
        }
        if let Some(older) = device.connection.take() {
            self.by_connection.remove(&older);
            self.effects.push_back(Effect::Close { connection: older, code: Code::Displaced });
        }
        device.disconnect();
        device.outbox_epoch = greeting.outbox_epoch;
        device.name.clone_from(&greeting.name);
        device.seen_ms = now.wall_ms;
        let mark = device.outboxes.entry(greeting.outbox_epoch).or_default();
        mark.used_ms = now.wall_ms;
        forget_oldest_outboxes(device);
        self.open.touch(index);

        let gap = self.resume(index, greeting, is_new, now);
        let device = self.devices.get_mut(&index).ok_or(Code::InvalidRegistration)?;
        device.connection = Some(connection);
        self.by_connection.insert(connection, index);
        let accepted = device.outboxes.get(&greeting.outbox_epoch).map_or(0, |mark: &Mark| mark.committed);
        let start = self.starts.last().map_or(0, |(start, _)| *start);
        Ok(Welcomed { device: index, queue_epoch: device.queue_epoch, start, accepted, waiting: device.queue.len(), gap })
    }

    /// The answer to `hello` is on its way: deliver.
    pub fn ready(&mut self, connection: ConnectionId) {
        let Some(index) = self.device_of(connection) else { return };
        if let Some(credential) = self.devices.get(&index).map(|device| device.credential) {
            self.announce_devices(credential);
        }
        self.pump(index);
    }

    /// Takes over what the device has handled, if that is of this store; else its queue gets a new epoch.
    fn resume(&mut self, index: DeviceIndex, greeting: &Greeting, is_new: bool, now: Now) -> bool {
        let is_ours = self.has_given(greeting.start, greeting.handled);
        let Some(device) = self.devices.get_mut(&index) else { return false };
        let mut gap = std::mem::take(&mut device.overflowed);
        match greeting.queue_epoch {
            Some(epoch) if !is_new && is_ours && epoch == device.queue_epoch => self.acknowledge_through(index, greeting.handled, now),
            Some(_) => {
                gap = true;
                device.queue_epoch = greeting.fresh_epoch;
            }
            // A device that knows no epoch has lost its own memory, or is new: what waits is all there is to give.
            None => {}
        }
        gap
    }

    /// Whether this store was at `sequence` in that start: not so after it was deleted or restored from an old copy.
    fn has_given(&self, start: u64, sequence: u64) -> bool {
        if sequence == 0 {
            return true;
        }
        let Some(at) = self.starts.iter().position(|(known, _)| *known == start) else { return false };
        let end = self.starts.get(at + 1).map_or(self.next_arrival, |(_, first)| *first);
        sequence < end
    }

    fn add_device(&mut self, greeting: &Greeting, now: Now) -> Result<DeviceIndex, Code> {
        let siblings = self.by_peer.get(&greeting.credential).cloned().unwrap_or_default();
        if siblings.len() >= limits::DEVICES_PER_PEER {
            return Err(Code::TooManyDevices);
        }
        if self.devices.len() >= limits::DEVICES {
            return Err(Code::StoreFull);
        }
        let index = DeviceIndex(self.next_device);
        self.next_device += 1;
        let mut device = Device::new(greeting.device, greeting.credential, greeting.name.clone(), greeting.fresh_epoch, now.wall_ms);
        self.inherit(&mut device, index, &siblings);
        self.devices.insert(index, device);
        self.by_key.insert(greeting.device, index);
        self.by_peer.entry(greeting.credential).or_default().push(index);
        self.devices_changed(greeting.credential);
        Ok(index)
    }

    /// A new device starts with what waits for the peer: messages, not receipts, which are another device's.
    fn inherit(&mut self, device: &mut Device, index: DeviceIndex, siblings: &[DeviceIndex]) {
        let waiting = siblings.iter().filter_map(|sibling| self.devices.get(sibling)).flat_map(|sibling| sibling.queue.iter());
        let mut arrivals: Vec<u64> = waiting.map(|waiting| waiting.arrival).collect();
        arrivals.sort_unstable();
        arrivals.dedup();
        for arrival in arrivals {
            let Some(held) = self.held.get_mut(&arrival).filter(|held| held.is_inherited) else { continue };
            if !device.has_room(u64::from(held.bytes)) {
                device.overflowed = true;
                break;
            }
            held.add_device(index);
            // Nobody sealed it for this device: it has no header.
            device.push(arrival, held.bytes, 0);
            device.inherited.push(arrival);
        }
        self.open.touch(index);
    }
}

/// An outbox that is still being committed is never forgotten.
fn forget_oldest_outboxes(device: &mut Device) {
    while device.outboxes.len() > limits::OUTBOXES_PER_DEVICE {
        let current = device.outbox_epoch;
        let idle = device.outboxes.iter().filter(|(epoch, mark)| **epoch != current && mark.taken == mark.committed);
        let Some(oldest) = idle.min_by_key(|(_, mark)| mark.used_ms).map(|(epoch, _)| *epoch) else { return };
        device.outboxes.remove(&oldest);
    }
}
