//! The durable queue of the server: messages by arrival, and beside them devices, marks, starts and uploads.
//!
//! A [`Batch`] is there as a whole and fsynced when [`Storage::commit`] returns, or not at all. Entries are bytes to the store; it
//! never looks into them, knows no clock and no network. Two implementations: [`DiskStore`], a log of segments in one folder, and
//! [`MemoryStore`] for simulations, which crashes and fails when told. [`GroupCommit`] puts either behind a thread that writes what
//! was submitted while the last commit was being synced.

mod batch;
mod disk;
mod error;
mod group;
pub mod limits;
mod memory;
mod reader;
mod record;
mod recovered;
mod state;

pub use batch::{Batch, Device, Message, Start};
pub use disk::{DiskStore, Options, Usage, check_payload, check_segment};
pub use error::{Place, StoreError};
pub use group::{Busy, Completion, Group, GroupCommit};
pub use memory::{Fault, MemoryDisk, MemoryStore};
pub use reader::{Reader, Stored};
pub use recovered::{Recovered, Upload, Waiting, WaitingList};
pub use state::Starts;

/// Where committed batches go.
pub trait Storage: Send {
    /// Commits the parts together, in their order; all of it is on disk when this returns, or nothing is.
    ///
    /// # Errors
    /// [`StoreError::Full`] and [`StoreError::TooLarge`] leave the store as it was. After [`StoreError::Broken`] it takes nothing more.
    fn commit(&mut self, parts: &[Batch]) -> Result<(), StoreError>;

    /// A handle that reads what is committed, from any thread, while commits go on.
    fn reader(&self) -> Reader;
}
