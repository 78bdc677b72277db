//! The queues of all devices, running: drives the [`Exchange`], which decides, with connections, clock and disk.
//!
//! One lock stands around the exchange. It is held for a decision and for putting what follows of it into the queues of
//! connections, so that each of them sees everything in one order; never while anything is awaited, read or written.
//! `writer` takes what is to be kept to the store, batch by batch; `fetching` reads what waits for devices that came
//! back; a tick drops what has expired. Knows neither WebSocket nor version 1: those are a `Line` and `Version1`.

mod expiry;
mod fetching;
mod inner;
pub mod limits;
mod outgoing;
mod records;
mod recovery;
mod stored;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use msr_delivery::{ConnectionId, DeviceIndex, Exchange, Greeting, Now, Offered, Welcomed};
use msr_protocol::{Code, Credential};
use msr_store::StoreError;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tracing::error;

use fetching::Fetch;
use inner::{Afterwards, Inner, State};
pub(crate) use outgoing::{Large, Line, Outgoing, Version1};
use records::Records;
pub use stored::StoredQueues;

/// The clock on the wall, in ms since 1970.
pub type Clock = fn() -> i64;

/// The running queues: a cheap handle.
#[derive(Clone)]
pub(crate) struct Queues {
    inner: Arc<Inner>,
}

/// What is told to whoever waits.
#[derive(Default)]
struct Signals {
    /// There is something to write.
    work: Notify,
    /// A batch was written, or was not.
    committed: Notify,
    closed: AtomicBool,
    broken: AtomicBool,
}

/// What runs beside the connections, once it was started.
enum Tasks {
    Waiting(Box<(Records, mpsc::UnboundedReceiver<Fetch>)>),
    Running(JoinHandle<()>),
    Over,
}

impl Queues {
    /// Queues that hold what was stored; nothing is written or read before [`Queues::start`].
    pub(crate) fn new(stored: StoredQueues) -> Self {
        let StoredQueues { exchange, records, reader, clock, opened } = stored;
        let (fetches, requests) = mpsc::unbounded_channel();
        let inner = Inner {
            devices: AtomicUsize::new(exchange.devices()),
            waiting: AtomicUsize::new(exchange.waiting()),
            state: Mutex::new(State { exchange, lines: HashMap::new(), stopped: false }),
            reader,
            signals: Arc::default(),
            fetches,
            version_1: OnceLock::new(),
            large_reads: Semaphore::new(limits::LARGE_READS_AT_ONCE),
            clock,
            opened,
            tasks: Mutex::new(Tasks::Waiting(Box::new((records, requests)))),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Writes, reads and expires from now on, until the last handle is dropped. To be called within a tokio runtime.
    pub(crate) fn start(&self, version_1: Weak<dyn Version1>) {
        let inner = &self.inner;
        let _ = inner.version_1.set(version_1);
        let mut tasks = inner.tasks.lock();
        let Tasks::Waiting(parts) = std::mem::replace(&mut *tasks, Tasks::Over) else { return };
        let (records, requests) = *parts;
        let writer = tokio::spawn(writer::run(Arc::downgrade(inner), Arc::clone(&inner.signals), records));
        tokio::spawn(fetching::run(Arc::downgrade(inner), inner.reader.clone(), requests));
        tokio::spawn(expiry::regularly(Arc::downgrade(inner)));
        *tasks = Tasks::Running(writer);
    }

    /// Registers a device. `welcome` makes the answer, which goes before anything else; an older connection of the device
    /// is closed.
    ///
    /// # Errors
    /// [`Code::InvalidRegistration`], [`Code::GoingAway`].
    pub(crate) fn register(
        &self,
        connection: ConnectionId,
        line: Arc<dyn Line>,
        greeting: &Greeting,
        welcome: impl FnOnce(&Welcomed) -> Vec<u8>,
    ) -> Result<(), Code> {
        let mut state = self.inner.state.lock();
        if state.stopped {
            return Err(Code::GoingAway);
        }
        let welcomed = state.exchange.hello(connection, greeting, self.inner.now())?;
        let mut afterwards = Afterwards::default();
        afterwards.wakers.extend(line.take(Outgoing::Frame(welcome(&welcomed))));
        state.lines.insert(connection, line);
        state.exchange.ready(connection);
        self.inner.finish(state, afterwards);
        Ok(())
    }

    /// Does something of a registered connection, unless the queues take in nothing any more.
    pub(crate) fn act(&self, act: impl FnOnce(&mut Exchange, Now)) {
        let mut state = self.inner.state.lock();
        if !state.stopped {
            act(&mut state.exchange, self.inner.now());
        }
        self.inner.finish(state, Afterwards::default());
    }

    /// The connection is gone.
    pub(crate) fn leave(&self, connection: ConnectionId) {
        let mut state = self.inner.state.lock();
        state.lines.remove(&connection);
        state.exchange.disconnected(connection, self.inner.now());
        self.inner.finish(state, Afterwards::default());
    }

    /// A message of version 1: queued for the devices of its recipients and of the sender. Gives how many of the
    /// recipients have devices.
    pub(crate) fn relay_in(&self, from: Credential, offered: &Offered<'_>) -> usize {
        if self.devices() == 0 {
            return 0;
        }
        let mut known = 0;
        self.act(|exchange, now| known = exchange.relay_in(from, offered, now));
        known
    }

    /// Waits while the connection has more under way to the disk than it may, or all together have.
    pub(crate) async fn room(&self, connection: ConnectionId) {
        loop {
            let committed = self.inner.signals.committed.notified();
            if self.has_room(connection) {
                return;
            }
            committed.await;
        }
    }

    /// Whether [`Queues::room`] would wait.
    pub(crate) fn has_room(&self, connection: ConnectionId) -> bool {
        let exchange = &self.inner.state.lock().exchange;
        exchange.uncommitted_messages(connection) < limits::UNCOMMITTED_MESSAGES_PAUSE
            && exchange.unwritten_bytes() < limits::UNWRITTEN_BYTES_PAUSE
    }

    /// The next bytes of a large entry, [`limits::PART_BYTES`] at most; `None` when nobody waits for it any more.
    ///
    /// # Errors
    /// When the store cannot read it.
    pub(crate) async fn part(&self, large: Large, offset: u32) -> Result<Option<Bytes>, StoreError> {
        let Large { arrival, bytes, .. } = large;
        let take = |entry: &[u8]| {
            let end = entry.len().min(offset.saturating_add(limits::PART_BYTES) as usize);
            Bytes::copy_from_slice(entry.get(offset as usize..end).unwrap_or_default())
        };
        let uncommitted = self.inner.state.lock().exchange.uncommitted(arrival);
        if let Some(entry) = uncommitted {
            return Ok(Some(take(&entry)));
        }
        let _permit = self.inner.large_reads.acquire().await;
        let reader = self.inner.reader.clone();
        let reading = tokio::task::spawn_blocking(move || {
            // A part has no checksum: the whole is read and checked before the first one goes out.
            if offset == 0 && reader.read(&[arrival])?.pop().flatten().is_none() {
                return Ok(None);
            }
            reader.read_part(arrival, bytes, offset, limits::PART_BYTES)
        });
        reading.await.unwrap_or_else(|_| Err(broken("read a part")))
    }

    /// Retires the devices that have been away for longer than `ttl`.
    pub(crate) async fn retire_idle(&self, ttl: Duration) {
        let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        let mut next = Some(DeviceIndex(0));
        while let Some(from) = next.take() {
            self.act(|exchange, now| next = exchange.retire_idle(ttl_ms, from, now));
            tokio::task::yield_now().await;
        }
    }

    /// Which of these peers have a device here.
    pub(crate) fn known_among(&self, peers: &[Credential]) -> BTreeSet<Credential> {
        let state = self.inner.state.lock();
        peers.iter().copied().filter(|peer| state.exchange.knows(*peer)).collect()
    }

    /// How many devices there are, connected or not.
    pub(crate) fn devices(&self) -> usize {
        self.inner.devices.load(Ordering::Relaxed)
    }

    /// How many entries wait, in all queues together.
    pub(crate) fn waiting(&self) -> usize {
        self.inner.waiting.load(Ordering::Relaxed)
    }

    /// Takes in nothing more, and waits until everything that was taken in is on disk, or the disk has failed.
    pub(crate) async fn stop(&self) {
        self.inner.state.lock().stopped = true;
        self.written().await;
    }

    /// Writes what is left and closes the store.
    pub(crate) async fn close(&self) {
        let writer = match std::mem::replace(&mut *self.inner.tasks.lock(), Tasks::Over) {
            Tasks::Running(writer) => writer,
            Tasks::Waiting(_) | Tasks::Over => return,
        };
        self.inner.signals.closed.store(true, Ordering::SeqCst);
        self.inner.signals.work.notify_one();
        if writer.await.is_err() {
            error!("the task that writes was lost");
        }
    }

    /// Whether the disk has failed: nothing is accepted any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.inner.signals.broken.load(Ordering::SeqCst)
    }

    /// Waits until the disk has failed.
    pub(crate) async fn broken(&self) {
        self.after_commits(|| self.is_broken()).await;
    }

    async fn written(&self) {
        self.after_commits(|| self.is_broken() || self.inner.state.lock().exchange.is_written()).await;
    }

    async fn after_commits(&self, reached: impl Fn() -> bool) {
        loop {
            let committed = self.inner.signals.committed.notified();
            if reached() {
                return;
            }
            committed.await;
        }
    }
}

fn broken(operation: &'static str) -> StoreError {
    StoreError::Broken { operation, source: Arc::new(std::io::ErrorKind::Other.into()) }
}
