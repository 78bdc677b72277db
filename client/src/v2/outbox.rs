//! Messages until they are accepted: noted in the store before they are written to a server, numbered before they may be
//! read there, written again after each registration from where the server says it is.
//!
//! Here a message is known by its position: the order of `send()`. Its number is its place in the order of all that the
//! device wrote. Most get it at once, in the same record. One that is too large for a frame gets it when the server has all
//! of its pieces, in a record of its own; those behind it that share a recipient get theirs after it, and all others pass.
//! So does one that is to be sealed, once it is. `numbering` gives the numbers out and says what is to be written next,
//! `sealing` has what the keys are asked.
//!
//! A number without a message is void: the message was taken back, was refused for good, or its record was lost. The
//! server hears of it when a later message needs it.

use msr_protocol::v2::{Bytes16, MessageId, Varint};
use msr_protocol::{Code, Credential};

use super::journal::{After, Journal};
use super::line::Line;
use super::pending::Pending;
use super::record::{self, Identity, Key};
use super::sealing::Sealer;
use super::slot::{Keeping, Place, Slot};
use crate::backoff::Backoff;
use crate::limits::{DURABLE_OUTBOX_BYTES, OUTBOX_MESSAGES, PIECE_BYTES};
use crate::sorted::Map;
use crate::{Failure, Ticket};

/// Stands for the outbox epoch in the name of a message that has no number yet; no epoch is 0.
const UNNUMBERED: u64 = 0;

/// The outbox of a device.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) device: Bytes16,
    pub(crate) epoch: u64,
    next_position: u64,
    pub(super) next_number: u64,
    /// The store says that messages up to here may have been offered to a server.
    pub(super) offered: u64,
    /// As above, the store will say.
    pub(super) to_be_offered: u64,
    /// Messages up to here have been, in this run or, for all that is known, in an earlier one.
    pub(super) written: u64,
    /// By position.
    pub(super) slots: Map<u64, Box<Slot>>,
    /// The position of each number.
    pub(super) numbers: Map<u64, u64>,
    /// The positions of those without a number that are not taken back.
    pub(super) open: Map<u64, ()>,
    /// Those of them that have the form they go out in.
    pub(super) ready: Map<u64, ()>,
    /// The recipients of all of them, each with the position: later messages for one wait.
    pub(super) awaited: Map<(Credential, u64), ()>,
    /// Something happened after which one of those may get its number.
    pub(super) is_unsettled: bool,
    /// What is larger goes in pieces, as far as is known.
    pub(super) piece_bytes: usize,
    by_ticket: Map<Ticket, u64>,
    by_id: Map<String, u64>,
    /// Deadlines in whole ms, with the position.
    deadlines: Map<(u64, u64), ()>,
    dropping: usize,
    /// Letters of the keys that are not taken back: the page does not know of them.
    controls: usize,
    bytes: usize,
    pub(super) line: Option<Line>,
    pub(super) backoff: Backoff,
    pub(super) upload_backoff: Backoff,
    pub(super) sealer: Sealer,
}

impl Outbox {
    pub(crate) fn new(identity: &Identity) -> Self {
        let offered = identity.offered.0;
        Self {
            device: identity.device,
            epoch: identity.outbox_epoch,
            next_position: 1,
            next_number: identity.next_number.0.max(1),
            offered,
            to_be_offered: offered,
            written: offered,
            slots: Map::default(),
            numbers: Map::default(),
            open: Map::default(),
            ready: Map::default(),
            awaited: Map::default(),
            is_unsettled: false,
            piece_bytes: PIECE_BYTES,
            by_ticket: Map::default(),
            by_id: Map::default(),
            deadlines: Map::default(),
            dropping: 0,
            controls: 0,
            bytes: 0,
            line: None,
            backoff: Backoff::default(),
            upload_backoff: Backoff::default(),
            sealer: Sealer::default(),
        }
    }

    /// The record of what the numbers are at.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            device: self.device,
            outbox_epoch: self.epoch,
            next_number: Varint(self.next_number),
            offered: Varint(self.to_be_offered),
        }
    }

    /// The message of that number.
    pub(crate) fn numbered(&self, number: u64) -> MessageId {
        MessageId { device: self.device, outbox_epoch: self.epoch, number: Varint(number) }
    }

    /// The message at that position: named by its number, or until it has one, by a name that no server hears of.
    pub(crate) fn name(&self, position: u64) -> MessageId {
        let number = self.slots.get(&position).and_then(|slot| slot.place.number());
        let unnumbered = MessageId { device: self.device, outbox_epoch: UNNUMBERED, number: Varint(position) };
        number.map_or(unnumbered, |number| self.numbered(number))
    }

    /// A message that the store had, and its number if that was in the same record, or in one of its own.
    pub(crate) fn restore(&mut self, position: u64, message: Pending, given: Option<u64>, noted: Option<u64>) {
        let place = noted.map(Place::Noted).or(given.map(Place::Given)).unwrap_or(Place::Open);
        self.next_position = self.next_position.max(position.saturating_add(1));
        self.next_number = self.next_number.max(place.number().map_or(0, |number| number.saturating_add(1)));
        self.insert(position, message, Keeping::Kept, place);
        self.is_unsettled = true;
    }

    /// Takes a message in; the journal notes it.
    ///
    /// # Errors
    /// [`Code::OutboxFull`]: what waits already stays.
    pub(crate) fn push(&mut self, message: Pending, journal: &mut Journal) -> Result<u64, Failure> {
        if self.slots.len() >= OUTBOX_MESSAGES || self.bytes + message.bytes() > DURABLE_OUTBOX_BYTES {
            return Err(Code::OutboxFull.into());
        }
        let position = self.next_position;
        self.next_position += 1;
        if self.take_in(position, message, journal) {
            if self.line.is_some() {
                self.to_be_offered = self.next_number - 1;
            }
            self.note(journal);
        }
        Ok(position)
    }

    /// Takes a message in at that position; gives whether it got its number.
    fn take_in(&mut self, position: u64, message: Pending, journal: &mut Journal) -> bool {
        let waits = !message.is_ready() || message.wire_bytes() > self.piece_bytes || self.is_awaited(&message, position);
        let place = if waits { Place::Open } else { Place::Given(self.next_number) };
        self.next_number += u64::from(!waits);
        journal.put(Key::Outgoing { position }.spell(), message.record(place.number()));
        journal.after().kept.push(position);
        journal.hurry();
        self.insert(position, message, Keeping::Writing, place);
        !waits
    }

    /// The message that waits under an id of the page's own.
    pub(crate) fn find(&self, id: &str) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    /// Somebody else waits for that message too.
    pub(crate) fn join(&mut self, position: u64, ticket: Ticket) {
        if let Some(slot) = self.slots.get_mut(&position) {
            slot.message.tickets.push(ticket);
            self.by_ticket.insert(ticket, position);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.dropping - self.controls
    }

    /// Records are in the store, and those of others gone from it.
    pub(crate) fn noted(&mut self, after: &After) {
        self.offered = self.offered.max(after.offered);
        self.sealer.lapsed(after.lapses);
        for position in &after.kept {
            if let Some(slot) = self.slots.get_mut(position).filter(|slot| slot.keeping == Keeping::Writing) {
                slot.keeping = Keeping::Kept;
                self.is_unsettled |= slot.place == Place::Open;
            }
        }
        for position in &after.numbered {
            if let Some(slot) = self.slots.get_mut(position)
                && let Place::Noting(number) = slot.place
            {
                slot.place = Place::Noted(number);
            }
        }
        for position in &after.dropped {
            if self.slots.get(position).is_some_and(|slot| slot.keeping == Keeping::Dropping) {
                self.remove(*position);
            }
        }
    }

    /// Records could not be kept: their messages are given up, and given.
    pub(crate) fn not_noted(&mut self, positions: &[u64]) -> Vec<(MessageId, Pending)> {
        let is_writing = |position: &&u64| self.slots.get(*position).is_some_and(|slot| slot.keeping == Keeping::Writing);
        let writing: Vec<u64> = positions.iter().filter(is_writing).copied().collect();
        writing.into_iter().filter_map(|position| self.remove(position)).collect()
    }

    /// There is no connection any more.
    pub(crate) fn disconnect(&mut self) {
        self.line = None;
    }

    /// Takes back what nobody can have seen: for that ticket alone, or the message itself when nobody else waits for it.
    /// Gives its name, and whether it is the message.
    pub(crate) fn cancel(&mut self, ticket: Ticket, journal: &mut Journal) -> Option<(MessageId, bool)> {
        let position = *self.by_ticket.get(&ticket)?;
        let written = self.written;
        let slot = self.slots.get_mut(&position).filter(|slot| slot.place.number().is_none_or(|number| number > written))?;
        if slot.message.tickets.len() > 1 {
            slot.message.tickets.retain(|other| *other != ticket);
            self.by_ticket.remove(&ticket);
            return Some((self.name(position), false));
        }
        self.drop(position, journal).map(|(name, _)| (name, true))
    }

    /// Takes back what has waited too long and nobody can have seen. What may have been seen goes on, for the server to
    /// expire.
    pub(crate) fn expire(&mut self, now_ms: f64, journal: &mut Journal) -> Vec<(MessageId, Pending)> {
        let mut expired = Vec::new();
        while let Some(&((at_ms, position), ())) = self.deadlines.first()
            && at_ms as f64 <= now_ms
        {
            self.deadlines.remove(&(at_ms, position));
            let number = self.slots.get(&position).and_then(|slot| slot.place.number());
            if number.is_none_or(|number| number > self.written) {
                expired.extend(self.drop(position, journal));
            }
        }
        expired
    }

    /// Gives up one message; its number, if it has one, is void once the store has forgotten it.
    pub(crate) fn drop(&mut self, position: u64, journal: &mut Journal) -> Option<(MessageId, Pending)> {
        let name = self.name(position);
        let slot = self.slots.get_mut(&position).filter(|slot| slot.is_wanted())?;
        slot.keeping = Keeping::Dropping;
        self.dropping += 1;
        self.controls -= usize::from(slot.message.is_control());
        self.sealer.is_due = true;
        let message = slot.message.clone();
        for ticket in &message.tickets {
            self.by_ticket.remove(ticket);
        }
        if let Some(id) = &message.id {
            self.by_id.remove(id);
        }
        self.forget(position, journal);
        self.unawait(position, &message.recipients);
        journal.after().dropped.push(position);
        Some((name, message))
    }

    /// Starts the numbers anew, in a new epoch: gives the old name of each message with its new one.
    pub(crate) fn renumber(&mut self, epoch: u64, journal: &mut Journal) -> Vec<(MessageId, MessageId)> {
        for position in self.slots.keys() {
            self.forget(*position, journal);
        }
        let waiting = self.slots.iter().filter(|(_, slot)| slot.is_wanted());
        let old: Vec<(u64, MessageId)> = waiting.map(|(position, _)| (*position, self.name(*position))).collect();
        let mut slots = std::mem::take(&mut self.slots);
        let identity = Identity { device: self.device, outbox_epoch: epoch, next_number: Varint(1), offered: Varint(0) };
        let (next_position, piece_bytes, sealer) = (self.next_position, self.piece_bytes, std::mem::take(&mut self.sealer));
        *self = Self { next_position, piece_bytes, sealer, ..Self::new(&identity) };
        journal.renumbered();
        let mut renamed = Vec::new();
        for (position, name) in old {
            if let Some(slot) = slots.remove(&position) {
                self.take_in(position, slot.message, journal);
                renamed.push((name, self.name(position)));
            }
        }
        self.note(journal);
        renamed
    }

    /// Hands over everything that waits, in order, for a server that knows no numbers.
    pub(crate) fn drain(&mut self, epoch: u64, journal: &mut Journal) -> Vec<(MessageId, Pending)> {
        let positions: Vec<u64> = self.slots.keys().copied().collect();
        let had_any = !positions.is_empty();
        let waiting: Vec<_> = positions.into_iter().filter_map(|position| self.drop(position, journal)).collect();
        if had_any {
            self.slots.clear();
            self.renumber(epoch, journal);
        }
        waiting
    }

    /// Everybody who waits, when the outbox is left to another run.
    pub(crate) fn tickets(&self) -> Vec<Ticket> {
        self.by_ticket.keys().copied().collect()
    }

    /// When something is to be done.
    pub(crate) fn deadline_ms(&self) -> f64 {
        let expiry_ms = self.deadlines.first().map_or(f64::INFINITY, |((at_ms, _), ())| *at_ms as f64);
        self.line.as_ref().map_or(expiry_ms, |line| expiry_ms.min(line.deadline_ms()).min(self.sealer.deadline_ms()))
    }

    fn insert(&mut self, position: u64, message: Pending, keeping: Keeping, place: Place) {
        self.bytes += message.bytes();
        self.controls += usize::from(message.is_control());
        if !message.is_ready() {
            self.sealer.want(position, place.number().is_some());
        }
        for ticket in &message.tickets {
            self.by_ticket.insert(*ticket, position);
        }
        if let Some(id) = &message.id {
            self.by_id.insert(id.clone(), position);
        }
        if message.deadline_ms.is_finite() {
            self.deadlines.insert((whole_ms(message.deadline_ms), position), ());
        }
        self.slots.insert(position, Box::new(Slot { message, keeping, place }));
        match place.number() {
            Some(number) => self.numbers.insert(number, position),
            None => self.await_number(position),
        }
    }

    pub(super) fn remove(&mut self, position: u64) -> Option<(MessageId, Pending)> {
        let name = self.name(position);
        let Slot { message, keeping, place } = *self.slots.remove(&position)?;
        self.bytes -= message.bytes();
        self.deadlines.remove(&(whole_ms(message.deadline_ms), position));
        if let Some(number) = place.number() {
            self.numbers.remove(&number);
        }
        self.unawait(position, &message.recipients);
        self.sealer.is_due = true;
        if keeping == Keeping::Dropping {
            self.dropping -= 1;
            return Some((name, message));
        }
        self.controls -= usize::from(message.is_control());
        for ticket in &message.tickets {
            self.by_ticket.remove(ticket);
        }
        if let Some(id) = &message.id {
            self.by_id.remove(id);
        }
        Some((name, message))
    }

    /// Takes the records of a message out of the store.
    pub(super) fn forget(&self, position: u64, journal: &mut Journal) {
        journal.delete(Key::Outgoing { position }.spell());
        if self.slots.get(&position).is_some_and(|slot| matches!(slot.place, Place::Noting(_) | Place::Noted(_))) {
            journal.delete(Key::Numbered { position }.spell());
        }
    }

    /// Notes what the numbers are at.
    pub(crate) fn note(&self, journal: &mut Journal) {
        journal.put(Key::Identity.spell(), record::seal(&self.identity()));
        journal.after().offered = self.to_be_offered;
        journal.hurry();
    }
}

fn whole_ms(deadline_ms: f64) -> u64 {
    deadline_ms.max(0.0).ceil() as u64
}
