//! The lists of devices that are in force, all of them in memory: whoever routes looks them up without waiting. They are
//! put here once they are on disk.

use std::collections::HashMap;
use std::sync::Arc;

use msr_delivery::{DeviceList, Lists};
use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, Field as _, FieldError, ListedDevices, SignedList};
use parking_lot::RwLock;

use super::limits;

/// A list as the server uses it. Its signatures were checked when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownList {
    /// Grows with each list of the peer.
    pub counter: u64,
    /// What it says; the ids ascend.
    pub list: Arc<DeviceList>,
}

impl KnownList {
    /// Reads a list that was checked before.
    ///
    /// # Errors
    /// When the bytes are no list.
    pub fn of(signed: &[u8]) -> Result<Self, FieldError> {
        let SignedList { body, .. } = SignedList::read(&mut &*signed)?;
        let ListedDevices { counter, devices, revoked, .. } = ListedDevices::read(&mut &*body)?;
        let devices = devices.0.iter().map(|listed| listed.device).collect();
        Ok(Self { counter, list: Arc::new(DeviceList { devices, revoked: revoked.0, encoded: signed.to_vec() }) })
    }

    /// Whether the device was taken off the list for good.
    #[must_use]
    pub fn is_revoked(&self, device: Bytes16) -> bool {
        self.list.revoked.binary_search(&device).is_ok()
    }

    /// Whether the device is on the list.
    #[must_use]
    pub fn has(&self, device: Bytes16) -> bool {
        self.list.devices.binary_search(&device).is_ok()
    }

    /// What it takes of the memory, about.
    pub(super) fn bytes(&self) -> usize {
        let DeviceList { devices, revoked, encoded } = &*self.list;
        limits::LIST_OWN_BYTES + encoded.len() + 16 * (devices.len() + revoked.len())
    }
}

/// The lists that are in force: a cheap handle.
#[derive(Debug, Clone, Default)]
pub struct CurrentLists {
    table: Arc<RwLock<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    lists: HashMap<Credential, KnownList>,
    bytes: usize,
}

impl CurrentLists {
    /// The list of a peer.
    #[must_use]
    pub fn get(&self, peer: Credential) -> Option<KnownList> {
        self.table.read().lists.get(&peer).cloned()
    }

    /// Puts a list in place of the one before.
    pub(super) fn put(&self, peer: Credential, list: KnownList) {
        let mut table = self.table.write();
        table.bytes += list.bytes();
        if let Some(before) = table.lists.insert(peer, list) {
            table.bytes -= before.bytes();
        }
    }

    /// Forgets the list of a peer.
    pub(super) fn remove(&self, peer: Credential) {
        let mut table = self.table.write();
        if let Some(before) = table.lists.remove(&peer) {
            table.bytes -= before.bytes();
        }
    }

    /// Puts these lists in place of all there were.
    pub(super) fn replace(&self, lists: Vec<(Credential, KnownList)>) {
        let bytes = lists.iter().map(|(_, list)| list.bytes()).sum();
        *self.table.write() = Table { lists: lists.into_iter().collect(), bytes };
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.read().lists.len()
    }

    /// What all of them take of the memory, about.
    pub(crate) fn bytes(&self) -> usize {
        self.table.read().bytes
    }
}

impl Lists for CurrentLists {
    fn list(&self, peer: Credential) -> Option<Arc<DeviceList>> {
        self.get(peer).map(|known| Arc::clone(&known.list))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::list;
    use super::*;

    #[test]
    fn what_a_list_says() {
        let list = list(7, &[1, 3], &[2]);
        assert_eq!(list.counter, 7);
        assert!(list.has([1; 16]) && list.has([3; 16]) && !list.has([2; 16]));
        assert!(list.is_revoked([2; 16]) && !list.is_revoked([1; 16]));
        assert!(KnownList::of(&list.list.encoded[..80]).is_err());
    }

    #[test]
    fn the_last_one_counts_and_memory_is_counted() {
        let lists = CurrentLists::default();
        let (ann, bob) = (Credential([1; 16]), Credential([2; 16]));
        assert_eq!(lists.list(ann), None);
        lists.put(ann, list(1, &[1], &[]));
        lists.put(bob, list(1, &[5], &[]));
        lists.put(ann, list(2, &[1, 2], &[]));
        assert_eq!(lists.list(ann).unwrap().devices, [[1; 16], [2; 16]]);
        assert_eq!(lists.list(bob), Some(list(1, &[5], &[]).list));
        lists.remove(ann);
        lists.remove(ann);
        assert_eq!((lists.get(ann), lists.bytes()), (None, list(1, &[5], &[]).bytes()));
    }
}
