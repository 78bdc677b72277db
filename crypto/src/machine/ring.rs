//! The keys of the last letters that were sealed or opened here, to seal one again: for a device that was enrolled later,
//! or whose session broke, and for this one when it is asked to open a letter once more after a restart.
//!
//! Letters that are kept with one write share a record, a block: a disk takes one record of many keys much sooner than many
//! records.

use msr_protocol::v2::List;

use super::content::BodyHash;
use super::limits::{RING_AGE_MS, RING_BLOCK_BYTES, RING_BLOCK_KEYS, RING_BYTES, RING_KEYS};
use super::records::{RingRecord, ring_key};
use super::sorted::{Map, Set};
use super::spelled::{read_whole, spell};

/// Letters in one record.
struct Block {
    letters: List<RingRecord>,
    bytes: usize,
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Ring {
    blocks: Map<u64, Box<Block>>,
    by_hash: Map<BodyHash, u64>,
    bytes: usize,
    /// Blocks that are not kept as they are now.
    changed: Set<u64>,
    /// Whether the last block is not on its way to the disk yet.
    is_open: bool,
}

impl Ring {
    /// Takes a record back; `false` when it is damaged.
    pub(crate) fn restore(&mut self, number: u64, bytes: &[u8]) -> bool {
        let Ok(letters) = read_whole::<List<RingRecord>>(bytes) else { return false };
        self.bytes += bytes.len();
        for record in &letters.0 {
            self.by_hash.insert(record.hash, number);
        }
        self.blocks.insert(number, Box::new(Block { letters, bytes: bytes.len() }));
        true
    }

    pub(crate) fn get(&self, hash: &BodyHash) -> Option<&RingRecord> {
        let block = self.by_hash.get(hash).and_then(|number| self.blocks.get(number))?;
        block.letters.0.iter().find(|record| record.hash == *hash)
    }

    /// Keeps a key, in place of what was kept of the same letter; drops what is too old or too much.
    pub(crate) fn put(&mut self, record: RingRecord, now_ms: i64) {
        let number = self.by_hash.get(&record.hash).copied().unwrap_or_else(|| self.open());
        let block = self.blocks.get_or(number, || Box::new(Block { letters: List(vec![]), bytes: 0 }));
        if let Some(place) = block.letters.0.iter().position(|other| other.hash == record.hash) {
            let before = block.letters.0.remove(place);
            let bytes = spell(&before).len();
            (block.bytes, self.bytes) = (block.bytes - bytes, self.bytes - bytes);
        }
        let bytes = spell(&record).len();
        (block.bytes, self.bytes) = (block.bytes + bytes, self.bytes + bytes);
        self.by_hash.insert(record.hash, number);
        block.letters.0.push(record);
        self.changed.put(number);
        while let Some((oldest, block)) = self.blocks.first() {
            let old = block.letters.0.iter().all(|record| record.made_ms.saturating_add(RING_AGE_MS) < now_ms);
            let much = self.by_hash.len() - block.letters.0.len() >= RING_KEYS || self.bytes > RING_BYTES;
            let oldest = *oldest;
            if oldest == number || !(old || much) {
                break;
            }
            self.drop_block(oldest);
        }
    }

    /// The block for another letter.
    fn open(&mut self) -> u64 {
        let was_open = std::mem::replace(&mut self.is_open, true);
        let Some((last, block)) = self.blocks.last() else { return 0 };
        let has_room = block.letters.0.len() < RING_BLOCK_KEYS && block.bytes < RING_BLOCK_BYTES;
        if was_open && has_room { *last } else { *last + 1 }
    }

    fn drop_block(&mut self, number: u64) {
        if let Some(block) = self.blocks.remove(&number) {
            self.bytes -= block.bytes;
            for record in &block.letters.0 {
                self.by_hash.remove(&record.hash);
            }
            self.changed.put(number);
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.changed.is_empty()
    }

    /// What is to be kept since the last time, `None` for what is not any more.
    pub(crate) fn changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        self.is_open = false;
        let changed = std::mem::take(&mut self.changed);
        let change = |number: &u64| (ring_key(*number), self.blocks.get(number).map(|block| spell(&block.letters)));
        changed.keys().map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use msr_protocol::Credential;

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

    /// What each change is: the key, and how many letters it holds.
    fn changes(ring: &mut Ring) -> Vec<(String, Option<usize>)> {
        let count = |value: Vec<u8>| read_whole::<List<RingRecord>>(&value).unwrap().0.len();
        ring.changes().into_iter().map(|(key, value)| (key, value.map(count))).collect()
    }

    #[test]
    fn what_is_kept_with_one_write_shares_a_record() {
        let mut ring = Ring::default();
        for nth in 0..3 {
            ring.put(record(nth, 0), 0);
        }
        assert_eq!((changes(&mut ring), ring.is_kept()), (vec![(ring_key(0), Some(3))], true));
        ring.put(record(3, 0), 0);
        ring.put(record(1, 7), 7);
        assert_eq!(changes(&mut ring), [(ring_key(0), Some(3)), (ring_key(1), Some(1))]);
        for nth in 10..10 + RING_BLOCK_KEYS as u64 + 1 {
            ring.put(record(nth, 0), 0);
        }
        assert_eq!(changes(&mut ring), [(ring_key(2), Some(RING_BLOCK_KEYS)), (ring_key(3), Some(1))]);
        assert_eq!(ring.get(&record(1, 0).hash).map(|record| record.made_ms), Some(7));
    }

    #[test]
    fn it_holds_so_many_and_so_long() {
        let mut ring = Ring::default();
        for nth in 0..RING_KEYS as u64 {
            ring.put(record(nth, 0), 0);
            ring.changes();
        }
        ring.put(record(5_000, 1), 1);
        assert_eq!(changes(&mut ring), [(ring_key(0), None), (ring_key(RING_KEYS as u64), Some(1))]);
        assert!(ring.get(&record(0, 0).hash).is_none() && ring.get(&record(1, 0).hash).is_some());
        ring.put(record(5_001, RING_AGE_MS + 1), RING_AGE_MS + 1);
        assert_eq!((changes(&mut ring).len(), ring.by_hash.len()), (RING_KEYS, 2));
        ring.put(record(5_001, 7), RING_AGE_MS + 1);
        assert_eq!((changes(&mut ring).len(), ring.by_hash.len()), (1, 2));
    }

    #[test]
    fn a_whole_block_goes_only_when_enough_is_left() {
        let mut ring = Ring::default();
        for nth in 0..3 * RING_KEYS as u64 {
            ring.put(record(nth, 0), 0);
        }
        let kept = ring.by_hash.len();
        assert!((RING_KEYS..RING_KEYS + RING_BLOCK_KEYS).contains(&kept), "{kept}");
        let mut again = Ring::default();
        for (number, (_, value)) in (0..).zip(ring.changes().into_iter().filter(|(_, value)| value.is_some())) {
            assert!(again.restore(number, &value.unwrap()));
        }
        assert_eq!((again.by_hash.len(), again.blocks.len()), (kept, ring.blocks.len()));
    }
}
