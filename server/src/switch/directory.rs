//! Who can be found: peers that are online and say so, ordered by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use msr_protocol::v1::{FoundPeer, Search, plain_text};
use msr_protocol::{Credential, limits};
use parking_lot::RwLock;

use crate::store::Profile;

/// The peers that can be found.
#[derive(Default)]
pub(super) struct Directory {
    listings: RwLock<BTreeMap<Key, Listing>>,
}

/// Orders by name, in lower case, and makes the order stable by the credential.
type Key = (String, Credential);

struct Listing {
    /// In lower case, as the keyword of a search.
    email: String,
    profile: Arc<Profile>,
}

impl Directory {
    /// Puts `new` in place of `old`, each only if it is there and wants to be found.
    pub(super) fn replace(&self, old: Option<&Arc<Profile>>, new: Option<&Arc<Profile>>) {
        let published = |profile: &&Arc<Profile>| profile.publish;
        let (old, new) = (old.filter(published), new.filter(published));
        if old.is_none() && new.is_none() {
            return;
        }
        let removed = old.map(|profile| key(profile));
        let added = new.map(|profile| (key(profile), listing(profile)));
        let mut listings = self.listings.write();
        if let Some(key) = removed {
            listings.remove(&key);
        }
        if let Some((key, listing)) = added {
            listings.insert(key, listing);
        }
    }

    /// The first [`limits::FOUND_PEERS`] peers whose name or e-mail address contains the keyword.
    pub(super) fn find(&self, search: &Search) -> Vec<FoundPeer> {
        let listings = self.listings.read();
        let matching = listings.iter().filter(|((name, _), listing)| search.matches(&[name, &listing.email]));
        matching.take(limits::FOUND_PEERS).map(|(_, listing)| found(&listing.profile)).collect()
    }
}

fn key(profile: &Profile) -> Key {
    (plain_text(&profile.name).to_lowercase(), profile.credential)
}

fn listing(profile: &Arc<Profile>) -> Listing {
    Listing { email: plain_text(&profile.email).to_lowercase(), profile: Arc::clone(profile) }
}

fn found(profile: &Profile) -> FoundPeer {
    let Profile { credential, name, email, location, publish: _, identity: _ } = profile.clone();
    FoundPeer { credential, name, email, location }
}
