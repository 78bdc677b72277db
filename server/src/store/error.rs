//! Why the store cannot serve.

use std::path::PathBuf;

/// Why the store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or entered.
    #[error("the folder {} cannot be used: {source}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has the store open.
    #[error("the store {} is in use by another process", file.display())]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// The file is no store, or is damaged. It is left as it is.
    #[error("the store {} is damaged or no store of msgsrouter ({source}); move it away to start with an empty one", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What the engine says.
        source: redb::Error,
    },
    /// The store was written by another version of the server.
    #[error("the store has schema {found}, this server reads schema {known}")]
    Schema {
        /// The schema found.
        found: u64,
        /// The schema that this server writes.
        known: u64,
    },
    /// The engine cannot read or write.
    #[error("the store cannot be read or written: {0}")]
    Engine(#[from] redb::Error),
    /// A record cannot be read or written.
    #[error("a record of the store cannot be read or written: {0}")]
    Record(#[from] serde_json::Error),
    /// A record holds a state that this server does not know.
    #[error("a session in the store has the unknown state {0}")]
    SessionState(u8),
    /// The thread that writes cannot be started.
    #[error("the thread of the store cannot be started: {0}")]
    Thread(std::io::Error),
    /// The disk failed or was full, and the file could not be opened again yet.
    #[error("the store is closed until the disk can be written again")]
    Closed,
    /// What was to be made durable could not be written; the log says why.
    #[error("the store did not write")]
    NotWritten,
}

macro_rules! from_engine {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Engine(error.into())
            }
        }
    )*};
}

from_engine!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);
