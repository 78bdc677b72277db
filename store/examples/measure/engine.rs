//! The same few operations on each engine.

use std::path::Path;

use bytes::Bytes;
use msr_store::{Batch, Device, DiskStore, Message, Options, Recovered, Storage};

/// What is measured, by name.
#[cfg(feature = "engines")]
pub const NAMES: &[&str] = &["log", "redb", "fjall"];
/// What is measured, by name.
#[cfg(not(feature = "engines"))]
pub const NAMES: &[&str] = &["log"];

/// Opens a store by the name of its engine.
pub fn open(name: &str, folder: &Path) -> Box<dyn Engine> {
    match name {
        "log" => Box::new(Log::open(folder)),
        #[cfg(feature = "engines")]
        "redb" => Box::new(others::Redb::open(folder)),
        #[cfg(feature = "engines")]
        "fjall" => Box::new(others::Fjall::open(folder)),
        _ => panic!("no engine {name}"),
    }
}

/// A store under measurement.
pub trait Engine {
    /// Puts messages (arrival, device, entry) with a mark each and deletes messages (arrival, device) with a cursor each, fsynced. Whether it did.
    fn commit(&mut self, puts: &[(u64, u32, &[u8])], deletes: &[(u64, u32)]) -> bool;
    /// Counts what waits, having looked at arrival, device and size of each.
    fn waiting(&mut self) -> usize;
    /// One entry.
    fn read(&mut self, arrival: u64) -> Option<Vec<u8>>;
}

struct Log {
    store: DiskStore,
    recovered: Recovered,
}

impl Log {
    fn open(folder: &Path) -> Self {
        let (mut store, recovered) = DiskStore::open(folder, &Options::default()).unwrap();
        if recovered.devices.is_empty() {
            let mut devices = Batch::new();
            for index in 0..10_000 {
                let device = Device {
                    id: [1; 16],
                    credential: [2; 16],
                    name: "phone".to_owned(),
                    queue_epoch: 1,
                    cursor: 0,
                    last_seen_ms: 0,
                    overflowed: false,
                };
                devices.device(index, device);
            }
            store.commit(&[devices]).unwrap();
        }
        Self { store, recovered }
    }
}

impl Engine for Log {
    fn commit(&mut self, puts: &[(u64, u32, &[u8])], deletes: &[(u64, u32)]) -> bool {
        let mut batch = Batch::new();
        for (arrival, device, entry) in puts {
            let entry = Bytes::copy_from_slice(entry);
            batch.message(Message {
                arrival: *arrival,
                expiry_ms: 1_800_000_000_000,
                devices: [*device].into(),
                headers: Box::default(),
                entry,
            });
            batch.mark(*device, 0x1234_5678_9abc_def0, *arrival);
        }
        for (arrival, device) in deletes {
            batch.delete(*arrival).cursor(*device, *arrival);
        }
        self.store.commit(&[batch]).is_ok()
    }

    fn waiting(&mut self) -> usize {
        self.recovered.waiting.iter().filter(|waiting| waiting.bytes > 0 && !waiting.devices.is_empty()).count()
    }

    fn read(&mut self, arrival: u64) -> Option<Vec<u8>> {
        self.store.reader().read(&[arrival]).unwrap().pop()?.map(Vec::from)
    }
}

#[cfg(feature = "engines")]
mod others {
    use std::{fs, path::Path};

    use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
    use redb::{ReadableDatabase, ReadableTable, TableDefinition};

    use super::Engine;

    const MESSAGES: TableDefinition<u64, &[u8]> = TableDefinition::new("messages");
    const MARKS: TableDefinition<u32, u64> = TableDefinition::new("marks");
    const CURSORS: TableDefinition<u32, u64> = TableDefinition::new("cursors");

    fn value(device: u32, entry: &[u8]) -> Vec<u8> {
        [1_800_000_000_000u64.to_le_bytes().as_slice(), &device.to_le_bytes(), entry].concat()
    }

    pub struct Redb(redb::Database);

    impl Redb {
        pub fn open(folder: &Path) -> Self {
            fs::create_dir_all(folder).unwrap();
            Self(redb::Builder::new().set_cache_size(64 << 20).create(folder.join("redb")).unwrap())
        }

        fn write(&self, puts: &[(u64, u32, &[u8])], deletes: &[(u64, u32)]) -> Result<(), redb::Error> {
            let transaction = self.0.begin_write()?;
            {
                let (mut messages, mut marks) = (transaction.open_table(MESSAGES)?, transaction.open_table(MARKS)?);
                let mut cursors = transaction.open_table(CURSORS)?;
                for (arrival, device, entry) in puts {
                    messages.insert(arrival, value(*device, entry).as_slice())?;
                    marks.insert(device, arrival)?;
                }
                for (arrival, device) in deletes {
                    messages.remove(arrival)?;
                    cursors.insert(device, arrival)?;
                }
            }
            Ok(transaction.commit()?)
        }
    }

    impl Engine for Redb {
        fn commit(&mut self, puts: &[(u64, u32, &[u8])], deletes: &[(u64, u32)]) -> bool {
            self.write(puts, deletes).is_ok()
        }

        fn waiting(&mut self) -> usize {
            let messages = self.0.begin_read().unwrap().open_table(MESSAGES).unwrap();
            messages.iter().unwrap().filter(|row| row.as_ref().unwrap().1.value().len() > 12).count()
        }

        fn read(&mut self, arrival: u64) -> Option<Vec<u8>> {
            let messages = self.0.begin_read().unwrap().open_table(MESSAGES).unwrap();
            messages.get(arrival).unwrap().map(|value| value.value()[12..].to_vec())
        }
    }

    pub struct Fjall {
        database: Database,
        messages: Keyspace,
        marks: Keyspace,
        cursors: Keyspace,
    }

    impl Fjall {
        pub fn open(folder: &Path) -> Self {
            let database = Database::builder(folder).cache_size(16 << 20).open().unwrap();
            let keyspace = |name| database.keyspace(name, || KeyspaceCreateOptions::default().max_memtable_size(8 << 20)).unwrap();
            Self { messages: keyspace("messages"), marks: keyspace("marks"), cursors: keyspace("cursors"), database }
        }
    }

    impl Engine for Fjall {
        fn commit(&mut self, puts: &[(u64, u32, &[u8])], deletes: &[(u64, u32)]) -> bool {
            let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
            for (arrival, device, entry) in puts {
                batch.insert(&self.messages, arrival.to_be_bytes(), value(*device, entry));
                batch.insert(&self.marks, device.to_be_bytes(), arrival.to_be_bytes());
            }
            for (arrival, device) in deletes {
                batch.remove(&self.messages, arrival.to_be_bytes());
                batch.insert(&self.cursors, device.to_be_bytes(), arrival.to_be_bytes());
            }
            batch.commit().is_ok()
        }

        fn waiting(&mut self) -> usize {
            self.messages.iter().map(|row| row.into_inner().unwrap().1.len()).filter(|bytes| *bytes > 12).count()
        }

        fn read(&mut self, arrival: u64) -> Option<Vec<u8>> {
            self.messages.get(arrival.to_be_bytes()).unwrap().map(|value| value[12..].to_vec())
        }
    }
}
