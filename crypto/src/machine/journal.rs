//! What is to be kept, and what may leave only once it is: one write at a time, and all that happens meanwhile shares the
//! next one.

use super::io::{Change, Output, PersistTicket, Sealing};
use super::limits::WRITE_PAUSE_MS;
use super::sorted::Map;
use msr_protocol::Code;

type Changes = Map<String, Option<Vec<u8>>>;

struct Write {
    ticket: PersistTicket,
    changes: Changes,
    release: Vec<Output>,
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Journal {
    staged: Changes,
    release: Vec<Output>,
    under_way: Option<Write>,
    last_ticket: u64,
    failures: u32,
    retry_ms: Option<i64>,
}

impl Journal {
    pub(crate) fn put(&mut self, key: String, value: Vec<u8>) {
        self.staged.insert(key, Some(value));
    }

    pub(crate) fn delete(&mut self, key: String) {
        self.staged.insert(key, None);
    }

    /// Lets an output go when all that was put so far is kept.
    pub(crate) fn then(&mut self, output: Output) {
        self.release.push(output);
    }

    /// Outputs that wait for nothing any more.
    pub(crate) fn free(&mut self) -> Vec<Output> {
        if !self.staged.is_empty() {
            return vec![];
        }
        match &mut self.under_way {
            Some(write) => {
                write.release.append(&mut self.release);
                vec![]
            }
            None => std::mem::take(&mut self.release),
        }
    }

    /// Whether the next write can begin, if there is something to write.
    pub(crate) fn is_idle(&self, now_ms: i64) -> bool {
        self.under_way.is_none() && self.retry_ms.is_none_or(|retry_ms| retry_ms <= now_ms)
    }

    /// The next write.
    pub(crate) fn begin(&mut self, now_ms: i64) -> Option<Output> {
        if !self.is_idle(now_ms) || self.staged.is_empty() {
            return None;
        }
        self.last_ticket += 1;
        let ticket = PersistTicket(self.last_ticket);
        let changes = std::mem::take(&mut self.staged);
        let change = |(key, value): (&String, &Option<Vec<u8>>)| match value {
            Some(value) => Change::Put { key: key.clone(), value: value.clone() },
            None => Change::Delete { key: key.clone() },
        };
        let output = Output::Persist { ticket, changes: changes.iter().map(change).collect(), strict: true };
        self.under_way = Some(Write { ticket, changes, release: std::mem::take(&mut self.release) });
        self.retry_ms = None;
        Some(output)
    }

    /// The write is done: what waited for it.
    pub(crate) fn persisted(&mut self, ticket: PersistTicket) -> Vec<Output> {
        match self.under_way.take_if(|write| write.ticket == ticket) {
            Some(write) => {
                self.failures = 0;
                write.release
            }
            None => vec![],
        }
    }

    /// The write failed. What was sealed is refused: it never left. The rest waits until the same is written after all.
    pub(crate) fn not_persisted(&mut self, ticket: PersistTicket, now_ms: i64) -> Vec<Output> {
        let Some(write) = self.under_way.take_if(|write| write.ticket == ticket) else { return vec![] };
        let is_sealed = |output: &Output| matches!(output, Output::Sealed { outcome: Sealing::Sealed { .. }, .. });
        let (sealed, others): (Vec<_>, Vec<_>) = write.release.into_iter().partition(is_sealed);
        for (key, value) in write.changes {
            self.staged.get_or(key, || value);
        }
        self.release.splice(0..0, others);
        let (least, most) = WRITE_PAUSE_MS;
        self.retry_ms = Some(now_ms.saturating_add(least.saturating_mul(1 << self.failures.min(16)).min(most)));
        self.failures = self.failures.saturating_add(1);
        let refuse = |output| match output {
            Output::Sealed { ticket, .. } => Output::Sealed { ticket, outcome: Sealing::Refused(Code::NotKept.into()) },
            other => other,
        };
        sealed.into_iter().map(refuse).collect()
    }

    pub(crate) fn retry_ms(&self) -> Option<i64> {
        self.retry_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control() -> Output {
        Output::Frames(vec![1])
    }

    #[test]
    fn nothing_leaves_before_it_is_kept() {
        let mut journal = Journal::default();
        journal.then(control());
        assert_eq!(journal.free(), vec![control()]);
        journal.put("key:a".to_owned(), vec![1]);
        journal.then(control());
        assert_eq!(journal.free(), vec![]);
        let Some(Output::Persist { ticket, .. }) = journal.begin(0) else { panic!("no write") };
        journal.then(control());
        assert_eq!(journal.free(), vec![]);
        assert_eq!(journal.persisted(PersistTicket(99)), vec![]);
        assert_eq!(journal.persisted(ticket), vec![control(), control()]);
    }

    #[test]
    fn a_failed_write_is_tried_again_with_what_came_meanwhile() {
        let mut journal = Journal::default();
        journal.put("key:a".to_owned(), vec![1]);
        journal.put("key:b".to_owned(), vec![1]);
        journal.then(control());
        let Some(Output::Persist { ticket, .. }) = journal.begin(0) else { panic!("no write") };
        journal.put("key:a".to_owned(), vec![2]);
        assert_eq!(journal.not_persisted(ticket, 0), vec![]);
        assert_eq!(journal.begin(999), None);
        let Some(Output::Persist { ticket, changes, .. }) = journal.begin(1_000) else { panic!("no write") };
        let put = |key: &str, value| Change::Put { key: key.to_owned(), value: vec![value] };
        assert_eq!(changes, vec![put("key:a", 2), put("key:b", 1)]);
        assert_eq!(journal.persisted(ticket), vec![control()]);
    }
}
