//! Reading what is committed while the writer goes on.

use std::sync::{Arc, Mutex, RwLock};

use bytes::Bytes;

use crate::{
    StoreError,
    disk::index::Index,
    memory,
    record::{Key, Record},
};

/// Reads committed entries and pieces. Cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Reader(pub(crate) Source);

#[derive(Debug, Clone)]
pub(crate) enum Source {
    Disk(Arc<RwLock<Index>>),
    Memory(Arc<Mutex<memory::Contents>>),
}

/// A message while it is read.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Its entry.
    pub entry: &'a [u8],
    headers: Vec<(u32, &'a [u8])>,
}

impl<'a> Stored<'a> {
    pub(crate) fn new(entry: &'a [u8], devices: impl Iterator<Item = (u32, &'a [u8])>) -> Self {
        Self { entry, headers: devices.filter(|(_, header)| !header.is_empty()).collect() }
    }

    /// What a device gets beside the entry.
    #[must_use]
    pub fn header(&self, device: u32) -> &'a [u8] {
        self.headers.iter().find(|(index, _)| *index == device).map_or(&[], |(_, header)| header)
    }
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

    /// Shows each of these messages that is there, with its headers, in the order in which they lie. However many headers there are, few
    /// messages are in memory at a time.
    ///
    /// # Errors
    /// As [`Self::read`]; some may have been shown by then.
    pub fn visit(&self, arrivals: &[u64], mut see: impl FnMut(u64, &Stored<'_>)) -> Result<(), StoreError> {
        match &self.0 {
            Source::Disk(index) => {
                let keys: Vec<Key> = arrivals.iter().map(|arrival| Key::Message(*arrival)).collect();
                crate::disk::reading::visit(index, &keys, |_place, _bytes, record| {
                    if let Record::Message(message) = record {
                        see(message.arrival, &Stored::new(message.entry, message.devices()));
                    }
                })
            }
            Source::Memory(contents) => {
                memory::messages(contents, arrivals, |message| see(message.arrival, &Stored::new(&message.entry, message.with_headers())));
                Ok(())
            }
        }
    }

    /// The header of one device alone, of a message with an entry of that many bytes, which is not read; `None` when the message is not
    /// (or no longer) there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it cannot be read or is not what was written.
    pub fn read_header(&self, arrival: u64, entry_bytes: u32, device: u32) -> Result<Option<Bytes>, StoreError> {
        match &self.0 {
            Source::Disk(index) => crate::disk::reading::header(index, arrival, entry_bytes, device),
            Source::Memory(contents) => {
                let mut header = None;
                memory::messages(contents, &[arrival], |message| {
                    let own = message.with_headers().find(|(index, _)| *index == device).map_or(&[] as &[u8], |(_, own)| own);
                    header = Some(Bytes::copy_from_slice(own));
                });
                Ok(header)
            }
        }
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
