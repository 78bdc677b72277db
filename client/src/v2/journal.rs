//! Changes on their way to the store: one write at a time; meanwhile the next one fills. So a change waits for nothing but
//! the write before it, and under load many changes share one.

use crate::limits::PERSIST_RETRY_MS;
use crate::sorted::Map;
use crate::{Change, PersistTicket};

/// What may follow once a write is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct After {
    /// Messages of the outbox whose records are in it.
    pub(crate) kept: Vec<u64>,
    /// Messages of the outbox whose records are gone with it.
    pub(crate) dropped: Vec<u64>,
    /// Messages of the outbox whose numbers are in it, in records of their own.
    pub(crate) numbered: Vec<u64>,
    /// How far messages are noted as offered.
    pub(crate) offered: u64,
    /// How often numbers of the outbox were given up.
    pub(crate) lapses: u64,
    /// The queue epoch, sequence and count of entries that are noted as handled.
    pub(crate) handled: Option<(u64, u64, u64)>,
}

/// The changes that are not in the store yet.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    open: Map<String, Option<Vec<u8>>>,
    after: After,
    strict: bool,
    writing: Option<Writing>,
    /// Not before then, after a write that failed.
    retry_at_ms: f64,
}

#[derive(Debug)]
struct Writing {
    ticket: PersistTicket,
    changes: Map<String, Option<Vec<u8>>>,
    after: After,
}

impl Journal {
    /// Keeps a record.
    pub(crate) fn put(&mut self, key: String, value: Vec<u8>) {
        self.open.insert(key, Some(value));
    }

    /// Forgets a record.
    pub(crate) fn delete(&mut self, key: String) {
        self.open.insert(key, None);
    }

    /// A message of the page is among the changes: they wait for nothing.
    pub(crate) fn hurry(&mut self) {
        self.strict = true;
        self.retry_at_ms = f64::NEG_INFINITY;
    }

    /// What may follow once the changes that fill now are in the store.
    pub(crate) fn after(&mut self) -> &mut After {
        &mut self.after
    }

    /// The numbers that changes were made for are others now.
    pub(crate) fn renumbered(&mut self) {
        let writing = self.writing.iter_mut().map(|writing| &mut writing.after);
        for after in writing.chain([&mut self.after]) {
            after.kept.clear();
            after.dropped.clear();
            after.numbered.clear();
            after.offered = 0;
            after.lapses = 0;
        }
    }

    /// What to write next, `ticket` being its name.
    pub(crate) fn next(&mut self, ticket: PersistTicket, now_ms: f64) -> Option<(Vec<Change>, bool)> {
        if self.writing.is_some() || self.open.is_empty() || now_ms < self.retry_at_ms {
            return None;
        }
        Some(self.write(ticket))
    }

    /// All that is not written yet, whoever waits for it: nobody will see it done.
    pub(crate) fn rest(&mut self, ticket: PersistTicket) -> Option<(Vec<Change>, bool)> {
        (!self.open.is_empty()).then(|| self.write(ticket))
    }

    fn write(&mut self, ticket: PersistTicket) -> (Vec<Change>, bool) {
        let changes = std::mem::take(&mut self.open);
        let list = changes.iter().map(|(key, value)| match value {
            Some(value) => Change::Put { key: key.clone(), value: value.clone() },
            None => Change::Delete { key: key.clone() },
        });
        let list = list.collect();
        self.writing = Some(Writing { ticket, changes, after: std::mem::take(&mut self.after) });
        (list, std::mem::take(&mut self.strict))
    }

    /// The write is done; `None` when it is not the one under way.
    pub(crate) fn persisted(&mut self, ticket: PersistTicket) -> Option<After> {
        Some(self.writing.take_if(|writing| writing.ticket == ticket)?.after)
    }

    /// The write failed. Its changes are tried again later, unless newer ones replaced them; the records of messages that
    /// are `given_up` are not.
    pub(crate) fn failed(&mut self, ticket: PersistTicket, now_ms: f64, given_up: impl Fn(u64) -> String) -> Option<After> {
        let Writing { mut changes, after, .. } = self.writing.take_if(|writing| writing.ticket == ticket)?;
        for number in &after.kept {
            let key = given_up(*number);
            changes.remove(&key);
            if let Some(Some(_)) = self.open.get(&key) {
                self.open.remove(&key);
            }
        }
        for (key, value) in std::mem::take(&mut self.open) {
            changes.insert(key, value);
        }
        self.open = changes;
        // Nobody may act on a number that is not noted.
        self.after.numbered.extend(&after.numbered);
        self.after.lapses = self.after.lapses.max(after.lapses);
        self.retry_at_ms = if self.strict { f64::NEG_INFINITY } else { now_ms + PERSIST_RETRY_MS };
        Some(after)
    }

    /// When there is something to write that waits.
    pub(crate) fn deadline_ms(&self) -> f64 {
        if self.writing.is_none() && !self.open.is_empty() { self.retry_at_ms } else { f64::INFINITY }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: u8) -> Change {
        Change::Put { key: key.to_owned(), value: vec![value] }
    }

    #[test]
    fn one_write_at_a_time_and_the_last_change_of_a_key_counts() {
        let mut journal = Journal::default();
        assert_eq!(journal.next(PersistTicket(1), 0.0), None);
        journal.put("a".to_owned(), vec![1]);
        assert_eq!(journal.next(PersistTicket(1), 0.0), Some((vec![put("a", 1)], false)));
        journal.put("a".to_owned(), vec![2]);
        journal.put("b".to_owned(), vec![3]);
        journal.delete("b".to_owned());
        journal.after().kept.push(7);
        journal.hurry();
        assert_eq!(journal.next(PersistTicket(2), 0.0), None);
        assert_eq!(journal.persisted(PersistTicket(2)), None);
        assert_eq!(journal.persisted(PersistTicket(1)), Some(After::default()));
        let both = vec![put("a", 2), Change::Delete { key: "b".to_owned() }];
        assert_eq!(journal.next(PersistTicket(2), 0.0), Some((both, true)));
        assert_eq!(journal.persisted(PersistTicket(2)).unwrap().kept, [7]);
        assert_eq!(journal.next(PersistTicket(3), 0.0), None);
    }

    #[test]
    fn what_failed_is_tried_again_but_for_messages() {
        let mut journal = Journal::default();
        journal.put("out:1".to_owned(), vec![1]);
        journal.put("inbox".to_owned(), vec![1]);
        journal.put("mark".to_owned(), vec![1]);
        journal.after().kept.push(1);
        journal.next(PersistTicket(1), 0.0).unwrap();
        journal.put("inbox".to_owned(), vec![2]);
        let after = journal.failed(PersistTicket(1), 100.0, |number| format!("out:{number}")).unwrap();
        assert_eq!(after.kept, [1]);
        assert_eq!(journal.next(PersistTicket(2), 100.0), None);
        let at = journal.deadline_ms();
        assert_eq!(journal.next(PersistTicket(2), at), Some((vec![put("inbox", 2), put("mark", 1)], false)));
    }
}
