//! Which sessions that are over are remembered: the oldest go first, for each credential and for all together. Nothing
//! that one peer does makes the sessions of another be forgotten before the bounds of all are reached.

use std::collections::{BTreeMap, HashMap, VecDeque};

use msr_protocol::Credential;

use super::limits;
use crate::store::{Profile, SessionDigest};

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) sessions: usize,
    pub(super) of_credential: usize,
    pub(super) bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            sessions: limits::REMEMBERED_SESSIONS,
            of_credential: limits::REMEMBERED_SESSIONS_PER_CREDENTIAL,
            bytes: limits::REMEMBERED_BYTES,
        }
    }
}

/// The rank of a session by age among those that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(u64);

struct Entry {
    digest: SessionDigest,
    credential: Credential,
    bytes: usize,
    since_ms: i64,
}

/// The sessions that are over, the oldest first.
#[derive(Default)]
pub(super) struct Remembered {
    bounds: Bounds,
    next: u64,
    entries: BTreeMap<Rank, Entry>,
    of_credential: HashMap<Credential, VecDeque<Rank>>,
    bytes: usize,
}

impl Remembered {
    /// Adds a session as the youngest.
    pub(super) fn add(&mut self, digest: SessionDigest, profile: &Profile, since_ms: i64) -> Rank {
        let rank = Rank(self.next);
        self.next += 1;
        let (credential, bytes) = (profile.credential, limits::SESSION_OWN_BYTES + profile.bytes());
        self.bytes += bytes;
        self.entries.insert(rank, Entry { digest, credential, bytes, since_ms });
        self.of_credential.entry(credential).or_default().push_back(rank);
        rank
    }

    pub(super) fn remove(&mut self, rank: Rank) {
        let Some(Entry { credential, bytes, .. }) = self.entries.remove(&rank) else { return };
        self.bytes -= bytes;
        if let Some(ranks) = self.of_credential.get_mut(&credential) {
            // Few, and in order.
            ranks.retain(|other| *other != rank);
            if ranks.is_empty() {
                self.of_credential.remove(&credential);
            }
        }
    }

    /// The next session to be forgotten because there are too many: of that credential, or of all.
    pub(super) fn surplus(&self, credential: Credential) -> Option<SessionDigest> {
        let own = self.of_credential.get(&credential).filter(|ranks| ranks.len() > self.bounds.of_credential);
        let rank = match own {
            Some(ranks) => ranks.front(),
            None if self.entries.len() > self.bounds.sessions || self.bytes > self.bounds.bytes => self.entries.keys().next(),
            None => None,
        };
        rank.and_then(|rank| self.entries.get(rank)).map(|entry| entry.digest)
    }

    /// The oldest session, if it is over since before that time.
    pub(super) fn oldest_before(&self, before_ms: i64) -> Option<SessionDigest> {
        let (_, oldest) = self.entries.first_key_value()?;
        (oldest.since_ms < before_ms).then_some(oldest.digest)
    }
}

#[cfg(test)]
mod tests {
    use msr_protocol::{JsonText, Location};

    use super::*;

    fn profile(number: u8, name_bytes: usize) -> Profile {
        Profile {
            credential: Credential([number; 16]),
            name: JsonText::string(&"x".repeat(name_bytes)),
            email: JsonText::empty_string(),
            location: Location::default(),
            publish: true,
            identity: crate::store::Identity::Md5,
        }
    }

    fn none() -> Vec<u8> {
        Vec::new()
    }

    fn remembered(bounds: Bounds) -> Remembered {
        Remembered { bounds, ..Remembered::default() }
    }

    /// Adds a session; gives the numbers of those forgotten for it.
    fn add(remembered: &mut Remembered, ranks: &mut HashMap<SessionDigest, Rank>, number: u8, profile: &Profile) -> Vec<u8> {
        let digest = SessionDigest([number; 32]);
        ranks.insert(digest, remembered.add(digest, profile, number.into()));
        let mut forgotten = Vec::new();
        while let Some(digest) = remembered.surplus(profile.credential) {
            remembered.remove(ranks[&digest]);
            forgotten.push(digest.0[0]);
        }
        forgotten
    }

    #[test]
    fn a_peer_with_many_forgets_its_own() {
        let mut remembered = remembered(Bounds { sessions: 4, of_credential: 2, bytes: usize::MAX });
        let (ann, bob, cat) = (profile(1, 1), profile(2, 1), profile(3, 1));
        let mut ranks = HashMap::new();
        let forgotten: Vec<Vec<u8>> = [(1, &ann), (2, &bob), (3, &bob), (4, &bob), (5, &bob), (6, &ann), (7, &cat), (8, &cat)]
            .map(|(number, profile)| add(&mut remembered, &mut ranks, number, profile))
            .into();
        assert_eq!(forgotten, [none(), none(), none(), vec![2], vec![3], none(), vec![1], vec![4]]);
        assert_eq!((remembered.oldest_before(5), remembered.oldest_before(6)), (None, Some(SessionDigest([5; 32]))));
    }

    #[test]
    fn large_ones_are_forgotten_sooner() {
        let (small, large) = (profile(1, 1), profile(2, 1_000));
        let (small_bytes, large_bytes) = (small.bytes() + limits::SESSION_OWN_BYTES, large.bytes() + limits::SESSION_OWN_BYTES);
        let mut remembered = remembered(Bounds { sessions: 100, of_credential: 100, bytes: large_bytes + small_bytes });
        let mut ranks = HashMap::new();
        assert_eq!(add(&mut remembered, &mut ranks, 1, &small), none());
        assert_eq!(add(&mut remembered, &mut ranks, 2, &large), none());
        assert_eq!(add(&mut remembered, &mut ranks, 3, &small), [1]);
        assert_eq!(add(&mut remembered, &mut ranks, 4, &large), [2]);
        for rank in ranks.into_values() {
            remembered.remove(rank);
        }
        assert_eq!((remembered.bytes, remembered.of_credential.len(), remembered.surplus(small.credential)), (0, 0, None));
    }
}
