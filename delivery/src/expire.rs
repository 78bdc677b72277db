//! What nobody came for in time, and devices nobody came back with.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use msr_protocol::{Code, Credential};

use crate::held::Held;
use crate::{DeviceIndex, Exchange, Now};

impl Exchange {
    /// When something expires next, by the monotonic clock.
    #[must_use]
    pub fn next_expiry_ms(&self) -> Option<i64> {
        self.expiries.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    pub(crate) fn expire_at(&mut self, monotonic_ms: i64, arrival: u64) {
        self.expiries.push(Reverse((monotonic_ms, arrival)));
        // Most of what is sent is acknowledged long before it would expire.
        if self.expiries.len() > 2 * self.held.len() + 1_024 {
            let Self { expiries, held, .. } = self;
            expiries.retain(|Reverse((_, arrival))| held.contains_key(arrival));
        }
    }

    /// Drops what has expired and tells the senders.
    pub fn expire(&mut self, now: Now) {
        while let Some(&Reverse((at_ms, arrival))) = self.expiries.peek()
            && at_ms <= now.monotonic_ms
        {
            self.expiries.pop();
            if let Some(held) = self.held.remove(&arrival) {
                self.drop_expired(arrival, &held, now);
            }
        }
    }

    fn drop_expired(&mut self, arrival: u64, held: &Held, now: Now) {
        let (mut missed, mut reached) = (BTreeSet::new(), BTreeSet::new());
        for index in held.devices() {
            let Some(device) = self.devices.get_mut(index) else { continue };
            let credential = device.credential;
            if device.remove(arrival) {
                missed.insert(credential)
            } else {
                reached.insert(credential)
            };
            self.pump(*index);
        }
        if self.entries.remove(&arrival).is_none() {
            self.open.deletes.push(arrival);
        }
        for recipient in missed.difference(&reached) {
            self.report_unless_own_copy(held, *recipient, Code::Expired, now);
        }
    }

    fn report_unless_own_copy(&mut self, held: &Held, recipient: Credential, code: Code, now: Now) {
        let Some(origin) = held.origin() else { return };
        let own = self.devices.get(&origin.device).is_some_and(|sender| sender.credential == recipient);
        if held.to_self || !own {
            self.report(origin, recipient, code, now);
        }
    }

    /// Retires every device that has been away for longer than `ttl_ms`.
    pub fn retire_idle(&mut self, ttl_ms: i64, now: Now) {
        let idle: Vec<DeviceIndex> = self
            .devices
            .iter()
            .filter(|(_, device)| device.connection.is_none() && device.seen_ms.saturating_add(ttl_ms) <= now.wall_ms)
            .map(|(index, _)| *index)
            .collect();
        for index in idle {
            self.retire(index, now);
        }
    }

    /// Forgets a device and frees its queue; senders whose messages it alone still held are told.
    pub fn retire(&mut self, index: DeviceIndex, now: Now) {
        let Some(device) = self.devices.remove(&index) else { return };
        self.by_key.remove(&device.key);
        if let Some(theirs) = self.by_peer.get_mut(&device.credential) {
            theirs.retain(|other| *other != index);
        }
        *self.revisions.entry(device.credential).or_default() += 1;
        if let Some(connection) = device.connection {
            self.by_connection.remove(&connection);
            self.effects.push_back(crate::Effect::Close { connection, code: Code::DeviceRetired });
        }
        self.open.retired.push(index);
        for waiting in device.queue {
            let Some(held) = self.held.remove(&waiting.arrival) else { continue };
            let alone =
                held.devices().iter().filter_map(|other| self.devices.get(other)).all(|other| other.credential != device.credential);
            if alone {
                self.report_unless_own_copy(&held, device.credential, Code::DeviceRetired, now);
            }
            self.held.insert(waiting.arrival, held);
            self.release(waiting.arrival);
        }
    }
}
