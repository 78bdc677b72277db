//! The keys of the last letters that were sealed or opened here, to seal one again: for a device that was enrolled later,
//! or whose session broke, and for this one when it is asked to open a letter once more after a restart.

use super::content::BodyHash;
use super::limits::{RING_AGE_MS, RING_BYTES, RING_KEYS};
use super::records::{RingRecord, ring_key};
use super::sorted::Map;
use super::spelled::{read_whole, spell};

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Ring {
    entries: Map<u64, (Box<RingRecord>, usize)>,
    by_hash: Map<BodyHash, u64>,
    bytes: usize,
}

/// What is to be kept of the ring, and what is not any more.
#[derive(Default)]
pub(crate) struct RingChanges {
    pub(crate) put: Option<(String, Vec<u8>)>,
    pub(crate) delete: Vec<String>,
}

impl Ring {
    /// Takes a record back; `false` when it is damaged.
    pub(crate) fn restore(&mut self, number: u64, bytes: &[u8]) -> bool {
        let Ok(record) = read_whole::<RingRecord>(bytes) else { return false };
        self.bytes += bytes.len();
        self.by_hash.insert(record.hash, number);
        self.entries.insert(number, (Box::new(record), bytes.len()));
        true
    }

    pub(crate) fn get(&self, hash: &BodyHash) -> Option<&RingRecord> {
        self.by_hash.get(hash).and_then(|number| self.entries.get(number)).map(|(record, _)| record.as_ref())
    }

    /// Keeps a key, in place of what was kept of the same letter; drops what is too old or too much.
    pub(crate) fn put(&mut self, record: RingRecord, now_ms: i64) -> RingChanges {
        let next = self.entries.last().map_or(0, |(number, _)| number + 1);
        let number = self.by_hash.get(&record.hash).copied().unwrap_or(next);
        let bytes = spell(&record);
        self.remove(number);
        self.bytes += bytes.len();
        self.by_hash.insert(record.hash, number);
        self.entries.insert(number, (Box::new(record), bytes.len()));
        let mut changes = RingChanges { put: Some((ring_key(number), bytes)), delete: vec![] };
        while let Some(&(oldest, (ref record, _))) = self.entries.first() {
            let old = record.made_ms.saturating_add(RING_AGE_MS) < now_ms;
            let much = self.entries.len() > RING_KEYS || self.bytes > RING_BYTES;
            if oldest == number || !(old || much) {
                break;
            }
            self.remove(oldest);
            changes.delete.push(ring_key(oldest));
        }
        changes
    }

    fn remove(&mut self, number: u64) {
        if let Some((record, bytes)) = self.entries.remove(&number) {
            self.bytes -= bytes;
            self.by_hash.remove(&record.hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msr_protocol::Credential;
    use msr_protocol::v2::List;

    fn record(nth: u64, made_ms: i64) -> RingRecord {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&nth.to_le_bytes());
        let (from, recipients) = (Credential([1; 16]), [0; 32]);
        RingRecord {
            hash,
            body_key: [2; 32],
            from,
            from_device: [3; 16],
            recipients,
            flags: 8,
            made_ms,
            opened_as: None,
            targets: List(vec![]),
        }
    }

    #[test]
    fn it_holds_so_many_and_so_long() {
        let mut ring = Ring::default();
        for nth in 0..RING_KEYS as u64 {
            assert_eq!(ring.put(record(nth, 0), 0).delete, Vec::<String>::new());
        }
        assert_eq!(ring.put(record(5_000, 1), 1).delete, vec![ring_key(0)]);
        assert!(ring.get(&record(0, 0).hash).is_none() && ring.get(&record(1, 0).hash).is_some());
        let changes = ring.put(record(5_001, RING_AGE_MS + 1), RING_AGE_MS + 1);
        assert_eq!((changes.delete.len(), ring.entries.len()), (RING_KEYS - 1, 2));
        let again = ring.put(record(5_001, 7), RING_AGE_MS + 1);
        assert_eq!(again.put.map(|(key, _)| key), changes.put.map(|(key, _)| key));
        assert_eq!(ring.entries.len(), 2);
    }
}
