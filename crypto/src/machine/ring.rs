//! The keys of the last letters, to seal one again: for a device that was enrolled later, or whose session broke, and for
//! this one when it is asked to open a letter once more after a restart.
//!
//! Those of letters that were opened here and those of letters that were sealed here are two rings, each with its own
//! bounds: whoever sends much forgets nothing that was opened and is not handled yet.
//!
//! Letters that are kept with one write share a record, a block: a disk takes one record of many keys much sooner than many
//! records.

use msr_protocol::v2::List;

use super::content::BodyHash;
use super::limits::{RING_AGE_MS, RING_BLOCK_BYTES, RING_BLOCK_KEYS, RING_BYTES, RING_KEYS};
use super::records::{RingRecord, opened_key, sealed_key};
use super::sorted::{Map, Set};
use super::spelled::{read_whole, spell};

/// Letters in one record.
struct Block {
    letters: List<RingRecord>,
    bytes: usize,
}

/// Letters of one kind.
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
        self.forget(Some(number), now_ms);
    }

    /// Drops what is too old or too much, up to the block that is `written`.
    fn forget(&mut self, written: Option<u64>, now_ms: i64) {
        while let Some((oldest, block)) = self.blocks.first() {
            let old = block.letters.0.iter().all(|record| record.made_ms.saturating_add(RING_AGE_MS) < now_ms);
            let much = self.by_hash.len() - block.letters.0.len() >= RING_KEYS || self.bytes > RING_BYTES;
            let oldest = *oldest;
            if Some(oldest) == written || !(old || much) {
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

    /// What is to be kept since the last time, `None` for what is not any more; `key` names a record.
    pub(crate) fn changes(&mut self, key: fn(u64) -> String) -> Vec<(String, Option<Vec<u8>>)> {
        self.is_open = false;
        let changed = std::mem::take(&mut self.changed);
        let change = |number: &u64| (key(*number), self.blocks.get(number).map(|block| spell(&block.letters)));
        changed.keys().map(change).collect()
    }
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Rings {
    pub(crate) opened: Ring,
    pub(crate) sealed: Ring,
}

impl Rings {
    /// A letter that was sealed here, or else one that was opened here: whoever sealed it knows more of it.
    pub(crate) fn get(&self, hash: &BodyHash) -> Option<&RingRecord> {
        self.sealed.get(hash).or_else(|| self.opened.get(hash))
    }

    pub(crate) fn put(&mut self, record: RingRecord, now_ms: i64) {
        let (ring, other) = match record.opened_as {
            Some(_) => (&mut self.opened, &mut self.sealed),
            None => (&mut self.sealed, &mut self.opened),
        };
        ring.put(record, now_ms);
        other.forget(None, now_ms);
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.opened.is_kept() && self.sealed.is_kept()
    }

    /// What is to be kept since the last time, `None` for what is not any more.
    pub(crate) fn changes(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let mut changes = self.opened.changes(opened_key);
        changes.extend(self.sealed.changes(sealed_key));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::super::records::Target;
    use super::*;
    use msr_protocol::Credential;
    use msr_protocol::v2::{MessageId, Varint};

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
        ring.changes(sealed_key).into_iter().map(|(key, value)| (key, value.map(count))).collect()
    }

    #[test]
    fn what_is_kept_with_one_write_shares_a_record() {
        let mut ring = Ring::default();
        for nth in 0..3 {
            ring.put(record(nth, 0), 0);
        }
        assert_eq!((changes(&mut ring), ring.is_kept()), (vec![(sealed_key(0), Some(3))], true));
        ring.put(record(3, 0), 0);
        ring.put(record(1, 7), 7);
        assert_eq!(changes(&mut ring), [(sealed_key(0), Some(3)), (sealed_key(1), Some(1))]);
        for nth in 10..10 + RING_BLOCK_KEYS as u64 + 1 {
            ring.put(record(nth, 0), 0);
        }
        assert_eq!(changes(&mut ring), [(sealed_key(2), Some(RING_BLOCK_KEYS)), (sealed_key(3), Some(1))]);
        assert_eq!(ring.get(&record(1, 0).hash).map(|record| record.made_ms), Some(7));
    }

    #[test]
    fn it_holds_so_many_and_so_long() {
        let mut ring = Ring::default();
        for nth in 0..RING_KEYS as u64 {
            ring.put(record(nth, 0), 0);
            ring.changes(sealed_key);
        }
        ring.put(record(5_000, 1), 1);
        assert_eq!(changes(&mut ring), [(sealed_key(0), None), (sealed_key(RING_KEYS as u64), Some(1))]);
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
        for (number, (_, value)) in (0..).zip(ring.changes(sealed_key).into_iter().filter(|(_, value)| value.is_some())) {
            assert!(again.restore(number, &value.unwrap()));
        }
        assert_eq!((again.by_hash.len(), again.blocks.len()), (kept, ring.blocks.len()));
    }

    fn opened(nth: u64) -> RingRecord {
        let opened_as = Some(MessageId { device: [3; 16], outbox_epoch: 1, number: Varint(nth) });
        RingRecord { opened_as, ..record(nth, 0) }
    }

    #[test]
    fn what_is_sealed_takes_no_room_from_what_was_opened() {
        let mut rings = Rings::default();
        rings.put(opened(0), 0);
        // Each for a thousand devices.
        let target = Target { peer: Credential([4; 16]), device: [5; 16], counter: Varint(1_800_000_000_000) };
        for nth in 1..3 * RING_KEYS as u64 {
            rings.put(RingRecord { targets: List(vec![target.clone(); 1_000]), ..record(nth, 0) }, 0);
        }
        assert!(rings.opened.get(&record(0, 0).hash).is_some() && rings.get(&record(1, 0).hash).is_none());
        let (bytes, count) = (rings.sealed.bytes, rings.sealed.by_hash.len());
        assert!(bytes <= RING_BYTES + RING_BLOCK_BYTES && count > 50, "{bytes} bytes, {count} letters");
        // Nor the other way about.
        for nth in 0..3 * RING_KEYS as u64 {
            rings.put(opened(10_000 + nth), 0);
        }
        assert_eq!((rings.opened.get(&record(0, 0).hash).is_none(), rings.sealed.by_hash.len()), (true, count));
    }

    #[test]
    fn a_letter_to_oneself_is_in_both_and_what_is_old_in_neither() {
        let mut rings = Rings::default();
        rings.put(record(0, 0), 0);
        rings.put(opened(0), 0);
        let hash = record(0, 0).hash;
        assert!(rings.get(&hash).is_some_and(|record| record.opened_as.is_none()) && rings.opened.get(&hash).is_some());
        let keys: Vec<_> = rings.changes().into_iter().map(|(key, _)| key).collect();
        assert_eq!((keys, rings.is_kept()), (vec![opened_key(0), sealed_key(0)], true));
        rings.put(record(1, RING_AGE_MS + 1), RING_AGE_MS + 1);
        assert!(rings.get(&hash).is_none() && !rings.is_kept());
        assert!(rings.changes().contains(&(opened_key(0), None)));
    }
}
