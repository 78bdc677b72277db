//! Which letters of a device came, and which did not: each counts once, and what is missing is told.

use msr_protocol::v2::{List, Varint};

use super::limits::{GAP_GRACE_MS, MISSING_PER_DEVICE};
use super::sorted::sort_by_key;
use super::spelled::spelled;

/// A counter that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Missing {
    counter: u64,
    /// When that was noticed; `None` where it is not to be told: it was told, or may never have been sent.
    noticed_ms: Option<i64>,
}

/// The counters of one lane that came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    highest: u64,
    missing: Vec<Missing>,
}

spelled! {
    /// How it is kept.
    SeenRecord {
        highest: Varint,
        /// Those to be told, with the time in which they were noticed, ms since 1970.
        untold: List<Untold>,
        told: List<Varint>,
    }
    Untold {
        counter: Varint,
        noticed_ms: i64,
    }
}

impl Seen {
    /// Whether a letter of that counter did not come yet.
    pub(crate) fn is_new(&self, counter: u64) -> bool {
        counter > self.highest || self.missing.iter().any(|missing| missing.counter == counter)
    }

    /// A letter of that counter came. What lies between it and those before is missing from now on; only what is not below
    /// `sure_from` and not among the `voided` is ever told.
    pub(crate) fn came(&mut self, counter: u64, sure_from: u64, voided: &[Varint], now_ms: i64) {
        self.missing.retain(|missing| missing.counter != counter && !voided.contains(&Varint(missing.counter)));
        if counter <= self.highest {
            return;
        }
        let first = (self.highest + 1).max(counter.saturating_sub(MISSING_PER_DEVICE as u64));
        for between in first..counter {
            if !voided.contains(&Varint(between)) {
                let noticed_ms = (between >= sure_from).then_some(now_ms);
                self.missing.push(Missing { counter: between, noticed_ms });
            }
        }
        self.highest = counter;
        let surplus = self.missing.len().saturating_sub(MISSING_PER_DEVICE);
        self.missing.drain(..surplus);
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
                told += 1;
            }
        }
        told
    }

    pub(crate) fn to_record(&self) -> SeenRecord {
        let mut record = SeenRecord { highest: Varint(self.highest), untold: List(vec![]), told: List(vec![]) };
        for &Missing { counter, noticed_ms } in &self.missing {
            match noticed_ms {
                Some(noticed_ms) => record.untold.0.push(Untold { counter: Varint(counter), noticed_ms }),
                None => record.told.0.push(Varint(counter)),
            }
        }
        record
    }

    pub(crate) fn from_record(record: &SeenRecord) -> Self {
        let untold = record.untold.0.iter().map(|one| Missing { counter: one.counter.0, noticed_ms: Some(one.noticed_ms) });
        let told = record.told.0.iter().map(|counter| Missing { counter: counter.0, noticed_ms: None });
        let mut missing: Vec<_> = untold.chain(told).collect();
        sort_by_key(&mut missing, |missing| missing.counter);
        Self { highest: record.highest.0, missing }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(Seen::from_record(&seen.to_record()), seen);
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
        assert_eq!(seen.missing.len(), MISSING_PER_DEVICE);
        seen.came(u64::MAX, 0, &[], 0);
        assert!(!seen.is_new(u64::MAX));
    }
}
