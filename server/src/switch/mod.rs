//! The switch: who is connected, who is who, and what goes to whom. It knows neither HTTP nor TLS nor how anything is
//! stored.
//!
//! A message comes in at `websocket`, is read and judged in `connection`, finds its recipients' connections in
//! `registry`, is spelled for them by `relay` and waits in the `queue` of each; the task of that connection joins
//! what waits into few writes. One task a connection; between them only queues that never make anybody wait. Version 1
//! hands a message over at most once: what cannot be handed over is counted and logged.

mod connection;
mod counts;
mod directory;
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
mod search;
mod sessions;
#[cfg(test)]
mod tests;
mod websocket;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::ws::WebSocket;
use msr_protocol::Code;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use tokio::sync::Notify;
use tracing::{Instrument, error, info, info_span};

use crate::store::PeerStore;
use connection::Connection;
use counts::Counters;
pub use counts::Counts;
use ending::Ending;
pub use heard::Heard;
pub use place::{Place, Remote};
use queue::{Pool, SendQueue};
pub use rate::Rate;
use registry::Registry;
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
    /// Every connection, registered or not.
    connections: Mutex<HashMap<u64, Arc<SendQueue>>>,
    connection_gone: Notify,
    next_connection: AtomicU64,
    draining: AtomicBool,
    pool: Arc<Pool>,
    rate: Rate,
    counters: Counters,
    random: SystemRandom,
    clock: Clock,
}

/// The clock on the wall, in ms since 1970.
type Clock = fn() -> i64;

impl Switch {
    /// A switch that nobody is connected to. To be called within a tokio runtime: what is older than the store's TTL is
    /// cleared regularly from then on.
    #[must_use]
    pub fn new(store: PeerStore, rate: Rate) -> Self {
        let shared = Arc::new(Shared::new(store, rate, wall_clock_ms));
        tokio::spawn(clear_regularly(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// Serves one connection, until it ends.
    pub async fn serve(&self, socket: WebSocket, remote: Remote) {
        let connection = Connection::admit(&self.shared, remote.place);
        let span = info_span!("connection", id = connection.id(), remote = %remote.address);
        websocket::attend(socket, connection, remote.heard).instrument(span).await;
    }

    /// Closes every connection, and each that comes later, with 1012; waits until they are gone, or for `deadline`, and
    /// until the store has written.
    pub async fn drain(&self, deadline: Duration) {
        self.shared.draining.store(true, Ordering::SeqCst);
        let queues: Vec<_> = self.shared.connections.lock().values().cloned().collect();
        info!(connections = queues.len(), "draining");
        for queue in queues {
            queue.end(Ending::Refused(Code::GoingAway));
        }
        if tokio::time::timeout(deadline, self.shared.all_gone()).await.is_err() {
            info!(connections = self.shared.connections.lock().len(), "connections left behind");
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
        }
    }
}

impl Shared {
    fn new(store: PeerStore, rate: Rate, clock: Clock) -> Self {
        Self {
            registry: Registry::new(store.clone()),
            sessions: Sessions::new(store.clone()),
            store,
            connections: Mutex::default(),
            connection_gone: Notify::new(),
            next_connection: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            pool: Pool::new(limits::QUEUED_BYTES_IN_ALL),
            rate,
            counters: Counters::default(),
            random: SystemRandom::new(),
            clock,
        }
    }

    /// Takes a connection in; while the switch drains it ends at once.
    fn take_in(&self) -> (u64, Arc<SendQueue>) {
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let queue = Arc::new(SendQueue::new(Arc::clone(&self.pool)));
        self.connections.lock().insert(id, Arc::clone(&queue));
        // Asked after it went in: so either it is seen here, or the drain sees the connection.
        if self.draining.load(Ordering::SeqCst) {
            queue.end(Ending::Refused(Code::GoingAway));
        }
        (id, queue)
    }

    fn let_go(&self, connection: u64) {
        self.connections.lock().remove(&connection);
        self.connection_gone.notify_waiters();
    }

    /// Closes another connection.
    fn end_connection(&self, connection: u64, code: Code) {
        let queue = self.connections.lock().get(&connection).cloned();
        if let Some(queue) = queue {
            queue.end(Ending::Refused(code));
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

fn wall_clock_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
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
        }
    }
}
