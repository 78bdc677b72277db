//! What can go wrong with a store, by what one can do about it.

use std::{fmt, io, sync::Arc};

/// Why a store did not open, or a commit or a read failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full. Nothing of the commit is there; the store goes on working, and takes messages again when there is room.
    #[error("the disk is full")]
    Full,
    /// The disk failed. What the failed commit left behind is unknown until the store is opened again; until then it refuses everything.
    #[error("the store is broken: {operation}: {source}")]
    Broken {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// What is on disk is not what was written there.
    #[error("the store is damaged: {place}: {what}")]
    Damaged {
        /// The file and the offset in it.
        place: Place,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A later version of the store wrote this folder.
    #[error("the store has version {found}, this program reads version {supported}")]
    Version {
        /// The version of the folder.
        found: u32,
        /// The latest version this program reads.
        supported: u32,
    },
    /// Another process has the folder open.
    #[error("the store is in use by another process")]
    Locked,
    /// An entry beyond [`crate::limits::ENTRY_BYTES`] or a commit beyond [`crate::limits::COMMIT_BYTES`]; nothing of it is there.
    #[error("the commit is larger than the store takes")]
    TooLarge,
}

impl StoreError {
    pub(crate) fn damaged(segment: u32, offset: u64, what: &'static str) -> Self {
        Self::Damaged { place: Place { segment, offset }, what }
    }
}

/// A place in the files of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the segment: file `<segment>.log`.
    pub segment: u32,
    /// Bytes from its beginning.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}.log at byte {}", self.segment, self.offset)
    }
}
