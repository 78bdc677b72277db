//! The file of the engine, opened again when the engine has given it up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use redb::{Database, DatabaseError};

use super::{StoreError, limits};

pub(crate) struct File {
    path: PathBuf,
    /// None when it could not be opened again.
    database: Mutex<Option<Arc<Database>>>,
}

impl File {
    /// Opens the file of that name in this folder, or makes one.
    pub(crate) fn open(folder: &Path, name: &str) -> Result<Self, StoreError> {
        make_folder(folder).map_err(|source| StoreError::Folder { folder: folder.to_owned(), source })?;
        let path = folder.join(name);
        let database = Mutex::new(Some(open(&path)?));
        Ok(Self { path, database })
    }

    /// The engine; not to be kept, or the file cannot be opened again.
    pub(crate) fn database(&self) -> Result<Arc<Database>, StoreError> {
        self.database.lock().clone().ok_or(StoreError::Closed)
    }

    /// The engine, unless the file is being opened again, which can take a while.
    pub(super) fn database_now(&self) -> Option<Arc<Database>> {
        self.database.try_lock()?.clone()
    }

    /// Closes the file and opens it again.
    pub(crate) fn reopen(&self) -> Result<(), StoreError> {
        let mut database = self.database.lock();
        drop(database.take());
        *database = Some(open(&self.path)?);
        Ok(())
    }
}

fn open(path: &Path) -> Result<Arc<Database>, StoreError> {
    let damaged = |source: redb::Error| match source {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { file: path.to_owned() },
        source => StoreError::Damaged { file: path.to_owned(), source },
    };
    let mut database =
        redb::Builder::new().set_cache_size(limits::CACHE_BYTES).create(path).map_err(|error: DatabaseError| damaged(error.into()))?;
    // The engine trusts a file that was closed well; a disk or a person may have changed it since.
    database.check_integrity().map_err(|error| damaged(error.into()))?;
    Ok(Arc::new(database))
}

/// Names and addresses of people are nobody else's business: the folder is the owner's alone.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}
