//! Messages that come in pieces. None has a place in the order of its device until it is finished, so that nothing waits
//! for one. All of it is memory, bounded for each connection and for all together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use msr_delivery::limits::{MESSAGE_BYTES, PIECE_BYTES};
use msr_protocol::Code;
use msr_protocol::v2::{HEADER_BYTES, tags};
use tokio::time::Instant;

use super::limits;

/// What all connections together have of such messages.
#[derive(Clone, Default)]
pub(in crate::switch) struct UploadBudget {
    used_bytes: Arc<AtomicUsize>,
}

impl UploadBudget {
    fn take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= limits::UPLOAD_BYTES_IN_ALL);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Those of one connection.
pub(super) struct Uploads {
    budget: UploadBudget,
    open: BTreeMap<u64, Upload>,
    bytes: usize,
    /// The one that began last. Those up to it that are not open were declined, finished or taken back.
    last: Option<u64>,
}

/// A message on its way in, as a `Send` frame.
struct Upload {
    frame: Vec<u8>,
    whole_bytes: usize,
    touched: Instant,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is not what the protocol wants.
    Malformed,
    /// The upload is given up.
    Declined(Code),
}

impl Uploads {
    pub(super) fn new(budget: UploadBudget) -> Self {
        Self { budget, open: BTreeMap::new(), bytes: 0, last: None }
    }

    /// Opens an upload.
    pub(super) fn begin(&mut self, upload: u64, total_bytes: u64, now: Instant) -> Result<(), Trouble> {
        if total_bytes == 0 || self.last.is_some_and(|last| last >= upload) {
            return Err(Trouble::Malformed);
        }
        self.last = Some(upload);
        let total_bytes = usize::try_from(total_bytes).ok().filter(|bytes| *bytes <= MESSAGE_BYTES);
        let total_bytes = total_bytes.ok_or(Trouble::Declined(Code::TooLarge))?;
        let mut frame = vec![tags::Send];
        frame.extend_from_slice(&total_bytes.to_le_bytes()[..HEADER_BYTES - 1]);
        if self.open.len() >= limits::UPLOADS || !self.take(frame.len()) {
            return Err(Trouble::Declined(Code::Busy));
        }
        self.open.insert(upload, Upload { frame, whole_bytes: HEADER_BYTES + total_bytes, touched: now });
        Ok(())
    }

    /// The next bytes of an upload. Those of one that is not open any more are passed over.
    pub(super) fn piece(&mut self, upload: u64, offset: u64, bytes: &[u8], now: Instant) -> Result<(), Trouble> {
        let Some(open) = self.open.get(&upload) else {
            return if self.last >= Some(upload) { Ok(()) } else { Err(Trouble::Malformed) };
        };
        let had_bytes = open.frame.len();
        let fits = had_bytes + bytes.len() <= open.whole_bytes && bytes.len() <= PIECE_BYTES as usize && !bytes.is_empty();
        if !fits || offset != (had_bytes - HEADER_BYTES) as u64 {
            return Err(Trouble::Malformed);
        }
        if !self.take(bytes.len()) {
            self.remove(upload);
            return Err(Trouble::Declined(Code::Busy));
        }
        if let Some(open) = self.open.get_mut(&upload) {
            open.touched = now;
            if had_bytes == HEADER_BYTES {
                // Memory that is not written to is not taken.
                open.frame.reserve_exact(open.whole_bytes - had_bytes);
            }
            open.frame.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Ends an upload; gives its frame if it is whole.
    pub(super) fn finish(&mut self, upload: u64) -> Option<Vec<u8>> {
        let Upload { frame, whole_bytes, .. } = self.remove(upload)?;
        (frame.len() == whole_bytes).then_some(frame)
    }

    /// Gives up uploads of which nothing has come for too long; gives their names.
    pub(super) fn give_up_idle(&mut self, now: Instant) -> Vec<u64> {
        let idle = Duration::from_millis(limits::UPLOAD_IDLE_MS);
        let is_idle = |upload: &Upload| now.saturating_duration_since(upload.touched) > idle;
        let given_up: Vec<u64> = self.open.iter().filter(|(_, upload)| is_idle(upload)).map(|(upload, _)| *upload).collect();
        for upload in &given_up {
            self.remove(*upload);
        }
        given_up
    }

    fn take(&mut self, bytes: usize) -> bool {
        let has_room = self.bytes + bytes <= limits::UPLOAD_BYTES && self.budget.take(bytes);
        self.bytes += if has_room { bytes } else { 0 };
        has_room
    }

    fn remove(&mut self, upload: u64) -> Option<Upload> {
        let removed = self.open.remove(&upload)?;
        self.bytes -= removed.frame.len();
        self.budget.give_back(removed.frame.len());
        Some(removed)
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}
