//! The switch: who is connected, who is who, and what goes to whom. It knows neither HTTP nor TLS nor how anything is
//! stored.
//!
//! A message comes in at `websocket`, is read and judged in `connection`, finds its recipients' connections in
//! `registry`, is spelled for them by `relay` and waits in the `queue` of each; the task of that connection joins
//! what waits into few writes. One task a connection; between them only queues that never make anybody wait. Version 1
//! hands a message over at most once: what cannot be handed over is counted and logged. Version 2 has a folder of its
//! own, `v2`; what is sent there waits in the durable queues of [`crate::delivery`]. Peers of both reach each other.

mod connection;
mod counts;
mod directory;
#[cfg(feature = "conformance")]
mod echo;
mod ending;
mod heard;
pub mod limits;
mod place;
mod queue;
mod rate;
mod registration;
mod registry;
mod relay;
mod remembered;
mod routing;
mod rules;
mod search;
mod sessions;
#[cfg(test)]
mod tests;
pub mod v2;
mod websocket;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::ws::WebSocket;
use msr_delivery::Lists;
use msr_protocol::Code;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, error, info, info_span, warn};

use crate::delivery::{Clock, Outgoing, Queues, StoredQueues};
use crate::keys::{Keys, StoredKeys};
use crate::store::PeerStore;
use connection::Connection;
use counts::Counters;
pub use counts::Counts;
#[cfg(feature = "conformance")]
pub use echo::echo;
use ending::Ending;
pub use heard::Heard;
pub use place::{Place, Remote};
use queue::{Pool, SendQueue};
pub use rate::Rate;
use registry::Registry;
pub use rules::{Identities, Rules};
use sessions::Sessions;
use websocket::Text;

/// The router with its registry: a cheap handle.
#[derive(Clone)]
pub struct Switch {
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    registry: Registry,
    sessions: Sessions,
    store: PeerStore,
    queues: Queues,
    keys: Keys,
    lists: Arc<dyn Lists + Send + Sync>,
    uploads: v2::UploadBudget,
    /// Every connection, registered or not.
    connections: Mutex<HashMap<u64, Wire>>,
    connection_gone: Notify,
    next_connection: AtomicU64,
    draining: AtomicBool,
    pool: Arc<Pool>,
    rules: Rules,
    counters: Counters,
    random: SystemRandom,
    clock: Clock,
}

/// Where a connection of either version is told that it is to end.
#[derive(Clone)]
enum Wire {
    Texts(Arc<SendQueue>),
    Frames(Arc<SendQueue<Outgoing>>),
}

impl Wire {
    fn end(&self, ending: Ending) {
        match self {
            Self::Texts(queue) => queue.end(ending),
            Self::Frames(queue) => queue.end(ending),
        };
    }
}

impl Switch {
    /// A switch that nobody is connected to. To be called within a tokio runtime: batches are written, what has expired
    /// is dropped, and what is older than the store's TTL is cleared from then on.
    #[must_use]
    pub fn new(store: PeerStore, queues: StoredQueues, keys: StoredKeys, rules: Rules) -> Self {
        let lists = Arc::new(keys.lists().clone());
        Self::with_lists(store, queues, keys, rules, lists)
    }

    /// The same, where what is sealed must fit these lists of devices.
    #[must_use]
    pub fn with_lists(store: PeerStore, queues: StoredQueues, keys: StoredKeys, rules: Rules, lists: Arc<dyn Lists + Send + Sync>) -> Self {
        let shared = Arc::new(Shared::new(store, queues, keys, rules, lists));
        let as_version_1: Weak<Shared> = Arc::downgrade(&shared);
        shared.queues.start(as_version_1);
        shared.keys.start();
        tokio::spawn(clear_regularly(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// Serves one connection, until it ends. It speaks version 2 if that is the sub-protocol that was agreed on.
    pub async fn serve(&self, socket: WebSocket, remote: Remote) {
        let span = |id: u64| info_span!("connection", id, remote = %remote.address);
        if socket.protocol().is_some_and(|protocol| protocol == msr_protocol::v2::SUBPROTOCOL) {
            let connection = v2::Connection::admit(&self.shared, remote.place);
            let span = span(connection.id());
            v2::attend(socket, connection, remote.heard).instrument(span).await;
        } else {
            let connection = Connection::admit(&self.shared, remote.place);
            let span = span(connection.id());
            websocket::attend(socket, connection, remote.heard).instrument(span).await;
        }
    }

    /// Waits until the disk has failed: nothing is accepted any more, and the server should end.
    pub async fn broken(&self) {
        self.shared.queues.broken().await;
    }

    /// Takes in nothing more and makes durable what was taken in; closes every connection, and each that comes later,
    /// with 1012, or with 4508 when the disk has failed; waits until they are gone, or for `deadline`, and until the stores
    /// have written.
    pub async fn drain(&self, deadline: Duration) {
        let until = Instant::now() + deadline;
        self.shared.draining.store(true, Ordering::SeqCst);
        info!(connections = self.shared.connections.lock().len(), "draining");
        if timeout_at(until, self.shared.queues.stop()).await.is_err() {
            warn!("not everything that was taken in is on disk; none of that was accepted");
        }
        let wires: Vec<_> = self.shared.connections.lock().values().cloned().collect();
        for wire in wires {
            wire.end(Ending::Refused(self.shared.why_closed()));
        }
        if timeout_at(until, self.shared.all_gone()).await.is_err() {
            info!(connections = self.shared.connections.lock().len(), "connections left behind");
        }
        if tokio::time::timeout(deadline, self.shared.queues.close()).await.is_err() {
            error!("the queues were not closed in time");
        }
        if tokio::time::timeout(deadline, self.shared.keys.close()).await.is_err() {
            error!("the keys were not closed in time");
        }
        if let Err(error) = self.shared.store.flush().await {
            error!(%error, "what is remembered over a restart is not complete");
        }
    }

    /// What the switch has done and holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Counters { registered, routed, delivered, dropped, unreached, refused } = &self.shared.counters;
        Counts {
            connections: self.shared.connections.lock().len() as u64,
            peers: self.shared.registry.peers(),
            registered: registered.get(),
            routed: routed.get(),
            delivered: delivered.get(),
            dropped: dropped.get(),
            unreached: unreached.get(),
            refused: refused.get(),
            store_lost: self.shared.store.lost(),
            devices: self.shared.queues.devices() as u64,
            waiting: self.shared.queues.waiting() as u64,
            list_bytes: self.shared.keys.lists().bytes() as u64,
        }
    }
}

impl Shared {
    fn new(store: PeerStore, queues: StoredQueues, keys: StoredKeys, rules: Rules, lists: Arc<dyn Lists + Send + Sync>) -> Self {
        Self {
            registry: Registry::new(store.clone()),
            sessions: Sessions::new(store.clone()),
            store,
            clock: queues.clock(),
            queues: Queues::new(queues),
            keys: Keys::new(keys),
            lists,
            uploads: v2::UploadBudget::default(),
            connections: Mutex::default(),
            connection_gone: Notify::new(),
            next_connection: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            pool: Pool::new(limits::QUEUED_BYTES_IN_ALL),
            rules,
            counters: Counters::default(),
            random: SystemRandom::new(),
        }
    }

    /// Takes a connection in and numbers it; while the switch drains it ends at once.
    fn take_in(&self, wire: Wire) -> u64 {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        self.connections.lock().insert(id, wire.clone());
        // Asked after it went in: so either it is seen here, or the drain sees the connection.
        if self.draining.load(Ordering::SeqCst) {
            wire.end(Ending::Refused(self.why_closed()));
        }
        id
    }

    /// Why connections are closed while the switch drains.
    fn why_closed(&self) -> Code {
        if self.queues.is_broken() { Code::StoreBroken } else { Code::GoingAway }
    }

    /// Says in the log why a connection ended.
    fn note(&self, ending: Ending) {
        match ending {
            Ending::Bye => info!("closed: bye"),
            Ending::Gone => info!("closed by the other side"),
            Ending::Broken { close_code } => info!(close_code, "closed: not as the WebSocket protocol wants it"),
            Ending::Refused(code) => {
                let (reason, code_number) = (code.reason(), code.number());
                self.counters.refused.add(1);
                match code {
                    Code::SlowConsumer | Code::ResumeViolation | Code::RateLimited => {
                        warn!(code = code_number, reason, "closed");
                    }
                    _ => info!(code = code_number, reason, "closed"),
                }
            }
        }
    }

    fn let_go(&self, connection: u64) {
        self.connections.lock().remove(&connection);
        self.connection_gone.notify_waiters();
    }

    /// Closes another connection.
    fn end_connection(&self, connection: u64, code: Code) {
        let wire = self.connections.lock().get(&connection).cloned();
        if let Some(wire) = wire {
            wire.end(Ending::Refused(code));
        }
    }

    async fn all_gone(&self) {
        loop {
            let gone = self.connection_gone.notified();
            if self.connections.lock().is_empty() {
                return;
            }
            gone.await;
        }
    }
}

/// Clears what is older than the TTL, until the switch is gone.
async fn clear_regularly(shared: Weak<Shared>) {
    let least = Duration::from_millis(limits::CLEARING_INTERVAL_MIN_MS);
    let most = Duration::from_millis(limits::CLEARING_INTERVAL_MS);
    while let Some(interval) = shared.upgrade().map(|shared| shared.store.ttl().clamp(least, most)) {
        tokio::time::sleep(interval).await;
        if let Some(shared) = shared.upgrade() {
            let now_ms = (shared.clock)();
            shared.sessions.clear(now_ms);
            shared.store.clear(now_ms);
            shared.queues.retire_idle(shared.store.ttl()).await;
            forget_keys(&shared).await;
        }
    }
}

/// Forgets lists and prekeys of peers of whom nothing else is known any more: signed out for the TTL, without a device.
async fn forget_keys(shared: &Arc<Shared>) {
    let weak = Arc::downgrade(shared);
    let is_known = move |peer| {
        weak.upgrade().is_none_or(|shared| {
            shared.registry.profile(peer).is_some()
                || !shared.queues.known_among(&[peer]).is_empty()
                || !matches!(shared.store.known(peer), Ok(None))
        })
    };
    shared.keys.forget_unknown(Arc::new(is_known)).await;
}
