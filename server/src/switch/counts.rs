//! What the switch counts.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// What the switch has done since it started, and what it holds now. Shown as it is by `/healthz`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Connections now, registered or not.
    pub connections: u64,
    /// Peers online now.
    pub peers: u64,
    /// Registrations that succeeded.
    pub registered: u64,
    /// Messages taken to be routed.
    pub routed: u64,
    /// Copies put into the queue of a connection.
    pub delivered: u64,
    /// Copies lost: their connection did not read them, or ended first.
    pub dropped: u64,
    /// Recipients named who were not online.
    pub unreached: u64,
    /// Messages and connections refused, with a code in the log.
    pub refused: u64,
    /// Changes that the store has lost.
    pub store_lost: u64,
    /// Devices of version 2, connected or not.
    pub devices: u64,
    /// Entries that wait in their queues, each counted once.
    pub waiting: u64,
    /// What the lists of devices of identities by key take, in bytes.
    pub list_bytes: u64,
}

/// The counters behind [`Counts`].
#[derive(Default)]
pub(super) struct Counters {
    pub(super) registered: Counter,
    pub(super) routed: Counter,
    pub(super) delivered: Counter,
    pub(super) dropped: Counter,
    pub(super) unreached: Counter,
    pub(super) refused: Counter,
}

/// A number that only grows.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
