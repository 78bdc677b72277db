//! Who is online: from a credential to its connections.
//!
//! Split by credential into shards, each behind its own lock: credentials are hashes, so that they spread evenly. A lock
//! is held for a look-up, never while anything is parsed, spelled or written. What changes is told to the directory and
//! the store under the same lock, so that both see the changes of one peer in their order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use msr_protocol::v1::{Dialect, FoundPeer, Search};
use msr_protocol::{Code, Credential};
use parking_lot::RwLock;

use super::directory::Directory;
use super::limits;
use super::queue::SendQueue;
use crate::store::{PeerStore, Profile};

const SHARDS: usize = 64;

/// One registered connection of a peer in version 1.
pub(super) struct Presence {
    /// Which connection.
    pub(super) connection: u64,
    /// What it speaks, from its registration on.
    pub(super) dialect: Dialect,
    /// Who, as this connection says it.
    pub(super) profile: Arc<Profile>,
    /// Where its messages go.
    pub(super) queue: Arc<SendQueue>,
}

/// One registered connection of a peer.
#[derive(Clone)]
pub(super) enum Online {
    /// Of version 1: what is for the peer goes into its queue.
    Version1(Arc<Presence>),
    /// Of version 2: what is for the peer goes into the queues of its devices.
    Version2 {
        /// Which connection.
        connection: u64,
        /// Who, as this connection says it.
        profile: Arc<Profile>,
    },
}

impl Online {
    fn connection(&self) -> u64 {
        match self {
            Self::Version1(presence) => presence.connection,
            Self::Version2 { connection, .. } => *connection,
        }
    }

    fn profile(&self) -> &Arc<Profile> {
        match self {
            Self::Version1(presence) => &presence.profile,
            Self::Version2 { profile, .. } => profile,
        }
    }

    fn version_1(&self) -> Option<&Arc<Presence>> {
        match self {
            Self::Version1(presence) => Some(presence),
            Self::Version2 { .. } => None,
        }
    }
}

/// Who is online.
pub(super) struct Registry {
    shards: [RwLock<HashMap<Credential, Vec<Online>>>; SHARDS],
    directory: Directory,
    store: PeerStore,
    peers: AtomicU64,
    /// Connections of version 1.
    version_1: AtomicUsize,
}

impl Registry {
    pub(super) fn new(store: PeerStore) -> Self {
        let shards = std::array::from_fn(|_| RwLock::default());
        Self { shards, directory: Directory::default(), store, peers: AtomicU64::new(0), version_1: AtomicUsize::new(0) }
    }

    /// How many peers are online.
    pub(super) fn peers(&self) -> u64 {
        self.peers.load(Ordering::Relaxed)
    }

    /// Registers a connection, if the peer may have one more and `admit` agrees. Nobody can reach the connection before
    /// `admit` is done: what it puts into the queue comes first there.
    pub(super) fn sign_in<E: From<Code>>(&self, online: Online, now_ms: i64, admit: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let profile = Arc::clone(online.profile());
        let credential = profile.credential;
        let mut shard = self.shard(credential).write();
        let connected = shard.get(&credential);
        if connected.is_some_and(|connections| connections.len() >= limits::CONNECTIONS_PER_CREDENTIAL) {
            return Err(Code::TooManyConnections.into());
        }
        let shown = connected.and_then(|connections| connections.last()).map(|last| Arc::clone(last.profile()));
        admit()?;
        if shown.is_none() {
            self.peers.fetch_add(1, Ordering::Relaxed);
        }
        self.version_1.fetch_add(usize::from(online.version_1().is_some()), Ordering::Relaxed);
        // What the newest connection says of the peer is what others see.
        shard.entry(credential).or_default().push(online);
        self.directory.replace(shown.as_ref(), Some(&profile));
        self.store.sign_in(profile, now_ms);
        Ok(())
    }

    /// Takes a connection out, if it is still in; with the last one the peer is signed out.
    pub(super) fn sign_out(&self, credential: Credential, connection: u64, now_ms: i64) {
        let mut shard = self.shard(credential).write();
        let Some(connections) = shard.get_mut(&credential) else { return };
        let Some(place) = connections.iter().position(|online| online.connection() == connection) else { return };
        let shown = connections.last().map(|last| Arc::clone(last.profile()));
        let gone = connections.remove(place);
        self.version_1.fetch_sub(usize::from(gone.version_1().is_some()), Ordering::Relaxed);
        let shows = connections.last().map(|last| Arc::clone(last.profile()));
        if shows.is_none() {
            shard.remove(&credential);
            self.peers.fetch_sub(1, Ordering::Relaxed);
            self.store.sign_out(credential, now_ms);
        }
        self.directory.replace(shown.as_ref(), shows.as_ref());
    }

    /// Adds the connections of version 1 of a peer to `presences`; gives whether there are any.
    pub(super) fn collect(&self, credential: Credential, presences: &mut Vec<Arc<Presence>>) -> bool {
        let before = presences.len();
        if let Some(connected) = self.shard(credential).read().get(&credential) {
            presences.extend(connected.iter().filter_map(Online::version_1).cloned());
        }
        presences.len() > before
    }

    /// Whether a peer is connected in version 1.
    pub(super) fn has_version_1(&self, credential: Credential) -> bool {
        if self.version_1.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let shard = self.shard(credential).read();
        shard.get(&credential).is_some_and(|connected| connected.iter().any(|online| online.version_1().is_some()))
    }

    /// What a peer that is online says of itself.
    pub(super) fn profile(&self, credential: Credential) -> Option<Arc<Profile>> {
        let shard = self.shard(credential).read();
        shard.get(&credential)?.last().map(|last| Arc::clone(last.profile()))
    }

    /// The peers that a search finds.
    pub(super) fn find(&self, search: &Search) -> Vec<FoundPeer> {
        self.directory.find(search)
    }

    fn shard(&self, credential: Credential) -> &RwLock<HashMap<Credential, Vec<Online>>> {
        &self.shards[usize::from(credential.0[0]) % SHARDS]
    }
}
