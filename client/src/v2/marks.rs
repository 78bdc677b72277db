//! What was handled of each sending device and outbox: its highest number, and which of those shortly below it.
//!
//! A high number alone would not do. A server delivers before its disk has a message, and may take several back when the
//! disk is full; one that it skipped the first time (it had expired, there was no room for it) may come the second time,
//! after later ones were handled. It is handled then, late; what was handled before is not.

use msr_protocol::v2::{Bytes16, MessageId, Varint};

use super::journal::Journal;
use super::record::{self, Key};
use crate::limits::MARKS;
use crate::sorted::Map;

const WORDS: usize = 16;
/// So many numbers below the highest are known one by one; more than a server takes before its disk has them.
const RECENT: u64 = 64 * WORDS as u64;

/// Of one outbox.
#[derive(Debug, Default)]
struct Mark {
    highest: u64,
    /// Bit n: whether `highest` − n was handled.
    recent: [u64; WORDS],
    used_ms: i64,
}

impl Mark {
    fn new(record: &record::Mark<'_>) -> Self {
        let mut recent = [0; WORDS];
        for (word, bytes) in recent.iter_mut().zip(record.recent.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(whole);
        }
        Self { highest: record.number.0, recent, used_ms: record.used_ms }
    }

    fn record(&self) -> Vec<u8> {
        let bytes: Vec<u8> = self.recent.iter().flat_map(|word| word.to_le_bytes()).collect();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        record::seal(&record::Mark { number: Varint(self.highest), recent: &bytes[..used], used_ms: self.used_ms })
    }

    fn has(&self, number: u64) -> bool {
        match self.highest.checked_sub(number) {
            None => false,
            Some(below) if below < RECENT => self.recent[(below / 64) as usize] >> (below % 64) & 1 == 1,
            Some(_) => true,
        }
    }

    fn set(&mut self, number: u64) {
        if number > self.highest {
            self.move_on(number - self.highest);
            self.highest = number;
        }
        let below = self.highest - number;
        if below < RECENT {
            self.recent[(below / 64) as usize] |= 1 << (below % 64);
        }
    }

    /// The highest number is higher by so much.
    fn move_on(&mut self, by: u64) {
        let (words, bits) = ((by / 64).min(WORDS as u64) as usize, by % 64);
        for at in (0..WORDS).rev() {
            let word = |at: Option<usize>| at.map_or(0, |at| self.recent[at]);
            let (high, low) = (word(at.checked_sub(words)), word(at.checked_sub(words + 1)));
            self.recent[at] = high << bits | if bits == 0 { 0 } else { low >> (64 - bits) };
        }
    }
}

/// The marks of a device.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    by_outbox: Map<(Bytes16, u64), Box<Mark>>,
}

impl Marks {
    /// A mark that the store had.
    pub(crate) fn restore(&mut self, device: Bytes16, outbox_epoch: u64, mark: &record::Mark<'_>) {
        self.by_outbox.insert((device, outbox_epoch), Box::new(Mark::new(mark)));
    }

    /// Whether that message was handled before.
    pub(crate) fn has(&self, id: MessageId) -> bool {
        self.by_outbox.get(&(id.device, id.outbox_epoch)).is_some_and(|mark| mark.has(id.number.0))
    }

    /// That message is handled.
    pub(crate) fn set(&mut self, id: MessageId, wall_ms: i64, journal: &mut Journal) {
        let MessageId { device, outbox_epoch, number: Varint(number) } = id;
        let mark = self.by_outbox.get_or_default((device, outbox_epoch));
        mark.set(number);
        mark.used_ms = wall_ms;
        journal.put(Key::Mark { device, outbox_epoch }.spell(), mark.record());
        if self.by_outbox.len() > MARKS {
            self.forget_the_oldest(journal);
        }
    }

    fn forget_the_oldest(&mut self, journal: &mut Journal) {
        let oldest = self.by_outbox.iter().min_by_key(|(_, mark)| mark.used_ms).map(|(outbox, _)| *outbox);
        if let Some((device, outbox_epoch)) = oldest {
            self.by_outbox.remove(&(device, outbox_epoch));
            journal.delete(Key::Mark { device, outbox_epoch }.spell());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn id(device: u64, number: u64) -> MessageId {
        MessageId { device: u128::from(device).to_be_bytes(), outbox_epoch: 1, number: Varint(number) }
    }

    #[test]
    fn exactly_what_was_handled_and_all_that_is_long_past() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..50 {
            let (mut marks, mut journal, mut handled) = (Marks::default(), Journal::default(), BTreeSet::new());
            let (mut highest, largest) = (random.u64(1..5_000), [2, 70, 3_000][random.usize(0..3)]);
            for _ in 0..300 {
                highest += random.u64(0..largest);
                let number = highest.saturating_sub(random.u64(0..100)).max(1);
                marks.set(id(1, number), 0, &mut journal);
                handled.insert(number);
                let record = marks.by_outbox.get(&(id(1, 0).device, 1)).unwrap().record();
                let mut restored = Marks::default();
                restored.restore(id(1, 0).device, 1, &record::unseal(&record).unwrap());
                let most = *handled.last().unwrap();
                for number in [most, most + 1, most.saturating_sub(random.u64(0..1_100)), most.saturating_sub(RECENT), number] {
                    let expected = handled.contains(&number) || most.saturating_sub(number) >= RECENT;
                    assert_eq!(restored.has(id(1, number)), expected, "{number} of {most}");
                }
            }
        }
    }

    #[test]
    fn bounded() {
        let (mut marks, mut journal) = (Marks::default(), Journal::default());
        for device in 0..=MARKS as u64 {
            marks.set(id(device, 5), device as i64, &mut journal);
        }
        assert_eq!(marks.by_outbox.len(), MARKS);
        assert!(!marks.has(id(0, 5)), "the oldest is forgotten");
        assert!(marks.has(id(1, 5)) && !marks.has(id(1, 6)));
    }
}
