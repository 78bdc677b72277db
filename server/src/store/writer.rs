//! The one thread that writes: it takes what has come, writes it in one transaction, and starts over. So a commit costs
//! the same for one change as for a thousand, and nobody who routes ever waits for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use msr_protocol::Credential;
use redb::{Database, WriteTransaction};
use tokio::sync::oneshot;
use tracing::error;

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
}

/// Writes until the last sender is gone and all it sent is written.
pub(super) fn run(database: &Database, changes: &Receiver<Change>, failed: &AtomicU64, waiting_bytes: &AtomicUsize) {
    while let Ok(first) = changes.recv() {
        let batch = gather(first, changes);
        let written = write(database, &batch);
        if let Err(error) = &written {
            failed.fetch_add(1, Ordering::Relaxed);
            error!(changes = batch.len(), %error, "the store did not write");
        }
        waiting_bytes.fetch_sub(batch.iter().map(Change::bytes).sum(), Ordering::Relaxed);
        for change in batch {
            if let Change::Flush(done) = change {
                // Whoever waited may have given up.
                let _ = done.send(written.is_ok());
            }
        }
    }
}

/// The first change and those that come within the linger; a flush cuts it short.
fn gather(first: Change, changes: &Receiver<Change>) -> Vec<Change> {
    let deadline = Instant::now() + Duration::from_millis(limits::LINGER_MS);
    let mut batch = vec![first];
    while batch.len() < limits::BATCH_CHANGES && !matches!(batch.last(), Some(Change::Flush(_))) {
        match changes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(change) => batch.push(change),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    batch
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
