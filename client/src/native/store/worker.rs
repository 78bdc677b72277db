//! The thread that owns a store: it opens, reads and writes, so that the task of the client never waits for a disk.

use std::sync::mpsc;
use std::thread;

use msr_protocol::{Code, Credential};
use tokio::sync::mpsc as answers;

use super::{Memory, Storage, Store};
use crate::{Change, Failure, Input, PersistTicket, Snapshot};

/// Keys and values.
type Records = Vec<(String, Vec<u8>)>;

/// What it is asked.
enum Job {
    Restore(Credential),
    Persist(PersistTicket, Vec<Change>),
}

/// What it has done.
pub(crate) enum Done {
    /// For the session.
    Input(Input),
    /// The store could not be opened; what is kept is kept in memory.
    Trouble(Failure),
}

/// A handle to the thread; it ends when the handle is dropped, after all it was asked.
pub(crate) struct Worker(mpsc::Sender<Job>);

impl Worker {
    pub(crate) fn start(storage: Storage) -> (Self, answers::UnboundedReceiver<Done>) {
        let (jobs, asked) = mpsc::channel();
        // At most one write is under way, so what waits here is bounded by that.
        let (done, answers) = answers::unbounded_channel();
        thread::spawn(move || work(&storage, &asked, &done));
        (Self(jobs), answers)
    }

    pub(crate) fn restore(&self, credential: Credential) {
        let _ = self.0.send(Job::Restore(credential));
    }

    pub(crate) fn persist(&self, ticket: PersistTicket, changes: Vec<Change>) {
        let _ = self.0.send(Job::Persist(ticket, changes));
    }
}

fn work(storage: &Storage, asked: &mpsc::Receiver<Job>, done: &answers::UnboundedSender<Done>) {
    let mut store: Option<Box<dyn Store>> = None;
    // Whoever asked may be gone; the thread ends with the next question then.
    while let Ok(job) = asked.recv() {
        match job {
            Job::Restore(credential) => {
                // The same peer's store may be the one that is open.
                drop(store.take());
                let (opened, records) = open(storage, credential, done);
                store = Some(opened);
                let _ = done.send(Done::Input(Input::Restored(Snapshot { credential, records, entropy: entropy() })));
            }
            Job::Persist(ticket, changes) => {
                let result = store.as_mut().map_or(Ok(()), |store| store.apply(&changes));
                let answer = match result {
                    Ok(()) => Input::Persisted { ticket },
                    Err(error) => Input::PersistFailed { ticket, reason: error.to_string() },
                };
                let _ = done.send(Done::Input(answer));
            }
        }
    }
}

fn open(storage: &Storage, credential: Credential, done: &answers::UnboundedSender<Done>) -> (Box<dyn Store>, Records) {
    let opened = storage.open(credential).and_then(|mut store| {
        let records = store.load()?;
        Ok((store, records))
    });
    opened.unwrap_or_else(|error| {
        let failure = Failure { code: Code::NotKept, detail: format!("The store cannot be opened: {error}") };
        let _ = done.send(Done::Trouble(failure));
        (Box::new(Memory::default().of(credential)), Vec::new())
    })
}

/// From the source that TLS trusts.
fn entropy() -> [u8; 32] {
    let mut entropy = [0; 32];
    // It fails where the system has no randomness at all; ids are then as good as the hash seeds of the process.
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut entropy).is_err() {
        use std::hash::{BuildHasher as _, RandomState};
        for chunk in entropy.chunks_mut(8) {
            chunk.copy_from_slice(&RandomState::new().hash_one(chunk.len()).to_le_bytes());
        }
    }
    entropy
}
