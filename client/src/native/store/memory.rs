//! A store that lives as long as somebody holds it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use msr_protocol::Credential;

use super::Store;
use crate::Change;

type Records = BTreeMap<String, Vec<u8>>;

/// Records of any number of peers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Credential, Records>>>);

impl Memory {
    pub(super) fn of(&self, credential: Credential) -> OfOne {
        OfOne { memory: self.clone(), credential }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Credential, Records>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [`Memory`] has of one peer.
#[derive(Debug)]
pub(super) struct OfOne {
    memory: Memory,
    credential: Credential,
}

impl Store for OfOne {
    fn load(&mut self) -> io::Result<Vec<(String, Vec<u8>)>> {
        Ok(self.memory.lock().get(&self.credential).cloned().unwrap_or_default().into_iter().collect())
    }

    fn apply(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut memory = self.memory.lock();
        apply(memory.entry(self.credential).or_default(), changes);
        Ok(())
    }
}

/// Makes changes in memory.
pub(super) fn apply(records: &mut Records, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Put { key, value } => {
                records.insert(key.clone(), value.clone());
            }
            Change::Delete { key } => {
                records.remove(key);
            }
        }
    }
}
