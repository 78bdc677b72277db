//! Who is online: from a credential to its connections.
//!
//! Split by credential into shards, each behind its own lock: credentials are hashes, so that they spread evenly. A lock
//! is held for a look-up, never while anything is spelled or written; while a peer that is not online registers, one row
//! of the store is read. What changes is told to the directory and the store under the same lock, so that both see the
//! changes of one peer in their order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use msr_protocol::v1::{Dialect, FoundPeer, Search};
use msr_protocol::{Code, Credential};
use parking_lot::RwLock;
use tracing::warn;

use super::directory::Directory;
use super::limits;
use super::queue::SendQueue;
use crate::store::{PeerStore, Profile, StoreError};

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

    /// Registers a connection, if the peer is the one first registered under its credential, may have one connection more,
    /// and `admit` agrees. Nobody can reach the connection before `admit` is done: what it puts into the queue comes first
    /// there.
    pub(super) fn sign_in<E: From<Code>>(&self, online: Online, now_ms: i64, admit: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let profile = Arc::clone(online.profile());
        let credential = profile.credential;
        let mut shard = self.shard(credential).write();
        let connected = shard.get(&credential);
        if connected.is_some_and(|connections| connections.len() >= limits::CONNECTIONS_PER_CREDENTIAL) {
            return Err(Code::TooManyConnections.into());
        }
        let shown = connected.and_then(|connections| connections.last()).map(|last| Arc::clone(last.profile()));
        if !self.is_first_of(&profile, shown.as_ref()) {
            return Err(Code::CredentialTaken.into());
        }
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

    /// Whether the peer has the words of whoever was first registered under its credential: one who knows how can make two
    /// peers with one credential, and neither is to get what is meant for the other.
    fn is_first_of(&self, profile: &Profile, online: Option<&Arc<Profile>>) -> bool {
        let known = match online {
            Some(online) => Some(Arc::clone(online)),
            None => self.store.known(profile.credential).unwrap_or_else(|error| {
                // While the file is opened again everybody signs in: that is said once, by whoever opens it.
                if !matches!(error, StoreError::Closed) {
                    warn!(%error, "who was registered before is not known");
                }
                None
            }),
        };
        known.is_none_or(|known| known.has_words_of(profile))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use msr_protocol::{JsonText, Peer};

    use super::*;

    fn peer(name: &str, secret: &str) -> Peer {
        Peer { name: JsonText::string(name), secret: JsonText::string(secret), ..Peer::default() }
    }

    /// Registers this peer under a credential that it shares with others, as MD5 lets whoever wants to.
    fn sign_in(registry: &Registry, connection: u64, peer: Peer) -> Result<(), Code> {
        let profile = Arc::new(Profile::of(Credential([7; 16]), peer));
        registry.sign_in(Online::Version2 { connection, profile }, 5, || Ok(()))
    }

    #[tokio::test]
    async fn who_was_first_under_a_credential_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let open = || PeerStore::open(folder.path(), Duration::from_millis(1_000), 10).unwrap();
        let (ann, key) = (peer("Ann", "ed25519:a"), peer("Ann", "ed25519:b"));
        let (md5, bob) = (peer("Ann", "an md5"), peer("Bob", "ed25519:a"));
        let eva = Peer { email: JsonText::string("eva@example.org"), ..ann.clone() };
        let elsewhere = Peer { publish: true, ..ann.clone() };
        let others = [key, md5, bob, eva];
        let all_are_refused = |registry: &Registry| {
            for other in &others {
                assert_eq!(sign_in(registry, 9, other.clone()), Err(Code::CredentialTaken), "{other:?}");
            }
        };
        let registry = Registry::new(open());
        assert_eq!(sign_in(&registry, 1, ann.clone()), Ok(()));
        all_are_refused(&registry);
        assert_eq!(sign_in(&registry, 2, elsewhere), Ok(()), "what else it says may change");
        registry.sign_out(Credential([7; 16]), 1, 20);
        registry.sign_out(Credential([7; 16]), 2, 20);
        // It may not be on disk yet.
        all_are_refused(&registry);
        registry.store.flush().await.unwrap();
        all_are_refused(&registry);
        drop(registry);
        let registry = Registry::new(open());
        all_are_refused(&registry);
        assert_eq!(sign_in(&registry, 1, ann), Ok(()));
        registry.sign_out(Credential([7; 16]), 1, 30);
        registry.store.clear(2_000);
        registry.store.flush().await.unwrap();
        let [first, ..] = others;
        assert_eq!(sign_in(&registry, 1, first), Ok(()), "who is forgotten is");
    }
}
