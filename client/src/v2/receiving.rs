//! What comes for this device, and what its page is told of it.

use msr_protocol::Code;
use msr_protocol::v2::flags::{REALTIME, SEALED};
use msr_protocol::v2::{self, Bytes16, Delivery, Entry, MessageId, Rest};

use super::inbox::{Broken, Told, read};
use super::incoming;
use super::profile::{Profile, wall};
use crate::queue::Queue;
use crate::{DeliveryTag, Event, Moment, Opened, Opening, Output};

impl Profile {
    /// An entry of the queue came.
    pub(crate) fn entry(&mut self, sequence: u64, header: &[u8], entry: &[u8], now: Moment) {
        let told = self.inbox.entry(sequence, header, entry, &mut self.journal);
        self.tell(told, now);
    }

    /// A large entry begins. `false` when the server breaks the rules.
    #[must_use]
    pub(crate) fn begin(&mut self, sequence: u64, sender: Bytes16, total: u64, header: &[u8]) -> bool {
        self.inbox.begin(sequence, sender, total, header, &mut self.journal).is_ok()
    }

    /// A piece of a large entry. `false` when the server breaks the rules.
    #[must_use]
    pub(crate) fn piece(&mut self, sequence: u64, offset: u64, piece: &[u8], now: Moment) -> bool {
        match self.inbox.piece(sequence, offset, piece, &mut self.journal) {
            Ok(told) => {
                self.tell(told, now);
                true
            }
            Err(Broken) => false,
        }
    }

    /// A realtime message came: nobody waits to hear that it was handled.
    pub(crate) fn realtime(&mut self, header: &[u8], entry: &[u8]) {
        let Some(Entry::Message(delivery)) = read(entry) else { return self.events.push(Event::Trouble(Code::BadMessage.into())) };
        if delivery.flags & SEALED == 0 {
            if !self.tell_delivery(&delivery, None, false) {
                self.events.push(Event::Trouble(Code::BadMessage.into()));
            }
            return;
        }
        if !self.by_key {
            return self.events.push(Event::Trouble(Code::CannotOpen.into()));
        }
        if let Some((tag, gave_way)) = self.inbox.open_live(entry) {
            if gave_way {
                self.events.push(Event::Trouble(Code::SlowConsumer.into()));
            }
            self.asks.push(Output::Open { tag, header: header.to_vec(), entry: entry.to_vec() });
        }
    }

    /// A handler is done with a message.
    pub(crate) fn handled(&mut self, tag: DeliveryTag, now: Moment) {
        let told = self.inbox.handled(tag, wall(now), &mut self.journal);
        self.tell(told, now);
    }

    /// The keys have looked at a sealed message.
    pub(crate) fn opened(&mut self, tag: DeliveryTag, outcome: Opening, now: Moment) {
        if let Some(entry) = self.inbox.opened_live(tag) {
            self.tell_outcome(&entry, &outcome, None);
        } else {
            let told = self.inbox.opened(tag, outcome, &mut self.journal);
            self.tell(told, now);
        }
    }

    /// The keys could open a message after all that was handled long ago.
    pub(crate) fn late(&mut self, entry: &[u8], opened: &Opened) {
        let Some(Entry::Message(delivery)) = read(entry) else { return self.events.push(Event::Trouble(Code::BadMessage.into())) };
        let Some(tag) = self.inbox.late(delivery.id) else { return };
        if !self.tell_opened(entry, opened, Some(tag)) {
            self.events.push(Event::Trouble(Code::BadMessage.into()));
            self.handled_late(tag);
        }
    }

    fn handled_late(&mut self, tag: DeliveryTag) {
        for told in self.inbox.handled(tag, 0, &mut self.journal) {
            if let Told::LateHandled(id) = told {
                self.asks.push(Output::LateHandled { id });
            }
        }
    }

    fn tell(&mut self, told: Vec<Told>, now: Moment) {
        let mut told = Queue::from(told);
        while let Some(next) = told.pop() {
            match next {
                Told::Message(tag, entry) => {
                    let Some(Entry::Message(delivery)) = read(&entry) else { continue };
                    if !self.tell_delivery(&delivery, Some(tag), false) {
                        // Nobody can handle it, so it is: the next one may come.
                        self.events.push(Event::Trouble(Code::BadMessage.into()));
                        told.append(self.inbox.handled(tag, wall(now), &mut self.journal));
                    }
                }
                Told::Open(tag, header, entry) if self.by_key => self.asks.push(Output::Open { tag, header, entry }),
                Told::Open(tag, ..) => {
                    told.append(self.inbox.opened(tag, Opening::Failed(Code::CannotOpen.into()), &mut self.journal));
                }
                Told::Opened(tag) => {
                    let Some(opened) = self.inbox.take_opened(tag) else { continue };
                    if !self.tell_outcome(&opened.0, &opened.1, Some(tag)) {
                        // Nobody will handle it, so it is: the next one may come.
                        told.append(self.inbox.handled(tag, wall(now), &mut self.journal));
                    }
                }
                Told::LateHandled(id) => self.asks.push(Output::LateHandled { id }),
                Told::Receipt(receipt) => self.tell_receipt(&receipt),
                Told::Unreadable => self.events.push(Event::Trouble(Code::BadMessage.into())),
            }
        }
    }

    /// Tells the page what the keys say of a sealed message. `false` when nobody is to handle it.
    fn tell_outcome(&mut self, entry: &[u8], outcome: &Opening, tag: Option<DeliveryTag>) -> bool {
        let failure = match outcome {
            Opening::Opened(opened) if self.tell_opened(entry, opened, tag) => return true,
            Opening::Opened(_) => Code::BadMessage.into(),
            Opening::Failed(failure) => failure.clone(),
            Opening::Silent => return false,
        };
        self.events.push(Event::Trouble(failure));
        false
    }

    /// Tells the page what was in a sealed message: what stands inside counts, but for what only the outside can say.
    fn tell_opened(&mut self, entry: &[u8], opened: &Opened, tag: Option<DeliveryTag>) -> bool {
        let Some(Entry::Message(sealed)) = read(entry) else { return false };
        let Opened { flags, reply_to, subject, payload } = opened;
        let flags = flags & !REALTIME | sealed.flags & REALTIME;
        let delivery = Delivery { flags, reply_to: *reply_to, subject: subject.as_str(), payload: Rest(payload), ..sealed };
        self.tell_delivery(&delivery, tag, true)
    }

    /// `false` when it is no message that a page could be told.
    fn tell_delivery(&mut self, delivery: &Delivery<'_>, tag: Option<DeliveryTag>, encrypted: bool) -> bool {
        let Some(message) = incoming::inbound(delivery, tag, encrypted) else { return false };
        let request = delivery.reply_to.filter(|_| tag.is_some()).and_then(|request| self.requests.answered(request));
        self.events.push(match request {
            Some(ticket) => Event::Reply { ticket, message: Box::new(message) },
            None => Event::Message(Box::new(message)),
        });
        true
    }

    fn tell_receipt(&mut self, receipt: &v2::Receipt) {
        let id = MessageId { device: self.outbox.device, outbox_epoch: receipt.outbox_epoch, number: receipt.number };
        let receipts = self.receipts.told(id, receipt);
        self.events.extend(receipts.into_iter().map(Event::Receipt));
    }
}
