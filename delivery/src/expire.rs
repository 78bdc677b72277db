//! What nobody came for in time.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use msr_protocol::{Code, Credential};

use crate::held::Held;
use crate::{Exchange, Now, limits};

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

    /// Drops what has expired and tells the senders: [`limits::ENTRIES_PER_TURN`] at most. Whether there is more to be done now.
    pub fn expire(&mut self, now: Now) -> bool {
        for _ in 0..limits::ENTRIES_PER_TURN {
            let due = self.expiries.peek().filter(|Reverse((at_ms, _))| *at_ms <= now.monotonic_ms);
            let Some(&Reverse((_, arrival))) = due else {
                return false;
            };
            self.expiries.pop();
            if self.entries.contains_key(&arrival) {
                // Not on disk yet: it may be taken back, and come again behind what was sent after it. A device that
                // skipped it here would take it for one it has handled.
                self.expire_at(now.monotonic_ms + limits::EXPIRY_RETRY_MS, arrival);
            } else if let Some(held) = self.held.remove(&arrival) {
                self.drop_expired(arrival, &held, now);
            }
        }
        true
    }

    fn drop_expired(&mut self, arrival: u64, held: &Held, now: Now) {
        let (mut missed, mut reached) = (BTreeSet::new(), BTreeSet::new());
        let counted = held.counted().len();
        for (place, index) in held.devices().iter().enumerate() {
            if let Some(credential) = self.still_retiring(*index, arrival) {
                missed.insert(credential);
            }
            let Some(device) = self.devices.get_mut(index) else { continue };
            let credential = device.credential;
            if device.remove(arrival) {
                missed.insert(credential);
            } else if place < counted {
                reached.insert(credential);
            }
            self.pump(*index);
        }
        if self.entries.remove(&arrival).is_none() {
            self.open.deletes.push(arrival);
        }
        for recipient in missed.difference(&reached) {
            self.report_unless_own_copy(held, *recipient, Code::Expired, now);
        }
    }

    pub(crate) fn report_unless_own_copy(&mut self, held: &Held, recipient: Credential, code: Code, now: Now) {
        let Some(origin) = held.origin() else { return };
        let own = self.devices.get(&origin.device).is_some_and(|sender| sender.credential == recipient);
        if held.to_self || !own {
            self.report(origin, recipient, code, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use msr_protocol::Credential;

    use crate::{ConnectionId, Effect, Exchange, Greeting, NoLists, Now, Offered, Recovering, Recovery};

    const NOW: Now = Now { monotonic_ms: 0, wall_ms: 1_000 };

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

    fn commit(exchange: &mut Exchange) {
        while exchange.take_batch().is_some() {
            exchange.committed(Ok(()));
        }
    }

    #[test]
    fn what_was_acknowledged_is_not_remembered_until_it_would_expire() {
        let mut exchange = Recovering::new(Recovery::default(), 1).finish();
        commit(&mut exchange);
        register(&mut exchange, 1, 1);
        register(&mut exchange, 2, 2);
        for number in 1..=10_000 {
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
            while let Some(effect) = exchange.poll_effect() {
                if let Effect::Entry { connection, arrival, .. } = effect {
                    exchange.acknowledge(connection, arrival, NOW);
                }
            }
        }
        assert_eq!(exchange.waiting(), 0);
        assert!(exchange.expiries.len() < 2_000, "{}", exchange.expiries.len());
    }
}
