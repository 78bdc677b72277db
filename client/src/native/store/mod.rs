//! Where a client keeps what its device must not forget.

mod folder;
mod memory;
mod worker;

use std::io;
use std::path::PathBuf;

use msr_protocol::Credential;

pub use self::folder::Folder;
pub use self::memory::Memory;
pub(super) use self::worker::{Done, Worker};
use crate::Change;

/// Records under keys, for one peer.
pub trait Store: Send {
    /// All that is kept.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&mut self) -> io::Result<Vec<(String, Vec<u8>)>>;

    /// Makes these changes, all or none of them; when it returns, they outlive the process and, if it can be, the machine.
    ///
    /// # Errors
    /// When none of them was made.
    fn apply(&mut self, changes: &[Change]) -> io::Result<()>;
}

/// What kind of store a client has.
#[derive(Debug, Clone)]
pub enum Storage {
    /// None: the client speaks version 1 alone.
    Version1,
    /// Memory, which clients may share one after the other.
    Memory(Memory),
    /// A folder, which is made when it is not there.
    Folder(PathBuf),
}

impl Default for Storage {
    /// Memory of its own.
    fn default() -> Self {
        Self::Memory(Memory::default())
    }
}

impl Storage {
    fn open(&self, credential: Credential) -> io::Result<Box<dyn Store>> {
        Ok(match self {
            Self::Version1 => Box::new(Memory::default().of(credential)),
            Self::Memory(memory) => Box::new(memory.of(credential)),
            Self::Folder(path) => Box::new(Folder::open(path, credential)?),
        })
    }
}
