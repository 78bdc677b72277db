//! Lists and prekeys as a file holds them.

use std::path::Path;

use msr_protocol::Credential;
use tracing::{info, warn};

use super::lists::{CurrentLists, KnownList};
use super::tables;
use crate::store::{File, StoreError};

/// What a file holds of lists and prekeys, before anybody is served.
pub struct StoredKeys {
    pub(super) file: File,
    pub(super) lists: CurrentLists,
}

impl StoredKeys {
    /// Opens the file in `folder`, or makes an empty one, and reads every list. Blocks.
    ///
    /// # Errors
    /// When the file cannot be used; it is left as it is.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let file = File::open(folder, "keys.redb")?;
        let lists = CurrentLists::default();
        lists.replace(read(&file)?);
        info!(lists = lists.len(), "keys open");
        Ok(Self { file, lists })
    }

    /// The lists that are in force, now and from now on.
    #[must_use]
    pub fn lists(&self) -> &CurrentLists {
        &self.lists
    }

    /// After a refusal of the disk nobody knows what was written: it is read again.
    pub(super) fn reopen(&mut self) -> Result<(), StoreError> {
        self.file.reopen()?;
        self.lists.replace(read(&self.file)?);
        Ok(())
    }
}

fn read(file: &File) -> Result<Vec<(Credential, KnownList)>, StoreError> {
    let lists = tables::prepare(file)?;
    let known = lists.into_iter().filter_map(|(peer, signed)| match KnownList::of(&signed) {
        Ok(list) => Some((peer, list)),
        Err(error) => {
            warn!(%peer, %error, "a list in the store is none");
            None
        }
    });
    Ok(known.collect())
}
