//! The peers whose registration is not on disk yet: what was said of them counts as if it were.

use std::collections::HashMap;
use std::sync::Arc;

use msr_protocol::Credential;
use parking_lot::Mutex;

use super::Profile;

/// As many as there are changes that wait.
#[derive(Default)]
pub(super) struct Unwritten {
    peers: Mutex<HashMap<Credential, (Arc<Profile>, usize)>>,
}

impl Unwritten {
    /// A registration waits to be written.
    pub(super) fn add(&self, profile: &Arc<Profile>) {
        let mut peers = self.peers.lock();
        let (last, registrations) = peers.entry(profile.credential).or_insert_with(|| (Arc::clone(profile), 0));
        *last = Arc::clone(profile);
        *registrations += 1;
    }

    /// One waits no more.
    pub(super) fn remove(&self, credential: Credential) {
        let mut peers = self.peers.lock();
        let Some((_, registrations)) = peers.get_mut(&credential) else { return };
        *registrations -= 1;
        if *registrations == 0 {
            peers.remove(&credential);
        }
    }

    pub(super) fn profile(&self, credential: Credential) -> Option<Arc<Profile>> {
        self.peers.lock().get(&credential).map(|(profile, _)| Arc::clone(profile))
    }
}
