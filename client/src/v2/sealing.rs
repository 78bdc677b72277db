//! What the keys are asked to seal, and what becomes of it.
//!
//! They are asked ahead of what the server takes, within bounds, in the order of messages for each recipient; they answer in
//! any order, and not at all while something waits for a decision of the person. A message that is sealed gets its number
//! then; the sealed form is never kept in the store, so that after a restart the keys are asked again.
//!
//! When the server says that the recipients' devices are others by now (521), the refused number and all after it are given up:
//! their messages are sealed anew and get later numbers, and the old ones are void. No number ever means two messages.

use fastrand::Rng;
use msr_protocol::v2::MessageId;
use msr_protocol::{Code, Credential};

use super::journal::Journal;
use super::outbox::Outbox;
use super::pending::{Cover, Pending};
use super::record::Key;
use super::slot::{Keeping, Place, Slot};
use crate::backoff::Backoff;
use crate::limits::{LIVE_AT_ONCE, SEALING_AT_ONCE, SEALING_BYTES, SEALING_MOST};
use crate::sorted::Map;
use crate::{Encrypt, Failure, Output, SealTicket, Sealing, Ticket};

/// The questions of an outbox to the keys.
#[derive(Debug, Default)]
pub(crate) struct Sealer {
    /// The positions of messages without a number that are to be sealed and of which nobody was asked.
    wanted: Map<u64, ()>,
    /// The same of messages that an earlier run numbered.
    numbered: Map<u64, ()>,
    /// The position of the message of each question.
    asked: Map<u64, u64>,
    /// The positions of messages that are sealed and not accepted, each with the question.
    sealed: Map<u64, u64>,
    /// Questions whose answers nobody will see.
    given_up: Vec<u64>,
    /// The realtime message of each question.
    live: Map<u64, Box<Slot>>,
    /// The last question.
    pub(super) last: u64,
    /// Something happened after which there may be another.
    pub(super) is_due: bool,
    /// Nobody is asked before: headers that do not fit time and again are made no faster than that.
    ask_at_ms: f64,
    stale: Option<Backoff>,
    /// Times that numbers were given up, and of how many of them the store knows.
    lapses: u64,
    lapses_noted: u64,
}

impl Sealer {
    /// Whether the store does not know yet that numbers were given up.
    pub(super) fn is_lapsing(&self) -> bool {
        self.lapses > self.lapses_noted
    }

    /// So many times that numbers were given up are in the store.
    pub(super) fn lapsed(&mut self, lapses: u64) {
        self.lapses_noted = self.lapses_noted.max(lapses);
    }

    /// The message at that position is to be sealed.
    pub(super) fn want(&mut self, position: u64, is_numbered: bool) {
        if !self.asked.values().any(|asked| *asked == position) {
            let these = if is_numbered { &mut self.numbered } else { &mut self.wanted };
            these.insert(position, ());
            self.is_due = true;
        }
    }

    /// It has no part in this any more.
    pub(super) fn forget(&mut self, position: u64) {
        self.wanted.remove(&position);
    }

    /// When there is something to ask that waits.
    pub(super) fn deadline_ms(&self) -> f64 {
        if self.ask_at_ms > 0.0 { self.ask_at_ms } else { f64::INFINITY }
    }
}

impl Outbox {
    /// Takes back questions about what is gone; while a connection is registered, asks what there is to ask.
    pub(crate) fn ask(&mut self, now_ms: f64, asks: &mut Vec<Output>) {
        let Self { sealer, slots, line, .. } = self;
        if !sealer.is_due {
            return;
        }
        sealer.asked.retain(|ticket, position| {
            let keep = slots.get(position).is_some_and(|slot| slot.is_wanted() && slot.message.cover == Cover::Wanted);
            if !keep {
                asks.push(Output::Unseal { ticket: SealTicket(*ticket) });
            }
            keep
        });
        sealer.sealed.retain(|position, ticket| {
            let slot = slots.get(position);
            if slot.is_some_and(|slot| !slot.is_wanted()) {
                sealer.given_up.push(*ticket);
            }
            slot.is_some_and(|slot| slot.is_wanted())
        });
        // Their receivers would miss them.
        for ticket in std::mem::take(&mut sealer.given_up) {
            asks.push(Output::Unseal { ticket: SealTicket(ticket) });
        }
        if line.is_none() || sealer.ask_at_ms > now_ms {
            return;
        }
        (sealer.is_due, sealer.ask_at_ms) = (false, 0.0);
        if sealer.wanted.is_empty() && sealer.numbered.is_empty() {
            return;
        }
        let (mut count, mut bytes) = (0, 0);
        for position in sealer.asked.values().chain(sealer.sealed.keys()) {
            if let Some(slot) = slots.get(position) {
                count += 1;
                bytes += slot.message.bytes();
            }
        }
        for (position, ()) in std::mem::take(&mut sealer.numbered) {
            count += usize::from(self.ask_about(position, asks) > 0);
        }
        while let Some(&(position, ())) = self.sealer.wanted.first()
            && count < SEALING_AT_ONCE
            && self.slots.get(&position).is_none_or(|slot| bytes + slot.message.bytes() <= SEALING_BYTES || count == 0)
        {
            bytes += self.ask_about(position, asks);
            count += 1;
        }
        self.ask_about_firsts(count, asks);
    }

    /// Beyond what is asked ahead: of each recipient's messages the first, unless one before it is with the server.
    fn ask_about_firsts(&mut self, mut count: usize, asks: &mut Vec<Output>) {
        if self.sealer.wanted.is_empty() {
            return;
        }
        let mut busy = Vec::new();
        for position in self.sealer.sealed.keys() {
            if let Some(slot) = self.slots.get(position).filter(|slot| slot.place != Place::Open) {
                busy.extend_from_slice(&slot.message.recipients);
            }
        }
        let mut from = (Credential([0; 16]), 0);
        while count < SEALING_MOST {
            let first = self.awaited.range(from..).next().map(|(first, ())| *first);
            let Some((recipient, position)) = first else { return };
            from = (recipient, u64::MAX);
            if !busy.contains(&recipient) && self.sealer.wanted.contains_key(&position) && !self.is_behind(position) {
                count += usize::from(self.ask_about(position, asks) > 0);
            }
        }
    }

    /// Asks the keys to seal that message; gives what it takes.
    fn ask_about(&mut self, position: u64, asks: &mut Vec<Output>) -> usize {
        self.sealer.wanted.remove(&position);
        let Some(slot) = self.slots.get(&position).filter(|slot| slot.is_wanted() && slot.message.cover == Cover::Wanted) else { return 0 };
        self.sealer.last += 1;
        asks.push(Output::Seal { ticket: SealTicket(self.sealer.last), letter: slot.message.letter() });
        self.sealer.asked.insert(self.sealer.last, position);
        slot.message.bytes()
    }

    /// The keys have answered. Gives the message back if that ends it.
    pub(crate) fn sealed(&mut self, ticket: SealTicket, outcome: Sealing, journal: &mut Journal) -> Option<(MessageId, Pending, Failure)> {
        let position = self.sealer.asked.remove(&ticket.0)?;
        self.sealer.is_due = true;
        let slot = self.slots.get_mut(&position).filter(|slot| slot.is_wanted())?;
        match cover(&slot.message, outcome) {
            Ok(cover) => {
                if let Cover::Sealed { .. } = cover {
                    self.sealer.sealed.insert(position, ticket.0);
                }
                slot.message.cover = cover;
                if slot.place == Place::Open {
                    self.ready.insert(position, ());
                }
                self.is_unsettled = true;
                None
            }
            Err(failure) => self.drop(position, journal).map(|(name, message)| (name, message, failure)),
        }
    }

    /// Whether the message of that number is sealed.
    pub(crate) fn is_sealed(&self, number: u64) -> bool {
        let slot = self.numbers.get(&number).and_then(|position| self.slots.get(position));
        slot.is_some_and(|slot| matches!(slot.message.cover, Cover::Sealed { .. }))
    }

    /// Whether the server said that it has that number.
    pub(crate) fn is_accepted(&self, number: u64) -> bool {
        self.line.as_ref().is_some_and(|line| line.accepted >= number)
    }

    /// A sealed message was taken: what is made of the lists fits.
    pub(crate) fn fits(&mut self) {
        self.sealer.stale = None;
    }

    /// The server did not take that number, because the devices it was sealed for are not those there are. Gives the old and the
    /// new name of each message whose number is given up.
    pub(crate) fn stale(&mut self, number: u64, now_ms: f64, rng: &mut Rng, journal: &mut Journal) -> Vec<(MessageId, MessageId)> {
        let Some(line) = self.line.as_mut().filter(|line| line.is_refusable(number)) else { return Vec::new() };
        line.give_up(number);
        match &mut self.sealer.stale {
            Some(backoff) => self.sealer.ask_at_ms = now_ms + backoff.next_ms(rng),
            None => self.sealer.stale = Some(Backoff::default()),
        }
        let mut renamed = Vec::new();
        for (number, position) in self.numbers.range(number..).map(|(number, position)| (*number, *position)).collect::<Vec<_>>() {
            let old = self.name(position);
            let Some(slot) = self.slots.get_mut(&position).filter(|slot| slot.is_wanted()) else { continue };
            match slot.place {
                Place::Given(_) => journal.put(Key::Outgoing { position }.spell(), slot.message.record(None)),
                Place::Noting(_) | Place::Noted(_) => journal.delete(Key::Numbered { position }.spell()),
                Place::Open => continue,
            }
            slot.place = Place::Open;
            if let Cover::Plain | Cover::Sealed { .. } = slot.message.cover {
                slot.message.cover = Cover::Wanted;
                self.sealer.given_up.extend(self.sealer.sealed.remove(&position));
                self.sealer.want(position, false);
            }
            self.numbers.remove(&number);
            self.await_number(position);
            renamed.push((old, self.name(position)));
        }
        self.sealer.lapses += 1;
        self.sealer.is_due = true;
        journal.after().lapses = self.sealer.lapses;
        journal.hurry();
        self.is_unsettled = true;
        renamed
    }

    /// Asks the keys to seal a realtime message. Gives the one that gives way, if there are too many.
    pub(crate) fn ask_live(&mut self, message: Pending, asks: &mut Vec<Output>) -> Option<Pending> {
        let oldest = self.sealer.live.first().map(|(oldest, _)| *oldest).filter(|_| self.sealer.live.len() >= LIVE_AT_ONCE);
        let given_up = oldest.and_then(|oldest| self.take_live(SealTicket(oldest)));
        asks.extend(oldest.map(|oldest| Output::Unseal { ticket: SealTicket(oldest) }));
        self.sealer.last += 1;
        asks.push(Output::Seal { ticket: SealTicket(self.sealer.last), letter: message.letter() });
        let slot = Slot { message, keeping: Keeping::Kept, place: Place::Open };
        self.sealer.live.insert(self.sealer.last, Box::new(slot));
        given_up
    }

    /// The realtime message of that question.
    pub(crate) fn take_live(&mut self, ticket: SealTicket) -> Option<Pending> {
        Some(self.sealer.live.remove(&ticket.0)?.message)
    }

    /// The question about the realtime message of that ticket.
    pub(crate) fn find_live(&self, ticket: Ticket) -> Option<SealTicket> {
        let (question, _) = self.sealer.live.iter().find(|(_, slot)| slot.message.tickets.contains(&ticket))?;
        Some(SealTicket(*question))
    }

    /// Takes back all questions about realtime messages.
    pub(crate) fn drain_live(&mut self, asks: &mut Vec<Output>) -> Vec<Pending> {
        let mut messages = Vec::new();
        for (ticket, slot) in std::mem::take(&mut self.sealer.live) {
            asks.push(Output::Unseal { ticket: SealTicket(ticket) });
            messages.push(slot.message);
        }
        messages
    }

    /// Takes back all other questions.
    pub(crate) fn unask(&mut self, asks: &mut Vec<Output>) {
        for (ticket, _) in std::mem::take(&mut self.sealer.asked) {
            asks.push(Output::Unseal { ticket: SealTicket(ticket) });
        }
    }
}

/// The form that a message has by an answer.
///
/// # Errors
/// Why it has none. What must be encrypted never goes plain, whatever the answer.
pub(crate) fn cover(message: &Pending, outcome: Sealing) -> Result<Cover, Failure> {
    match outcome {
        Sealing::Sealed { payload, headers } => Ok(Cover::Sealed { payload, headers }),
        Sealing::Plain if message.encrypt == Encrypt::Required => Err(Code::NoKeys.into()),
        Sealing::Plain => Ok(Cover::Plain),
        Sealing::Refused(failure) => Err(failure),
    }
}
