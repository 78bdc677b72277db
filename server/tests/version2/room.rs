//! A switch of a test, on a disk that can be full, fail, forget, and be kept over a restart.

use std::time::Duration;

use msr_server::delivery::{Clock, StoredQueues};
use msr_server::keys::StoredKeys;
use msr_server::own_hosts::OwnNames;
use msr_server::store::PeerStore;
use msr_server::switch::{Counts, Rules, Switch};
use msr_store::{MemoryDisk, Storage};
use tokio::time::timeout;

use crate::client::{Client, Device, Welcome};

/// How long devices and peers are remembered.
pub(crate) const TTL: Duration = Duration::from_secs(1_000);

/// What the clock on the wall says.
fn wall_ms() -> i64 {
    1_700_000_000_000
}

/// What clients dial.
pub(crate) const HOST: &str = "relay.example:443";

/// The rules of a server that is dialled so.
pub(crate) fn rules(host: &str) -> Rules {
    Rules { names: OwnNames::new([], &[host.parse().unwrap()], 443), ..Rules::default() }
}

pub(crate) struct Room {
    pub(crate) switch: Switch,
    pub(crate) disk: MemoryDisk,
    folder: tempfile::TempDir,
    rules: Rules,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self::with_clock(wall_ms)
    }

    pub(crate) fn with_clock(clock: Clock) -> Self {
        Self::on(MemoryDisk::new(), tempfile::tempdir().unwrap(), clock, rules(HOST))
    }

    pub(crate) fn with_rules(rules: Rules) -> Self {
        Self::on(MemoryDisk::new(), tempfile::tempdir().unwrap(), wall_ms, rules)
    }

    fn on(disk: MemoryDisk, folder: tempfile::TempDir, clock: Clock, rules: Rules) -> Self {
        let (storage, recovered) = disk.open();
        let queues = StoredQueues::on(Box::new(storage), recovered, clock).unwrap();
        Self { switch: Self::switch(&folder, queues, rules.clone()), disk, folder, rules }
    }

    /// On any storage that starts empty.
    pub(crate) fn with(storage: impl Storage + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queues = StoredQueues::on(Box::new(storage), msr_store::Recovered::default(), wall_ms).unwrap();
        let rules = rules(HOST);
        Self { switch: Self::switch(&folder, queues, rules.clone()), disk: MemoryDisk::new(), folder, rules }
    }

    fn switch(folder: &tempfile::TempDir, queues: StoredQueues, rules: Rules) -> Switch {
        Switch::new(PeerStore::open(folder.path(), TTL, 0).unwrap(), queues, StoredKeys::open(folder.path()).unwrap(), rules)
    }

    /// The server stops well, and starts again on what it left.
    pub(crate) async fn restart(self) -> Self {
        let disk = self.disk.clone();
        self.restart_on(disk).await
    }

    /// The same, on another disk.
    pub(crate) async fn restart_on(self, disk: MemoryDisk) -> Self {
        let Self { switch, folder, rules, .. } = self;
        switch.drain(Duration::from_secs(5)).await;
        drop(switch);
        // What served the last connections lets go of the folder in its own time.
        let reopened = async {
            while PeerStore::open(folder.path(), TTL, 0).is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), reopened).await.unwrap();
        Self::on(disk, folder, wall_ms, rules)
    }

    /// The server is killed: nothing is flushed, nobody is told.
    pub(crate) fn crash(self) -> Self {
        let Self { switch: _gone, disk, folder: _, rules } = self;
        disk.crash();
        Self::on(disk, tempfile::tempdir().unwrap(), wall_ms, rules)
    }

    pub(crate) async fn register(&self, device: &mut Device) -> (Client, Welcome) {
        Client::register(&self.switch, device).await
    }

    /// Registers a device that has never been here.
    pub(crate) async fn enter(&self, name: &str) -> (Client, Device) {
        let mut device = Device::new(name, 1);
        let (client, _) = self.register(&mut device).await;
        (client, device)
    }

    /// Waits until the counts are as wanted.
    pub(crate) async fn until(&self, wanted: impl Fn(&Counts) -> bool) {
        let reached = async {
            while !wanted(&self.switch.counts()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(60), reached).await.unwrap_or_else(|_| panic!("{:?}", self.switch.counts()));
    }
}
