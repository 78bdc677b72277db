//! Who is online: from a credential to its connections.
//!
//! Split by credential into shards, each behind its own lock: credentials are hashes, so that they spread evenly. A lock
//! is held for a look-up, never while anything is parsed, spelled or written. What changes is told to the directory and
//! the store under the same lock, so that both see the changes of one peer in their order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use msr_protocol::v1::{Dialect, FoundPeer, Search};
use msr_protocol::{Code, Credential};
use parking_lot::RwLock;

use super::directory::Directory;
use super::limits;
use super::queue::SendQueue;
use crate::store::{PeerStore, Profile};

const SHARDS: usize = 64;

/// One registered connection of a peer.
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

/// Who is online.
pub(super) struct Registry {
    shards: [RwLock<HashMap<Credential, Vec<Arc<Presence>>>>; SHARDS],
    directory: Directory,
    store: PeerStore,
    peers: AtomicU64,
}

impl Registry {
    pub(super) fn new(store: PeerStore) -> Self {
        let shards = std::array::from_fn(|_| RwLock::default());
        Self { shards, directory: Directory::default(), store, peers: AtomicU64::new(0) }
    }

    /// How many peers are online.
    pub(super) fn peers(&self) -> u64 {
        self.peers.load(Ordering::Relaxed)
    }

    /// Registers a connection, if the peer may have one more and `admit` agrees. Nobody can reach the connection before
    /// `admit` is done: what it puts into the queue comes first there.
    pub(super) fn sign_in<E: From<Code>>(
        &self,
        presence: &Arc<Presence>,
        now_ms: i64,
        admit: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let credential = presence.profile.credential;
        let mut shard = self.shard(credential).write();
        let connected = shard.get(&credential);
        if connected.is_some_and(|presences| presences.len() >= limits::CONNECTIONS_PER_CREDENTIAL) {
            return Err(Code::TooManyConnections.into());
        }
        let shown = connected.and_then(|presences| presences.last()).map(|last| Arc::clone(&last.profile));
        admit()?;
        if shown.is_none() {
            self.peers.fetch_add(1, Ordering::Relaxed);
        }
        // What the newest connection says of the peer is what others see.
        shard.entry(credential).or_default().push(Arc::clone(presence));
        self.directory.replace(shown.as_ref(), Some(&presence.profile));
        self.store.sign_in(Arc::clone(&presence.profile), now_ms);
        Ok(())
    }

    /// Takes a connection out, if it is still in; with the last one the peer is signed out.
    pub(super) fn sign_out(&self, presence: &Presence, now_ms: i64) {
        let credential = presence.profile.credential;
        let mut shard = self.shard(credential).write();
        let Some(presences) = shard.get_mut(&credential) else { return };
        let shown = presences.last().map(|last| Arc::clone(&last.profile));
        presences.retain(|other| other.connection != presence.connection);
        let shows = presences.last().map(|last| Arc::clone(&last.profile));
        if shows.is_none() {
            shard.remove(&credential);
            self.peers.fetch_sub(1, Ordering::Relaxed);
            self.store.sign_out(credential, now_ms);
        }
        self.directory.replace(shown.as_ref(), shows.as_ref());
    }

    /// Adds the connections of a peer to `presences`; gives whether there are any.
    pub(super) fn collect(&self, credential: Credential, presences: &mut Vec<Arc<Presence>>) -> bool {
        match self.shard(credential).read().get(&credential) {
            Some(connected) => {
                presences.extend(connected.iter().cloned());
                true
            }
            None => false,
        }
    }

    /// The peers that a search finds.
    pub(super) fn find(&self, search: &Search) -> Vec<FoundPeer> {
        self.directory.find(search)
    }

    fn shard(&self, credential: Credential) -> &RwLock<HashMap<Credential, Vec<Arc<Presence>>>> {
        &self.shards[usize::from(credential.0[0]) % SHARDS]
    }
}
