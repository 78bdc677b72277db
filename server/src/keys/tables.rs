//! The tables of lists and prekeys, and how each is read and written.

use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, PeerDevice};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use crate::store::{File, StoreError};

/// The version of what follows.
const SCHEMA: u64 = 1;

/// `schema` → [`SCHEMA`]; `prekey bytes` → what all prekeys take.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// Credential → encoded `SignedList`.
const LISTS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("lists");

/// Credential and device → the next place for a one-time key, how many are left, the encoded fallback key or nothing.
type DeviceRow = (u64, u64, &'static [u8]);
const DEVICES: TableDefinition<'_, &[u8; 32], DeviceRow> = TableDefinition::new("devices");

/// Credential, device and place (big-endian) → encoded one-time key.
const ONE_TIME: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("one-time");

/// What a row takes beside the key in it.
const ROW_BYTES: u64 = 40;

/// What is known of the keys of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DeviceKeys {
    next: u64,
    /// One-time keys that are left.
    pub(super) left: u64,
    /// Empty for none.
    pub(super) fallback: Vec<u8>,
}

/// The tables in a transaction that writes.
pub(super) struct Tables<'txn> {
    meta: Table<'txn, &'static str, u64>,
    lists: Table<'txn, &'static [u8; 16], &'static [u8]>,
    devices: Table<'txn, &'static [u8; 32], DeviceRow>,
    one_time: Table<'txn, &'static [u8; 40], &'static [u8]>,
    /// What all prekeys take.
    pub(super) bytes: u64,
    /// Whether anything was written.
    pub(super) changed: bool,
}

/// Writes the schema into an empty file; refuses one of another schema. Gives every list.
pub(super) fn prepare(file: &File) -> Result<Vec<(Credential, Vec<u8>)>, StoreError> {
    let database = file.database()?;
    let transaction = database.begin_write()?;
    let mut tables = Tables::open(&transaction)?;
    let found = tables.meta.get("schema")?.map(|schema| schema.value());
    match found {
        None => tables.meta.insert("schema", SCHEMA).map(drop)?,
        Some(SCHEMA) => {}
        Some(found) => return Err(StoreError::Schema { found, known: SCHEMA }),
    }
    drop(tables);
    transaction.commit()?;
    lists(&database.begin_read()?)
}

fn lists(transaction: &ReadTransaction) -> Result<Vec<(Credential, Vec<u8>)>, StoreError> {
    let mut lists = Vec::new();
    for row in transaction.open_table(LISTS)?.iter()? {
        let (peer, list) = row?;
        lists.push((Credential(*peer.value()), list.value().to_vec()));
    }
    Ok(lists)
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META)?;
        let bytes = meta.get("prekey bytes")?.map_or(0, |bytes| bytes.value());
        Ok(Self {
            meta,
            lists: transaction.open_table(LISTS)?,
            devices: transaction.open_table(DEVICES)?,
            one_time: transaction.open_table(ONE_TIME)?,
            bytes,
            changed: false,
        })
    }

    /// Notes what all prekeys take by now.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.meta.insert("prekey bytes", self.bytes)?;
        Ok(())
    }

    pub(super) fn put_list(&mut self, peer: Credential, signed: &[u8]) -> Result<(), StoreError> {
        self.changed = true;
        self.lists.insert(&peer.0, signed)?;
        Ok(())
    }

    pub(super) fn device(&self, of: PeerDevice) -> Result<Option<DeviceKeys>, StoreError> {
        let row = self.devices.get(&device_key(of))?;
        Ok(row.map(|row| {
            let (next, left, fallback) = row.value();
            DeviceKeys { next, left, fallback: fallback.to_vec() }
        }))
    }

    /// Which devices of a peer have keys.
    pub(super) fn devices(&self, peer: Credential) -> Result<Vec<Bytes16>, StoreError> {
        let (first, last) = (PeerDevice { peer, device: [0; 16] }, PeerDevice { peer, device: [0xff; 16] });
        let mut devices = Vec::new();
        for row in self.devices.range::<&[u8; 32]>(&device_key(first)..=&device_key(last))? {
            let mut device = [0; 16];
            device.copy_from_slice(&row?.0.value()[16..]);
            devices.push(device);
        }
        Ok(devices)
    }

    pub(super) fn set_device(&mut self, of: PeerDevice, before: Option<&DeviceKeys>, keys: &DeviceKeys) -> Result<(), StoreError> {
        self.changed = true;
        self.bytes -= before.map_or(0, row_bytes);
        self.bytes += row_bytes(keys);
        self.devices.insert(&device_key(of), (keys.next, keys.left, keys.fallback.as_slice()))?;
        Ok(())
    }

    /// The one-time keys that are left of a device, in the order in which they came.
    pub(super) fn one_time(&self, of: PeerDevice) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = self.one_time.range::<&[u8; 40]>(&one_time_key(of, 0)..=&one_time_key(of, u64::MAX))?;
        rows.map(|row| Ok(row?.1.value().to_vec())).collect()
    }

    /// Adds a one-time key; the row of the device is to be written by the caller.
    pub(super) fn push_one_time(&mut self, of: PeerDevice, keys: &mut DeviceKeys, key: &[u8]) -> Result<(), StoreError> {
        self.changed = true;
        self.bytes += ROW_BYTES + key.len() as u64;
        self.one_time.insert(&one_time_key(of, keys.next), key)?;
        keys.next += 1;
        keys.left += 1;
        Ok(())
    }

    /// Takes the oldest one-time key; likewise.
    pub(super) fn take_one_time(&mut self, of: PeerDevice, keys: &mut DeviceKeys) -> Result<Option<Vec<u8>>, StoreError> {
        let first = {
            let mut rows = self.one_time.range::<&[u8; 40]>(&one_time_key(of, 0)..=&one_time_key(of, u64::MAX))?;
            rows.next().transpose()?.map(|(place, key)| (*place.value(), key.value().to_vec()))
        };
        let Some((place, key)) = first else { return Ok(None) };
        self.changed = true;
        self.bytes -= ROW_BYTES + key.len() as u64;
        self.one_time.remove(&place)?;
        keys.left = keys.left.saturating_sub(1);
        Ok(Some(key))
    }

    /// Forgets the keys of a device.
    pub(super) fn remove_device(&mut self, of: PeerDevice) -> Result<(), StoreError> {
        let Some(mut keys) = self.device(of)? else { return Ok(()) };
        self.changed = true;
        self.bytes -= row_bytes(&keys);
        while self.take_one_time(of, &mut keys)?.is_some() {}
        self.devices.remove(&device_key(of))?;
        Ok(())
    }

    /// Forgets a peer.
    pub(super) fn remove_peer(&mut self, peer: Credential) -> Result<(), StoreError> {
        for device in self.devices(peer)? {
            self.remove_device(PeerDevice { peer, device })?;
        }
        self.changed |= self.lists.remove(&peer.0)?.is_some();
        Ok(())
    }

    /// Peers of whom something is kept, from after this one on: as many as one turn looks at, and a few more.
    pub(super) fn owners(&self, after: Option<Credential>, most: usize) -> Result<Vec<Credential>, StoreError> {
        let mut owners = Vec::new();
        let from = after.map_or([0; 16], |after| after.0);
        for row in self.lists.range::<&[u8; 16]>(&from..)?.take(most + 1) {
            owners.push(Credential(*row?.0.value()));
        }
        let (mut first, mut last) = ([0; 32], None);
        first[..16].copy_from_slice(&from);
        let mut others = 0;
        for row in self.devices.range::<&[u8; 32]>(&first..)? {
            let mut owner = [0; 16];
            owner.copy_from_slice(&row?.0.value()[..16]);
            if last != Some(owner) {
                last = Some(owner);
                owners.push(Credential(owner));
                others += 1;
            }
            if others > most {
                break;
            }
        }
        owners.sort_unstable();
        owners.dedup();
        owners.retain(|owner| after.is_none_or(|after| *owner > after));
        owners.truncate(most);
        Ok(owners)
    }
}

fn row_bytes(keys: &DeviceKeys) -> u64 {
    ROW_BYTES + keys.fallback.len() as u64
}

fn device_key(of: PeerDevice) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&of.peer.0);
    key[16..].copy_from_slice(&of.device);
    key
}

fn one_time_key(of: PeerDevice, place: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(&device_key(of));
    key[32..].copy_from_slice(&place.to_be_bytes());
    key
}
