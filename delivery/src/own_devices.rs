//! What a peer's devices are told of each other.

use msr_protocol::v2::{Device as Listed, Frame, List, Varint};
use msr_protocol::{Code, Credential};

use crate::{ConnectionId, DeviceIndex, DeviceKey, Exchange, Now};

impl Exchange {
    /// Tells every connected device of a peer which devices there are.
    pub fn announce_devices(&mut self, credential: Credential) {
        let Some(theirs) = self.by_peer.get(&credential) else { return };
        let devices: Vec<_> = theirs.iter().filter_map(|index| self.devices.get(index)).collect();
        let connections: Vec<ConnectionId> = devices.iter().filter_map(|device| device.connection).collect();
        let listed = devices.iter().map(|device| Listed {
            device: device.key,
            name: &device.name,
            online: device.connection.is_some(),
            seen_ms: device.seen_ms,
            waiting: Varint(device.queue.len() as u64),
        });
        // Of none that changed since this start: what no start before it has given out.
        let first = self.starts.last().map_or(0, |(_, first)| *first);
        let revision = self.revisions.get(&credential).copied().unwrap_or(first);
        let mut frame = Vec::new();
        Frame::Devices { revision: Varint(revision), devices: List(listed.collect()) }.write(&mut frame);
        let effects = connections.into_iter().map(|connection| crate::Effect::Frame { connection, frame: frame.clone() });
        self.effects.extend(effects);
    }

    /// A device of the peer came or is no more. An arrival counts this, because arrivals grow across restarts.
    pub(crate) fn devices_changed(&mut self, credential: Credential) {
        let revision = self.new_arrival();
        self.revisions.insert(credential, revision);
    }

    /// Retires a device of the peer that asks; another peer's it cannot.
    pub fn retire_own(&mut self, connection: ConnectionId, key: DeviceKey, now: Now) {
        let target = self.own_device(connection, key);
        match target {
            Some((index, credential)) => {
                self.retire(index);
                self.free_retired(now);
                self.announce_devices(credential);
            }
            None => self.frame(connection, &Frame::Trouble { code: Code::InvalidArgument.number(), reason: "no such device" }),
        }
    }

    fn own_device(&self, connection: ConnectionId, key: DeviceKey) -> Option<(DeviceIndex, Credential)> {
        let asker = self.devices.get(&self.device_of(connection)?)?;
        let index = *self.by_key.get(&key)?;
        let target = self.devices.get(&index)?;
        (target.credential == asker.credential).then_some((index, target.credential))
    }
}
