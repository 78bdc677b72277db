//! Reading what is committed while the writer goes on.

use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;

use crate::{StoreError, disk::index::Index, memory, record::Key};

/// Reads committed entries and pieces. Cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Reader(pub(crate) Source);

#[derive(Debug, Clone)]
pub(crate) enum Source {
    Disk(Arc<RwLock<Index>>),
    Memory(Arc<Mutex<memory::Contents>>),
}

impl Reader {
    /// The entries of messages, each `None` when it is not (or no longer) there. Neighbours on disk are fetched together.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one of them cannot be read or is not what was written: ask one by one to tell which.
    pub fn read(&self, arrivals: &[u64]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let keys: Vec<Key> = arrivals.iter().map(|arrival| Key::Message(*arrival)).collect();
        self.bodies(&keys)
    }

    /// Part of the entry of a message, from `offset` on, `bytes` of it or as many as there are; `None` when the message is not (or
    /// no longer) there. A part has no checksum of its own: read the whole entry before, which finds out whether it is intact.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it cannot be read.
    pub fn read_part(&self, arrival: u64, entry_bytes: u32, offset: u32, bytes: u32) -> Result<Option<Bytes>, StoreError> {
        match &self.0 {
            Source::Disk(index) => crate::disk::reading::part(index, Key::Message(arrival), entry_bytes, offset, bytes),
            Source::Memory(contents) => Ok(memory::bodies(contents, &[Key::Message(arrival)]).pop().flatten().map(|entry| {
                let end = entry.len().min(offset.saturating_add(bytes) as usize);
                entry.slice(end.min(offset as usize)..end)
            })),
        }
    }

    /// One piece of an upload.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_piece(&self, upload: u64, offset: u64) -> Result<Option<Bytes>, StoreError> {
        Ok(self.bodies(&[Key::Piece(upload, offset)])?.pop().flatten())
    }

    fn bodies(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        match &self.0 {
            Source::Disk(index) => crate::disk::reading::bodies(index, keys),
            Source::Memory(contents) => Ok(memory::bodies(contents, keys)),
        }
    }
}
