//! What is remembered over a restart: who the peers are, when they signed in and out, and the sessions of dialect B.
//!
//! An embedded database ([redb](https://docs.rs/redb)) in one folder. What changes is handed to one thread and written
//! in batches; nothing here makes a caller wait for the disk to write but [`PeerStore::open`] and [`PeerStore::flush`].
//! Secrets never come here, session ids only as digests.
//!
//! The engine takes nothing more after an error of the disk, a full one among them. The file is then opened again, and what could
//! not be written is kept in memory, within bounds, until it can.

mod error;
mod file;
mod limits;
mod profile;
mod session;
mod tables;
#[cfg(test)]
mod tests;
mod unwritten;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::Duration;

use msr_protocol::Credential;
use parking_lot::Mutex;
use redb::ReadableDatabase;
use tokio::sync::oneshot;
use tracing::{info, warn};

pub use error::StoreError;
pub(crate) use file::File;
pub use profile::{Identity, Profile};
pub use session::{SessionDigest, SessionState, StoredSession};
use unwritten::Unwritten;
use writer::{Change, Writer};

/// The store: a cheap handle. When the last one is dropped, what waits is written and the file is closed.
#[derive(Clone)]
pub struct PeerStore {
    inner: Arc<Inner>,
}

/// A peer as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPeer {
    /// Who.
    pub profile: Profile,
    /// Whether it is signed in.
    pub online: bool,
    /// When it last signed in, in ms since 1970.
    pub signed_in_ms: i64,
    /// When it last signed out, in ms since 1970; 0 for never.
    pub signed_out_ms: i64,
}

struct Inner {
    file: Arc<File>,
    ttl: Duration,
    changes: Option<SyncSender<Change>>,
    writer: Option<JoinHandle<()>>,
    lost: AtomicU64,
    failed: Arc<AtomicU64>,
    /// What the changes hold that are not written yet.
    waiting_bytes: Arc<AtomicUsize>,
    /// The peers among them.
    unwritten: Arc<Unwritten>,
    /// What was read at the start, until somebody takes it.
    sessions: Mutex<Vec<StoredSession>>,
}

impl PeerStore {
    /// Opens the store in `folder`, or makes an empty one. Everybody who was online is signed out as of `now_ms`; who has
    /// been signed out for longer than `ttl` is forgotten.
    ///
    /// # Errors
    /// When the folder cannot be used, the store is in use elsewhere, damaged, or of another schema. It is left as it is.
    pub fn open(folder: &Path, ttl: Duration, now_ms: i64) -> Result<Self, StoreError> {
        let file = Arc::new(File::open(folder, "peers.redb")?);
        let database = file.database()?;
        let transaction = database.begin_write()?;
        tables::prepare(&transaction)?;
        tables::sign_everybody_out(&transaction, now_ms)?;
        tables::clear(&transaction, before_ms(now_ms, ttl))?;
        transaction.commit()?;
        let sessions = Mutex::new(tables::sessions(&database.begin_read()?)?);
        let failed = Arc::new(AtomicU64::new(0));
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let unwritten = Arc::new(Unwritten::default());
        let (changes, received) = mpsc::sync_channel(limits::WAITING_CHANGES);
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn({
                let (file, failed) = (Arc::clone(&file), Arc::clone(&failed));
                let (waiting_bytes, unwritten) = (Arc::clone(&waiting_bytes), Arc::clone(&unwritten));
                move || Writer::new(&file, &failed, &waiting_bytes, &unwritten).run(&received)
            })
            .map_err(StoreError::Thread)?;
        info!(?folder, "store open");
        let (changes, writer, lost) = (Some(changes), Some(writer), AtomicU64::new(0));
        Ok(Self { inner: Arc::new(Inner { file, ttl, changes, writer, lost, failed, waiting_bytes, unwritten, sessions }) })
    }

    /// How long a peer that signed out, and a session that is over, are remembered.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.inner.ttl
    }

    /// How many changes the store has lost: too many waited, or the disk refused them. The log says which.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.inner.lost.load(Ordering::Relaxed) + self.inner.failed.load(Ordering::Relaxed)
    }

    /// The peer is online.
    pub fn sign_in(&self, profile: Arc<Profile>, at_ms: i64) {
        self.hand_over(Change::SignIn { profile, at_ms });
    }

    /// The last connection of the peer ended.
    pub fn sign_out(&self, credential: Credential, at_ms: i64) {
        self.hand_over(Change::SignOut { credential, at_ms });
    }

    /// The session is as given from now on.
    pub fn put_session(&self, session: StoredSession) {
        self.hand_over(Change::Session(Box::new(session)));
    }

    /// The session is forgotten.
    pub fn forget_session(&self, digest: SessionDigest) {
        self.hand_over(Change::ForgetSession(digest));
    }

    /// Forgets who has been signed out, and what has been over, for longer than the TTL.
    pub fn clear(&self, now_ms: i64) {
        self.hand_over(Change::Clear { before_ms: before_ms(now_ms, self.inner.ttl) });
    }

    /// Waits until everything handed over before is on disk.
    ///
    /// # Errors
    /// [`StoreError::NotWritten`].
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let mut flush = Some(Change::Flush(done));
        // The channel is of the standard library and may be full: come back until the writer has made room.
        while let (Some(change), Some(changes)) = (flush.take(), &self.inner.changes) {
            match changes.try_send(change) {
                Ok(()) => break,
                Err(TrySendError::Full(change)) => flush = Some(change),
                Err(TrySendError::Disconnected(_)) => return Err(StoreError::NotWritten),
            }
            tokio::time::sleep(Duration::from_millis(limits::LINGER_MS)).await;
        }
        if written.await == Ok(true) { Ok(()) } else { Err(StoreError::NotWritten) }
    }

    /// What is on disk about a peer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn peer(&self, credential: Credential) -> Result<Option<StoredPeer>, StoreError> {
        tables::peer(&self.inner.file.database()?.begin_read()?, credential)
    }

    /// Who was registered under that credential before, written or not. Reads one row; does not wait for a file that is being
    /// opened again.
    ///
    /// # Errors
    /// When the store cannot be read: [`StoreError::Closed`] while its file is being opened again, for then nobody knows.
    pub fn known(&self, credential: Credential) -> Result<Option<Arc<Profile>>, StoreError> {
        if let Some(profile) = self.inner.unwritten.profile(credential) {
            return Ok(Some(profile));
        }
        let database = self.inner.file.database_now().ok_or(StoreError::Closed)?;
        Ok(tables::peer(&database.begin_read()?, credential)?.map(|peer| Arc::new(peer.profile)))
    }

    /// The sessions that were on disk at the start, all of them over. They are given once.
    #[must_use]
    pub fn take_sessions(&self) -> Vec<StoredSession> {
        std::mem::take(&mut self.inner.sessions.lock())
    }

    fn hand_over(&self, change: Change) {
        let Some(changes) = &self.inner.changes else { return };
        let (waiting, bytes) = (&self.inner.waiting_bytes, change.bytes());
        let fits = waiting.fetch_add(bytes, Ordering::Relaxed) + bytes <= limits::WAITING_BYTES || bytes == 0;
        let (unwritten, peer) = (&self.inner.unwritten, change.signed_in());
        if let (true, Change::SignIn { profile, .. }) = (fits, &change) {
            unwritten.add(profile);
        }
        if !fits || changes.try_send(change).is_err() {
            waiting.fetch_sub(bytes, Ordering::Relaxed);
            if let (true, Some(peer)) = (fits, peer) {
                unwritten.remove(peer);
            }
            let lost = self.inner.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // A disk that stands still loses thousands: every so many are enough to say so.
            if lost.is_power_of_two() {
                warn!(lost, "the store does not keep up: a change is lost");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.changes.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            warn!("the thread of the store panicked");
        }
    }
}

fn before_ms(now_ms: i64, ttl: Duration) -> i64 {
    now_ms.saturating_sub(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}
