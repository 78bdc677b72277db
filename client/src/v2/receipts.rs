//! How far each message of the page got with each recipient, until nothing can change any more. In memory alone: what is
//! told of a message of an earlier run is told without a ticket.

use msr_protocol::v2::MessageId;
use msr_protocol::{Code, Credential, v2};

use crate::limits::RECEIPTS;
use crate::queue::Queue;
use crate::sorted::Map;
use crate::{Progress, Receipt, Ticket};

#[derive(Debug)]
struct Watched {
    tickets: Vec<Ticket>,
    is_accepted: bool,
    /// `None` for as long as nothing is known.
    recipients: Vec<(Credential, Option<Progress>)>,
}

impl Watched {
    fn is_settled(&self) -> bool {
        self.is_accepted && self.recipients.iter().all(|(_, progress)| progress.is_some_and(is_last))
    }
}

/// Whether nothing comes after it.
fn is_last(progress: Progress) -> bool {
    match progress {
        Progress::Queued | Progress::Receiving { .. } => false,
        Progress::Delivered | Progress::Expired | Progress::Error(_) => true,
    }
}

/// The messages that something may still be heard of.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    watched: Map<MessageId, Box<Watched>>,
    /// Those that are accepted, oldest first: when there are too many, the oldest is forgotten.
    accepted: Queue<MessageId>,
}

impl Receipts {
    /// A message is on its way.
    pub(crate) fn watch(&mut self, id: MessageId, tickets: Vec<Ticket>, recipients: &[Credential]) {
        let recipients = recipients.iter().map(|recipient| (*recipient, None)).collect();
        self.watched.insert(id, Box::new(Watched { tickets, is_accepted: false, recipients }));
    }

    /// Somebody else waits for it too.
    pub(crate) fn join(&mut self, id: MessageId, ticket: Ticket) {
        if let Some(watched) = self.watched.get_mut(&id) {
            watched.tickets.push(ticket);
        }
    }

    /// It will not be sent.
    pub(crate) fn forget(&mut self, id: MessageId) {
        self.watched.remove(&id);
    }

    /// They go on under other names, the second of each pair.
    pub(crate) fn rename(&mut self, names: &[(MessageId, MessageId)]) {
        // The new name of one may be the old name of another.
        let renamed: Vec<_> = names.iter().filter_map(|(old, new)| Some((*new, self.watched.remove(old)?))).collect();
        for (new, entry) in renamed {
            self.watched.insert(new, entry);
        }
    }

    /// The server has it. Gives how far it got with each recipient.
    pub(crate) fn accepted(&mut self, id: MessageId, exceptions: &[v2::Exception]) -> Vec<(Credential, Progress)> {
        let Some(watched) = self.watched.get_mut(&id) else { return Vec::new() };
        for exception in exceptions {
            let place = usize::try_from(exception.recipient.0).unwrap_or(usize::MAX);
            if let Some((_, progress)) = watched.recipients.get_mut(place) {
                *progress = Some(Progress::Error(exception.code));
            }
        }
        let recipients = watched.recipients.iter_mut().map(|(recipient, progress)| (*recipient, *progress.get_or_insert(Progress::Queued)));
        let recipients = recipients.collect();
        watched.is_accepted = true;
        if watched.is_settled() {
            self.watched.remove(&id);
        } else {
            self.accepted.push(id);
            self.forget_the_oldest();
        }
        recipients
    }

    /// A receipt came.
    pub(crate) fn told(&mut self, id: MessageId, receipt: &v2::Receipt) -> Vec<Receipt> {
        let progress = match Code::from_number(receipt.code) {
            Some(Code::Done) => Progress::Delivered,
            Some(Code::Expired) => Progress::Expired,
            _ => Progress::Error(receipt.code),
        };
        self.changed(id, receipt.recipient, progress, Some(receipt.timestamp_ms))
    }

    /// A recipient has so many bytes of a large message.
    pub(crate) fn receiving(&mut self, id: MessageId, recipient: Credential, bytes: u64) -> Vec<Receipt> {
        if self.watched.contains_key(&id) { self.changed(id, recipient, Progress::Receiving { bytes }, None) } else { Vec::new() }
    }

    /// News for each who waits; none when it is old.
    fn changed(&mut self, id: MessageId, recipient: Credential, progress: Progress, timestamp_ms: Option<i64>) -> Vec<Receipt> {
        let news = |ticket, settled| Receipt { ticket, id, recipient, progress, timestamp_ms, settled };
        let Some(watched) = self.watched.get_mut(&id) else { return vec![news(None, false)] };
        if let Some((_, known)) = watched.recipients.iter_mut().find(|(other, _)| *other == recipient) {
            if known.is_some_and(|known| is_last(known) || known >= progress) {
                return Vec::new();
            }
            *known = Some(progress);
        }
        let settled = watched.is_settled();
        let receipts = watched.tickets.iter().map(|ticket| news(Some(*ticket), settled)).collect();
        if settled {
            self.watched.remove(&id);
        }
        receipts
    }

    fn forget_the_oldest(&mut self) {
        // Those that are settled leave their place here behind.
        while self.accepted.len() > RECEIPTS || self.accepted.iter().next().is_some_and(|oldest| !self.watched.contains_key(oldest)) {
            let Some(oldest) = self.accepted.pop() else { return };
            self.watched.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use msr_protocol::v2::{Exception, Varint};

    use super::*;

    const ID: MessageId = MessageId { device: [1; 16], outbox_epoch: 2, number: Varint(3) };
    const TO: [Credential; 2] = [Credential([7; 16]), Credential([8; 16])];

    fn watched() -> Receipts {
        let mut receipts = Receipts::default();
        receipts.watch(ID, vec![Ticket(1)], &TO);
        receipts
    }

    fn told(receipts: &mut Receipts, recipient: Credential, code: Code) -> Vec<(Option<Ticket>, Progress, bool)> {
        let receipt = v2::Receipt { outbox_epoch: 2, number: Varint(3), recipient, code: code.number(), timestamp_ms: 5 };
        receipts.told(ID, &receipt).into_iter().map(|receipt| (receipt.ticket, receipt.progress, receipt.settled)).collect()
    }

    #[test]
    fn from_queued_to_settled() {
        let mut receipts = watched();
        let unknown = Code::UnknownRecipient.number();
        let accepted = receipts.accepted(ID, &[Exception { recipient: Varint(1), code: unknown }]);
        assert_eq!(accepted, [(TO[0], Progress::Queued), (TO[1], Progress::Error(unknown))]);
        assert_eq!(receipts.receiving(ID, TO[0], 10).len(), 1);
        assert_eq!(receipts.receiving(ID, TO[0], 10).len(), 0);
        assert_eq!(told(&mut receipts, TO[0], Code::Done), [(Some(Ticket(1)), Progress::Delivered, true)]);
        assert_eq!(told(&mut receipts, TO[0], Code::Done), [(None, Progress::Delivered, false)], "forgotten by now");
    }

    #[test]
    fn a_receipt_before_the_acceptance_is_not_taken_back() {
        let mut receipts = watched();
        assert_eq!(told(&mut receipts, TO[0], Code::Done), [(Some(Ticket(1)), Progress::Delivered, false)]);
        assert_eq!(told(&mut receipts, TO[1], Code::Expired), [(Some(Ticket(1)), Progress::Expired, false)]);
        assert_eq!(told(&mut receipts, TO[1], Code::Done), [], "it has expired");
        assert_eq!(receipts.accepted(ID, &[]), [(TO[0], Progress::Delivered), (TO[1], Progress::Expired)]);
        assert!(receipts.watched.is_empty());
    }

    #[test]
    fn bounded() {
        let mut receipts = Receipts::default();
        for number in 0..2 * RECEIPTS as u64 {
            let id = MessageId { number: Varint(number), ..ID };
            receipts.watch(id, vec![Ticket(1)], &TO);
            receipts.accepted(id, &[]);
        }
        assert_eq!((receipts.watched.len(), receipts.accepted.len()), (RECEIPTS, RECEIPTS));
    }
}
