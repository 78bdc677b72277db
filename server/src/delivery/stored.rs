//! The queues as a store holds them.

use std::path::Path;

use msr_delivery::{CommitError, Exchange, Now};
use msr_store::{DiskStore, MemoryDisk, Options, Reader, Recovered, Storage, StoreError};
use tokio::time::Instant;
use tracing::info;

use super::records::Records;
use super::{Clock, broken, recovery};

/// The queues as a store holds them, before anybody is served.
pub struct StoredQueues {
    pub(super) exchange: Exchange,
    pub(super) records: Records,
    pub(super) reader: Reader,
    pub(super) clock: Clock,
    pub(super) opened: Instant,
}

impl StoredQueues {
    /// Opens the store in `folder`, or makes an empty one, and notes this start in it. Blocks.
    ///
    /// # Errors
    /// When the store cannot be used; it is left as it is.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (store, recovered) = DiskStore::open(folder, &Options::default())?;
        Self::on(Box::new(store), recovered, crate::clock::wall_ms)
    }

    /// Queues that are gone when the program ends.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn in_memory() -> Result<Self, StoreError> {
        let (store, recovered) = MemoryDisk::new().open();
        Self::on(Box::new(store), recovered, crate::clock::wall_ms)
    }

    /// Queues on any store, by any clock. Blocks.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub fn on(storage: Box<dyn Storage>, recovered: Recovered, clock: Clock) -> Result<Self, StoreError> {
        let reader = storage.reader();
        let opened = Instant::now();
        let now = Now { monotonic_ms: 0, wall_ms: clock() };
        let mut exchange = recovery::recover(&recovered, &reader, random()?, now)?;
        let mut records = Records::new(storage, recovered.devices);
        if let Some(first) = exchange.take_batch() {
            let committed = records.commit(&first);
            exchange.committed(committed);
            committed.map_err(|error| match error {
                CommitError::Full => StoreError::Full,
                CommitError::Broken => broken("note a start"),
            })?;
        }
        info!(devices = exchange.devices(), waiting = exchange.waiting(), "queues open");
        Ok(Self { exchange, records, reader, clock, opened })
    }

    /// The clock these queues go by.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }
}

fn random() -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    let generator = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&generator, &mut bytes).map_err(|_| broken("get randomness"))?;
    Ok(u64::from_le_bytes(bytes))
}
