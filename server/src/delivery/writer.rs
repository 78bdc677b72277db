//! Batches on their way to the disk, one after the other. While one is written the next one fills.

use std::sync::{Arc, Weak};
use std::time::Duration;

use msr_delivery::CommitError;
use tokio::time::sleep;

use super::inner::Inner;
use super::records::Records;
use super::{Signals, limits};

/// Writes until the queues are gone or closed, or the disk has failed.
pub(super) async fn run(queues: Weak<Inner>, signals: Arc<Signals>, mut records: Records) {
    let mut pause_ms = limits::FULL_PAUSE_MS;
    loop {
        let Some(inner) = queues.upgrade() else { return };
        let Some(batch) = inner.take_batch() else {
            if inner.is_closed() {
                return;
            }
            drop(inner);
            signals.work.notified().await;
            continue;
        };
        let committing = tokio::task::spawn_blocking(move || {
            let result = records.commit(&batch);
            (records, result)
        });
        let result = match committing.await {
            Ok((kept, result)) => {
                records = kept;
                result
            }
            // It panicked: what is on disk is unknown.
            Err(_lost) => return inner.committed(Err(CommitError::Broken)),
        };
        inner.committed(result);
        match result {
            Ok(()) => pause_ms = limits::FULL_PAUSE_MS,
            Err(CommitError::Full) => {
                drop(inner);
                sleep(Duration::from_millis(pause_ms)).await;
                pause_ms = (2 * pause_ms).min(limits::FULL_PAUSE_MAX_MS);
            }
            Err(CommitError::Broken) => return,
        }
    }
}
