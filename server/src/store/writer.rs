//! The one thread that writes: it takes what has come, writes it in one transaction, and starts over. So a commit costs
//! the same for one change as for a thousand, and nobody who routes ever waits for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use msr_protocol::Credential;
use redb::{Database, WriteTransaction};
use tokio::sync::oneshot;
use tracing::{error, info};

use super::file::File;
use super::unwritten::Unwritten;
use super::{Profile, SessionDigest, StoreError, StoredSession, limits, tables};

/// Something to be written.
pub(super) enum Change {
    SignIn {
        profile: Arc<Profile>,
        at_ms: i64,
    },
    SignOut {
        credential: Credential,
        at_ms: i64,
    },
    Session(Box<StoredSession>),
    ForgetSession(SessionDigest),
    Clear {
        before_ms: i64,
    },
    /// Everything before it is to be on disk; answered with whether it is.
    Flush(oneshot::Sender<bool>),
}

impl Change {
    /// What it holds that can be large, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::SignIn { profile, .. } => profile.bytes(),
            Self::Session(session) => session.profile.bytes(),
            Self::SignOut { .. } | Self::ForgetSession(_) | Self::Clear { .. } | Self::Flush(_) => 0,
        }
    }

    /// Who is remembered by it.
    pub(super) fn signed_in(&self) -> Option<Credential> {
        match self {
            Self::SignIn { profile, .. } => Some(profile.credential),
            Self::SignOut { .. } | Self::Session(_) | Self::ForgetSession(_) | Self::Clear { .. } | Self::Flush(_) => None,
        }
    }
}

/// Takes changes and writes them.
pub(super) struct Writer<'a> {
    file: &'a File,
    /// How many changes are given up.
    failed: &'a AtomicU64,
    waiting_bytes: &'a AtomicUsize,
    unwritten: &'a Unwritten,
    /// What is to be written next: what the disk refused, and then what came.
    batch: Vec<Change>,
    refused: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(file: &'a File, failed: &'a AtomicU64, waiting_bytes: &'a AtomicUsize, unwritten: &'a Unwritten) -> Self {
        Self { file, failed, waiting_bytes, unwritten, batch: Vec::new(), refused: false }
    }

    /// Writes until the last sender is gone and all it sent is written, or cannot be.
    pub(super) fn run(mut self, changes: &Receiver<Change>) {
        loop {
            let more = self.gather(changes);
            if !self.batch.is_empty() {
                self.write();
            }
            if !more {
                self.give_up();
                return;
            }
        }
    }

    /// Waits for the first change, or while the disk refuses for the next try, and takes those that come within the linger; a flush cuts
    /// it short. Whether more may come.
    fn gather(&mut self, changes: &Receiver<Change>) -> bool {
        let mut deadline = self.refused.then(|| Instant::now() + Duration::from_millis(limits::RETRY_MS));
        while self.refused || self.batch.len() < limits::BATCH_CHANGES {
            let next = match deadline {
                None => changes.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(deadline) => changes.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(change) => self.take(change),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
            let until = *deadline.get_or_insert_with(|| Instant::now() + Duration::from_millis(limits::LINGER_MS));
            if Instant::now() >= until || matches!(self.batch.last(), Some(Change::Flush(_))) {
                break;
            }
        }
        true
    }

    fn take(&mut self, change: Change) {
        if self.batch.len() < limits::WAITING_CHANGES || matches!(change, Change::Flush(_)) {
            self.batch.push(change);
        } else {
            self.failed.fetch_add(1, Ordering::Relaxed);
            self.let_go(&change);
        }
    }

    fn write(&mut self) {
        match self.try_to_write() {
            Ok(()) => {
                if self.refused {
                    info!(changes = self.batch.len(), "the store writes again");
                }
                self.refused = false;
                // Whoever waits for the flush finds nothing that still counts as unwritten.
                let flushes = self.take_flushes();
                self.forget();
                answer(flushes, true);
            }
            Err(error @ (StoreError::Engine(_) | StoreError::Damaged { .. } | StoreError::InUse { .. } | StoreError::Closed)) => {
                if !self.refused {
                    error!(changes = self.batch.len(), %error, "the store did not write, and tries again");
                }
                self.refused = true;
                answer(self.take_flushes(), false);
            }
            Err(error) => {
                error!(changes = self.batch.len(), %error, "the store did not write");
                answer(self.take_flushes(), false);
                self.give_up();
            }
        }
    }

    /// After a refusal the engine takes nothing more from us, whatever the disk would say.
    fn try_to_write(&self) -> Result<(), StoreError> {
        if self.refused {
            self.file.reopen()?;
        }
        write(&*self.file.database()?, &self.batch)
    }

    fn take_flushes(&mut self) -> Vec<Change> {
        self.batch.extract_if(.., |change| matches!(change, Change::Flush(_))).collect()
    }

    fn give_up(&mut self) {
        self.failed.fetch_add(self.batch.len() as u64, Ordering::Relaxed);
        self.forget();
    }

    fn forget(&mut self) {
        for change in std::mem::take(&mut self.batch) {
            self.let_go(&change);
        }
    }

    fn let_go(&self, change: &Change) {
        self.waiting_bytes.fetch_sub(change.bytes(), Ordering::Relaxed);
        if let Some(peer) = change.signed_in() {
            self.unwritten.remove(peer);
        }
    }
}

/// Tells those who wait, who may have given up.
fn answer(flushes: Vec<Change>, is_written: bool) {
    for flush in flushes {
        if let Change::Flush(done) = flush {
            let _ = done.send(is_written);
        }
    }
}

fn write(database: &Database, batch: &[Change]) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    for change in batch {
        apply(&transaction, change)?;
    }
    transaction.commit()?;
    Ok(())
}

fn apply(transaction: &WriteTransaction, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::SignIn { profile, at_ms } => tables::sign_in(transaction, profile, *at_ms),
        Change::SignOut { credential, at_ms } => tables::sign_out(transaction, *credential, *at_ms),
        Change::Session(session) => tables::put_session(transaction, session),
        Change::ForgetSession(digest) => tables::forget_session(transaction, *digest),
        Change::Clear { before_ms } => tables::clear(transaction, *before_ms),
        Change::Flush(_) => Ok(()),
    }
}
