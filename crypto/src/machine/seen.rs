//! Which letters of a device came, and which did not: each counts once, and what is missing is told.

use msr_protocol::v2::{List, Varint};

use super::limits::{GAP_GRACE_MS, MISSING_PER_DEVICE};
use super::spelled::spelled;

/// Counters that did not come, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Missing {
    first: u64,
    last: u64,
    /// When that was noticed; `None` where it is not to be told: it was told, or may never have been sent.
    noticed_ms: Option<i64>,
}

impl Missing {
    fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// The counters of one lane that came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    highest: u64,
    /// Ascending, none within another.
    missing: Vec<Missing>,
    /// So many of them came after all, nobody knows which.
    found: u64,
}

spelled! {
    /// How it is kept.
    SeenRecord {
        highest: Varint,
        missing: List<MissingRecord>,
        found: Varint,
    }
    MissingRecord {
        /// From the last of those before it, or 0, to the first of these: not 0.
        skipped: Varint,
        count: Varint,
        /// ms since 1970.
        noticed_ms: Option<i64>,
    }
}

impl Seen {
    /// Whether a letter of that counter did not come yet.
    pub(crate) fn is_new(&self, counter: u64) -> bool {
        counter > self.highest || self.missing.iter().any(|missing| (missing.first..=missing.last).contains(&counter))
    }

    /// A letter of that counter came. What lies between it and those before is missing from now on; only what is not below
    /// `sure_from` and not among the `voided` is ever told.
    pub(crate) fn came(&mut self, counter: u64, sure_from: u64, voided: &[Varint], now_ms: i64) {
        if counter > self.highest {
            let first = (self.highest + 1).max(counter.saturating_sub(MISSING_PER_DEVICE));
            let sure = sure_from.clamp(first, counter);
            if self.highest > 0 {
                // Those that were found may be among those that are not told: then they make up for no others.
                self.found = self.found.saturating_sub(sure - first);
            }
            self.miss(first, sure, None);
            self.miss(sure, counter, Some(now_ms));
            self.highest = counter;
        }
        self.remove(counter);
        voided.iter().for_each(|&Varint(counter)| self.remove(counter));
        let mut surplus = self.missing.iter().map(Missing::count).sum::<u64>().saturating_sub(MISSING_PER_DEVICE);
        while surplus > 0
            && let Some(oldest) = self.missing.first_mut()
        {
            let given_up = surplus.min(oldest.count());
            surplus -= given_up;
            if given_up == oldest.count() {
                self.missing.remove(0);
            } else {
                oldest.first += given_up;
            }
        }
    }

    /// Those from `first` to below `end` are missing.
    fn miss(&mut self, first: u64, end: u64, noticed_ms: Option<i64>) {
        if first < end {
            self.missing.push(Missing { first, last: end - 1, noticed_ms });
        }
    }

    /// It is not missing any more.
    fn remove(&mut self, counter: u64) {
        let within = |missing: &Missing| (missing.first..=missing.last).contains(&counter);
        let Some(place) = self.missing.iter().position(within) else { return };
        let missing = self.missing.remove(place);
        let parts = [Missing { first: counter.saturating_add(1), ..missing }, Missing { last: counter.wrapping_sub(1), ..missing }];
        for (part, is_some) in parts.into_iter().zip([counter < missing.last, missing.first < counter]) {
            if is_some {
                self.missing.insert(place, part);
            }
        }
    }

    /// A letter came whose counter is not known.
    pub(crate) fn found_one(&mut self) {
        self.found = self.found.saturating_add(1).min(MISSING_PER_DEVICE);
    }

    /// When something is to be told.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        self.missing.iter().filter_map(|missing| missing.noticed_ms).min().map(|noticed_ms| noticed_ms.saturating_add(GAP_GRACE_MS))
    }

    /// How many are missing for so long that it is to be told; each is told once.
    pub(crate) fn tell(&mut self, now_ms: i64) -> u64 {
        let mut told = 0;
        for missing in &mut self.missing {
            if missing.noticed_ms.is_some_and(|noticed_ms| noticed_ms.saturating_add(GAP_GRACE_MS) <= now_ms) {
                missing.noticed_ms = None;
                told += missing.count();
            }
        }
        let found = told.min(self.found);
        self.found -= found;
        told - found
    }

    pub(crate) fn to_record(&self) -> SeenRecord {
        let mut before = 0;
        let mut record = |missing: &Missing| {
            let skipped = Varint(missing.first - before);
            before = missing.last;
            MissingRecord { skipped, count: Varint(missing.count()), noticed_ms: missing.noticed_ms }
        };
        SeenRecord {
            highest: Varint(self.highest),
            missing: List(self.missing.iter().map(&mut record).collect()),
            found: Varint(self.found),
        }
    }

    /// `None` when it is damaged.
    pub(crate) fn from_record(record: &SeenRecord) -> Option<Self> {
        let (mut before, mut missing) = (0_u64, vec![]);
        for one in &record.missing.0 {
            let first = before.checked_add(one.skipped.0).filter(|first| *first > before)?;
            let last = first.checked_add(one.count.0.checked_sub(1)?)?;
            before = last;
            missing.push(Missing { first, last, noticed_ms: one.noticed_ms });
        }
        (before <= record.highest.0).then_some(Self { highest: record.highest.0, missing, found: record.found.0 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::spelled::{read_whole, spell};
    use super::*;

    #[test]
    fn each_counts_once_and_what_is_missing_is_told_once() {
        let mut seen = Seen::default();
        seen.came(1, 1, &[], 0);
        seen.came(5, 1, &[Varint(3)], 0);
        assert!(!seen.is_new(1) && !seen.is_new(3) && !seen.is_new(5));
        assert!(seen.is_new(2) && seen.is_new(4) && seen.is_new(6));
        assert_eq!(seen.due_ms(), Some(GAP_GRACE_MS));
        seen.came(2, 1, &[], 1);
        assert_eq!((seen.tell(GAP_GRACE_MS - 1), seen.tell(GAP_GRACE_MS), seen.tell(GAP_GRACE_MS)), (0, 1, 0));
        assert!(seen.is_new(4) && !seen.is_new(2));
        assert_eq!(Seen::from_record(&seen.to_record()), Some(seen));
    }

    #[test]
    fn what_may_never_have_been_sent_is_not_told() {
        let mut seen = Seen::default();
        seen.came(10, 8, &[], 0);
        assert_eq!(seen.tell(i64::MAX), 2);
        assert!(seen.is_new(3));
    }

    #[test]
    fn a_leap_takes_no_memory() {
        let mut seen = Seen::default();
        seen.came(u64::MAX, 0, &[], 0);
        assert_eq!(seen.missing.iter().map(Missing::count).sum::<u64>(), MISSING_PER_DEVICE);
        seen.came(u64::MAX, 0, &[], 0);
        assert!(!seen.is_new(u64::MAX) && seen.is_new(u64::MAX - 1));
    }

    #[test]
    fn one_whose_counter_is_not_known_is_not_missed() {
        let mut seen = Seen::default();
        seen.came(1, 1, &[], 0);
        seen.found_one();
        seen.came(4, 1, &[], 0);
        let mut seen = Seen::from_record(&seen.to_record()).unwrap();
        assert_eq!((seen.tell(i64::MAX), seen.found), (1, 0));
    }

    #[test]
    fn one_whose_counter_is_not_known_may_be_among_those_that_are_not_told() {
        let mut seen = Seen::default();
        seen.came(4, 4, &[], 0);
        // The fifth; then the sender starts anew, and the seventh is lost.
        seen.found_one();
        seen.came(6, 6, &[], 0);
        seen.came(8, 6, &[], 0);
        assert_eq!((seen.tell(i64::MAX), seen.found), (1, 0));
        // The first of all is not among what was before it.
        let mut seen = Seen::default();
        seen.found_one();
        seen.came(1_001, 1_000, &[], 0);
        assert_eq!((seen.tell(i64::MAX), seen.found), (0, 0));
    }

    #[test]
    fn a_leap_takes_a_small_record() {
        let mut seen = Seen::default();
        seen.came(1_800_000_000_000, 1_799_999_999_500, &[], 1_800_000_000_000);
        let record = spell(&seen.to_record());
        assert!(record.len() < 64, "{} bytes", record.len());
        assert_eq!(Seen::from_record(&read_whole(&record).unwrap()), Some(seen));
    }

    #[test]
    fn damaged_records_are_refused() {
        let record = |highest: u64, ranges: &[(u64, u64)]| {
            let missing = ranges.iter().map(|&(skipped, count)| {
                let (skipped, count) = (Varint(skipped), Varint(count));
                MissingRecord { skipped, count, noticed_ms: None }
            });
            Seen::from_record(&SeenRecord { highest: Varint(highest), missing: List(missing.collect()), found: Varint(0) })
        };
        let most = u64::MAX;
        assert!(record(9, &[(1, 2), (1, 3), (3, 1)]).is_some() && record(most, &[(1, most)]).is_some());
        for (highest, ranges) in [
            (9, &[(0, 2)][..]),
            (9, &[(1, 3), (0, 2)]),
            (9, &[(1, 0)]),
            (9, &[(1, 10)]),
            (most, &[(0, most)]),
            (most, &[(1, most), (0, 1)]),
            (most, &[(1, most), (1, 1)]),
        ] {
            assert_eq!(record(highest, ranges), None, "{ranges:?}");
        }
    }

    /// Orders in which letters may come, beside the plainest count of the same.
    #[test]
    fn it_counts_as_a_set_of_numbers_would() {
        let mut random = numbers(7);
        for _ in 0..200 {
            let (mut seen, mut came, mut voided, mut heard) = (Seen::default(), BTreeSet::new(), vec![], 0);
            for _ in 0..60 {
                let counter = 1 + random() % 80;
                let highest = came.last().copied().unwrap_or(0);
                let is_void = |counter| voided[..heard].contains(&Varint(counter)) && counter <= highest;
                assert_eq!(seen.is_new(counter), !came.contains(&counter) && !is_void(counter));
                if random().is_multiple_of(8) && !came.contains(&counter) {
                    voided.push(Varint(counter));
                }
                if !voided.contains(&Varint(counter)) {
                    seen.came(counter, 1, &voided, 0);
                    came.insert(counter);
                    heard = voided.len();
                }
                seen = Seen::from_record(&seen.to_record()).unwrap();
            }
            let highest = came.last().copied().unwrap_or(0);
            let missing = (1..highest).filter(|counter| !came.contains(counter) && !voided[..heard].contains(&Varint(*counter)));
            assert_eq!(seen.tell(i64::MAX), missing.count() as u64);
        }
    }

    /// Numbers without a pattern, the same for the same seed (xorshift64).
    fn numbers(mut state: u64) -> impl FnMut() -> u64 {
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }
}
