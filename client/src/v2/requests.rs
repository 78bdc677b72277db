//! Requests whose answers are awaited.

use msr_protocol::v2::MessageId;

use crate::Ticket;
use crate::sorted::Map;

/// The requests that nobody has answered yet.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: Map<MessageId, (Ticket, f64)>,
}

impl Requests {
    /// An answer to that message is awaited until then.
    pub(crate) fn push(&mut self, id: MessageId, ticket: Ticket, deadline_ms: f64) {
        self.waiting.insert(id, (ticket, deadline_ms));
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A message came that answers another.
    pub(crate) fn answered(&mut self, id: MessageId) -> Option<Ticket> {
        Some(self.waiting.remove(&id)?.0)
    }

    /// The message will not be sent.
    pub(crate) fn forget(&mut self, id: MessageId) {
        self.waiting.remove(&id);
    }

    /// They go on under other names, the second of each pair.
    pub(crate) fn rename(&mut self, names: &[(MessageId, MessageId)]) {
        // The new name of one may be the old name of another.
        let renamed: Vec<_> = names.iter().filter_map(|(old, new)| Some((*new, self.waiting.remove(old)?))).collect();
        for (new, entry) in renamed {
            self.waiting.insert(new, entry);
        }
    }

    /// Takes a request back; `false` when there is none of that ticket.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|_, (other, _)| *other != ticket);
        self.waiting.len() < before
    }

    /// Ends what has waited too long.
    pub(crate) fn expire(&mut self, now_ms: f64) -> Vec<Ticket> {
        let mut late = Vec::new();
        self.waiting.retain(|_, (ticket, deadline_ms)| {
            let keep = *deadline_ms > now_ms;
            if !keep {
                late.push(*ticket);
            }
            keep
        });
        late
    }

    /// Ends all of them.
    pub(crate) fn drain(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.waiting).into_iter().map(|(_, (ticket, _))| ticket).collect()
    }

    /// When [`Requests::expire`] has something to do.
    pub(crate) fn deadline_ms(&self) -> f64 {
        self.waiting.values().fold(f64::INFINITY, |earliest, (_, deadline_ms)| earliest.min(*deadline_ms))
    }
}

#[cfg(test)]
mod tests {
    use msr_protocol::v2::Varint;

    use super::*;

    #[test]
    fn answered_once_or_too_late() {
        let id = |number| MessageId { device: [1; 16], outbox_epoch: 2, number: Varint(number) };
        let mut requests = Requests::default();
        for number in 1..=4 {
            requests.push(id(number), Ticket(number as u32), number as f64);
        }
        assert_eq!(requests.answered(id(3)), Some(Ticket(3)));
        assert_eq!(requests.answered(id(3)), None);
        assert_eq!(requests.expire(1.5), [Ticket(1)]);
        assert!(requests.cancel(Ticket(2)) && !requests.cancel(Ticket(2)));
        requests.rename(&[(id(4), id(9))]);
        assert_eq!((requests.deadline_ms(), requests.answered(id(9))), (4.0, Some(Ticket(4))));
        assert_eq!(requests.drain(), []);
    }
}
