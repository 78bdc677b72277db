//! Messages that wait for a registration: in memory, first in first out, bounded, each with the time it gives up at.

use msr_protocol::{Code, Credential, JsonText, Message};

use crate::limits::{OUTBOX_BYTES, OUTBOX_MESSAGES};
use crate::{Content, Draft, Encrypt, Failure, Ticket};

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ticket: Ticket,
    /// Who wrote it; nobody's yet when the client did not know its peer then.
    pub(crate) author: Option<Credential>,
    pub(crate) draft: Draft,
    /// The time at the server, as far as it was known.
    pub(crate) timestamp: JsonText,
    /// By the clock on the wall.
    pub(crate) sent_ms: i64,
    /// What it takes at most.
    pub(crate) bytes: usize,
    /// On the monotonic clock; infinite for never.
    pub(crate) deadline_ms: f64,
    /// When nobody waits for an answer any more; infinite where none is awaited.
    pub(crate) reply_by_ms: f64,
}

impl Outgoing {
    /// The message as that sender writes it in version 1.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`] for what version 1 does not know: bytes, requests; [`Code::NoKeys`] for what must be encrypted.
    pub(crate) fn into_message(self, from: Credential) -> Result<Message, Failure> {
        let Draft { to, subject, content, request, encrypt, .. } = self.draft;
        if encrypt == Encrypt::Required {
            return Err(Code::NoKeys.into());
        }
        match content {
            Content::Json(content) if request.is_none() => {
                Ok(Message { to, from: JsonText::from(from), subject, timestamp: self.timestamp, content })
            }
            Content::Json(_) | Content::Bytes(_) => Err(beyond_version_1()),
        }
    }
}

/// Why a message of version 2 is not sent to a server of version 1.
pub(crate) fn beyond_version_1() -> Failure {
    Failure { code: Code::InvalidArgument, detail: "The server speaks version 1, which has no bytes and no requests".to_owned() }
}

/// The messages that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: Vec<Outgoing>,
    bytes: usize,
}

impl Outbox {
    /// Takes a message in.
    ///
    /// # Errors
    /// [`Code::OutboxFull`]: what waits already stays.
    pub(crate) fn push(&mut self, outgoing: Outgoing) -> Result<(), Failure> {
        if self.queue.len() >= OUTBOX_MESSAGES || self.bytes + outgoing.bytes > OUTBOX_BYTES {
            return Err(Code::OutboxFull.into());
        }
        self.bytes += outgoing.bytes;
        self.queue.push(outgoing);
        Ok(())
    }

    /// Takes all out, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<Outgoing> {
        self.bytes = 0;
        std::mem::take(&mut self.queue)
    }

    /// Takes that one out; `false` when it does not wait here.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> bool {
        let at = self.queue.iter().position(|outgoing| outgoing.ticket == ticket);
        let removed = at.map(|at| self.queue.remove(at));
        self.bytes -= removed.as_ref().map_or(0, |outgoing| outgoing.bytes);
        removed.is_some()
    }

    /// Takes out what has waited too long, oldest first.
    pub(crate) fn expire(&mut self, now_ms: f64) -> Vec<Ticket> {
        let (bytes, mut expired) = (&mut self.bytes, Vec::new());
        self.queue.retain(|outgoing| {
            let keep = outgoing.deadline_ms > now_ms;
            if !keep {
                *bytes -= outgoing.bytes;
                expired.push(outgoing.ticket);
            }
            keep
        });
        expired
    }

    /// When the next one gives up.
    pub(crate) fn deadline_ms(&self) -> f64 {
        self.queue.iter().fold(f64::INFINITY, |earliest, outgoing| earliest.min(outgoing.deadline_ms))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(number: u32, bytes: usize, deadline_ms: f64) -> Outgoing {
        let empty = JsonText::empty_string;
        let draft = Draft::new(empty(), empty(), empty());
        Outgoing {
            ticket: Ticket(number),
            author: None,
            draft,
            timestamp: empty(),
            sent_ms: 0,
            bytes,
            deadline_ms,
            reply_by_ms: f64::INFINITY,
        }
    }

    #[test]
    fn bounded_by_count_and_by_bytes() {
        let full = |outbox: &mut Outbox, bytes| outbox.push(outgoing(0, bytes, 1.0)).map_err(|failure| failure.code);
        let mut outbox = Outbox::default();
        for _ in 0..OUTBOX_MESSAGES {
            assert_eq!(full(&mut outbox, 1), Ok(()));
        }
        assert_eq!(full(&mut outbox, 1), Err(Code::OutboxFull));

        let mut outbox = Outbox::default();
        assert_eq!(full(&mut outbox, OUTBOX_BYTES), Ok(()));
        assert_eq!(full(&mut outbox, 1), Err(Code::OutboxFull));
        assert_eq!(outbox.drain().len(), 1);
        assert_eq!(full(&mut outbox, OUTBOX_BYTES), Ok(()));
    }

    #[test]
    fn in_order_but_for_what_expired_or_was_taken_back() {
        let mut outbox = Outbox::default();
        for (number, deadline_ms) in [(1, 30.0), (2, 10.0), (3, f64::INFINITY), (4, 20.0), (5, 40.0)] {
            outbox.push(outgoing(number, 100, deadline_ms)).unwrap();
        }
        assert_eq!(outbox.deadline_ms(), 10.0);
        assert_eq!(outbox.expire(20.0), [Ticket(2), Ticket(4)]);
        assert!(outbox.remove(Ticket(3)));
        assert!(!outbox.remove(Ticket(3)));
        assert_eq!(outbox.bytes, 200);
        assert_eq!(outbox.drain().iter().map(|outgoing| outgoing.ticket).collect::<Vec<_>>(), [Ticket(1), Ticket(5)]);
        assert_eq!((outbox.len(), outbox.bytes, outbox.deadline_ms()), (0, 0, f64::INFINITY));
    }
}
