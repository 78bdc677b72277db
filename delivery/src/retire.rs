//! Devices nobody came back with.
//!
//! A queue can be long, so one is freed in turns. The device is gone at once; in the store it is until its queue is, so that
//! whoever is still to be told is told after a crash too.

use std::collections::VecDeque;

use msr_protocol::{Code, Credential};

use crate::device::{Device, Waiting};
use crate::{DeviceIndex, Effect, Exchange, Now, limits};

/// What is left of a device that is no more.
#[derive(Debug)]
pub(crate) struct Retiring {
    credential: Credential,
    /// What waited for it, ascending.
    queue: VecDeque<Waiting>,
}

impl Exchange {
    /// Retires the devices that have been away for longer than `ttl_ms`, of [`limits::DEVICES_PER_TURN`] from this index on. Where to
    /// go on, if there are more.
    pub fn retire_idle(&mut self, ttl_ms: i64, from: DeviceIndex, now: Now) -> Option<DeviceIndex> {
        let until = from.0.saturating_add(limits::DEVICES_PER_TURN).min(self.next_device);
        for index in (from.0..until).map(DeviceIndex) {
            let idle = |device: &Device| device.connection.is_none() && device.seen_ms.saturating_add(ttl_ms) <= now.wall_ms;
            if self.devices.get(&index).is_some_and(idle) {
                self.retire(index);
            }
        }
        (until < self.next_device).then_some(DeviceIndex(until))
    }

    /// Forgets a device. Its queue is freed, and senders whose messages it alone still held are told, by [`Exchange::free_retired`].
    pub fn retire(&mut self, index: DeviceIndex) {
        self.retire_as(index, Code::DeviceRetired);
    }

    /// The same; its connection, if it has one, is told why.
    pub(crate) fn retire_as(&mut self, index: DeviceIndex, code: Code) {
        let Some(device) = self.devices.remove(&index) else { return };
        if self.by_key.get(&device.key) == Some(&index) {
            self.by_key.remove(&device.key);
        }
        if let Some(theirs) = self.by_peer.get_mut(&device.credential) {
            theirs.retain(|other| *other != index);
        }
        self.devices_changed(device.credential);
        if let Some(connection) = device.connection {
            self.by_connection.remove(&connection);
            self.effects.push_back(Effect::Close { connection, code });
        }
        self.retiring.insert(index, Retiring { credential: device.credential, queue: device.queue });
    }

    /// Frees what waited for retired devices: [`limits::ENTRIES_PER_TURN`] at most. Whether there is more to be done now.
    pub fn free_retired(&mut self, now: Now) -> bool {
        let mut left = limits::ENTRIES_PER_TURN;
        while let Some(mut retiring) = self.retiring.first_entry() {
            let (index, credential) = (*retiring.key(), retiring.get().credential);
            let Some(waiting) = retiring.get_mut().queue.pop_front() else {
                retiring.remove();
                self.open.retired.push(index);
                continue;
            };
            self.free(waiting.arrival, credential, now);
            left -= 1;
            if left == 0 {
                return true;
            }
        }
        false
    }

    fn free(&mut self, arrival: u64, credential: Credential, now: Now) {
        let Some(held) = self.held.remove(&arrival) else { return };
        let others = held.counted().iter().filter_map(|other| self.devices.get(other));
        if others.into_iter().all(|other| other.credential != credential) {
            self.report_unless_own_copy(&held, credential, Code::DeviceRetired, now);
        }
        self.held.insert(arrival, held);
        self.release(arrival);
    }

    /// Whose device that was, if the entry still waits to be freed with it.
    pub(crate) fn still_retiring(&self, index: DeviceIndex, arrival: u64) -> Option<Credential> {
        let retiring = self.retiring.get(&index)?;
        let waits = retiring.queue.binary_search_by_key(&arrival, |waiting| waiting.arrival).is_ok();
        waits.then_some(retiring.credential)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use msr_protocol::v2::{Entry, Field as _, Frame, frames};

    use super::*;
    use crate::{Batch, ConnectionId, Greeting, NoLists, Offered, Recovering, Recovery};

    const NOW: Now = Now { monotonic_ms: 0, wall_ms: 1_000 };
    const TTL_MS: i64 = 10_000;
    const LATER: Now = Now { monotonic_ms: TTL_MS, wall_ms: 1_000 + TTL_MS };

    fn register(exchange: &mut Exchange, connection: u64, peer: u8) {
        let greeting = Greeting {
            credential: Credential([peer; 16]),
            device: [peer; 16],
            name: String::new(),
            outbox_epoch: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            fresh_epoch: 1,
        };
        exchange.hello(ConnectionId(connection), &greeting, NOW).unwrap();
        exchange.ready(ConnectionId(connection));
    }

    fn commit(exchange: &mut Exchange) -> Vec<Batch> {
        let mut batches = Vec::new();
        while let Some(batch) = exchange.take_batch() {
            batches.push(batch);
            exchange.committed(Ok(()));
        }
        batches
    }

    /// A device that is away, and so many messages that wait for it.
    fn exchange_with(messages: u64) -> Exchange {
        let mut exchange = Recovering::new(Recovery::default(), 1).finish();
        commit(&mut exchange);
        register(&mut exchange, 1, 1);
        register(&mut exchange, 2, 2);
        exchange.disconnected(ConnectionId(2), NOW);
        for number in 1..=messages {
            let offered = Offered {
                number,
                flags: 0,
                expire_after_ms: 1_000_000,
                recipients: vec![Credential([2; 16])],
                device_headers: Vec::new(),
                reply_to: None,
                subject: "\"s\"",
                payload: b"1",
                live: &BTreeSet::new(),
                sayable_in_version_1: true,
            };
            exchange.offer(ConnectionId(1), &offered, &NoLists, NOW);
            commit(&mut exchange);
        }
        exchange
    }

    fn receipts(exchange: &mut Exchange) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some(effect) = exchange.poll_effect() {
            if let Effect::Entry { connection, arrival, entry, .. } = effect {
                let Ok(Entry::Receipt(receipt)) = Entry::read(&mut &*entry) else { panic!("only receipts are expected") };
                assert_eq!(receipt.code, Code::DeviceRetired.number());
                numbers.push(receipt.number.0);
                exchange.acknowledge(connection, arrival, LATER);
            }
        }
        numbers
    }

    #[test]
    fn a_long_queue_is_freed_in_turns_and_the_device_goes_last() {
        let turns = 3;
        let messages = turns * limits::ENTRIES_PER_TURN as u64 + 1;
        let mut exchange = exchange_with(messages);
        assert_eq!(exchange.retire_idle(TTL_MS, DeviceIndex(0), LATER), None);
        assert!(!exchange.knows(Credential([2; 16])), "it is gone at once");
        let mut told = Vec::new();
        for turn in 1..=turns {
            assert!(exchange.free_retired(LATER), "turn {turn}");
            told.extend(receipts(&mut exchange));
            assert_eq!(told.len() as u64, turn * limits::ENTRIES_PER_TURN as u64);
            let batches = commit(&mut exchange);
            assert!(batches.iter().all(|batch| batch.retired.is_empty()), "somebody is still to be told");
        }
        assert!(!exchange.free_retired(LATER));
        told.extend(receipts(&mut exchange));
        assert!(told.into_iter().eq(1..=messages));
        assert_eq!(commit(&mut exchange).into_iter().flat_map(|batch| batch.retired).collect::<Vec<_>>(), [DeviceIndex(1)]);
        assert_eq!((exchange.waiting(), exchange.devices()), (0, 1));
    }

    #[test]
    fn what_expires_while_it_is_freed_is_told_once() {
        let messages = limits::ENTRIES_PER_TURN as u64 + 10;
        let mut exchange = exchange_with(messages);
        exchange.retire(DeviceIndex(1));
        assert!(exchange.free_retired(LATER));
        while exchange.expire(Now { monotonic_ms: 2_000_000, ..LATER }) {}
        while exchange.free_retired(LATER) {}
        let mut told = Vec::new();
        while let Some(effect) = exchange.poll_effect() {
            if let Effect::Entry { connection, arrival, entry, .. } = effect {
                let Ok(Entry::Receipt(receipt)) = Entry::read(&mut &*entry) else { panic!("only receipts are expected") };
                told.push(receipt.number.0);
                exchange.acknowledge(connection, arrival, LATER);
            }
        }
        told.sort_unstable();
        assert!(told.into_iter().eq(1..=messages));
    }

    fn revisions(exchange: &mut Exchange) -> Vec<u64> {
        let mut revisions = Vec::new();
        while let Some(effect) = exchange.poll_effect() {
            let Effect::Frame { frame, .. } = effect else { continue };
            revisions.extend(frames(&frame).filter_map(|frame| match frame {
                Ok(Frame::Devices { revision, .. }) => Some(revision.0),
                _ => None,
            }));
        }
        revisions
    }

    #[test]
    fn lists_of_devices_get_newer_across_restarts() {
        let mut exchange = Recovering::new(Recovery::default(), 1).finish();
        let mut batches = commit(&mut exchange);
        register(&mut exchange, 1, 1);
        register(&mut exchange, 2, 1);
        let before = revisions(&mut exchange);
        batches.extend(commit(&mut exchange));
        let recovery = Recovery {
            reserved_until: batches.iter().filter_map(|batch| batch.reserve).max().unwrap(),
            starts: batches.iter().filter_map(|batch| batch.start).collect(),
            devices: batches
                .into_iter()
                .flat_map(|batch| batch.devices)
                .map(|device| (device.index, device))
                .collect::<std::collections::BTreeMap<_, _>>()
                .into_values()
                .collect(),
            next_device: 2,
            ..Recovery::default()
        };
        let mut exchange = Recovering::new(recovery, 2).finish();
        commit(&mut exchange);
        register(&mut exchange, 1, 1);
        let unchanged = revisions(&mut exchange);
        exchange.retire(DeviceIndex(0));
        exchange.announce_devices(Credential([1; 16]));
        assert!(before.iter().chain(&unchanged).chain(&revisions(&mut exchange)).is_sorted());
        assert!(unchanged > before, "{unchanged:?} after {before:?}");
    }
}
