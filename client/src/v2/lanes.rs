//! The order of entries: those of one sending device go to a handler one after the other, whichever of them is whole first.
//!
//! Sealed ones are with the keys before their turn comes, so that what many of them change is kept in one write: from a
//! device whose last one was opened, within [`OPENED_AHEAD`]. Of any other the keys have one at a time.

use msr_protocol::v2::flags::SEALED;
use msr_protocol::v2::{Bytes16, Entry};

use super::inbox::{Inbox, Lane, Slot, Told, read};
use super::journal::Journal;
use super::opening::{Given, Holder};
use crate::DeliveryTag;
use crate::limits::{OPENED_AHEAD, PIECE_BYTES};

impl Inbox {
    /// All of an entry is here.
    pub(super) fn complete(&mut self, sequence: u64, header: Vec<u8>, entry: Vec<u8>, journal: &mut Journal) -> Vec<Told> {
        let mut told = Vec::new();
        let was_nameless = self.nameless.remove(&sequence).is_some();
        let arrived_from = match self.slots.get(&sequence) {
            Some(Slot::Arriving { sender, .. }) => Some(*sender),
            _ => None,
        };
        match read(&entry) {
            Some(Entry::Message(delivery)) => {
                let sender = delivery.id.device;
                if let Some(other) = arrived_from.filter(|other| *other != sender) {
                    self.leave_lane(other, sequence, &mut told);
                }
                self.lanes.get_or_default(sender).waiting.insert(sequence, ());
                self.slots.insert(sequence, Slot::Ready { header, entry });
                self.advance_lane(sender, &mut told);
            }
            other => {
                if let Some(sender) = arrived_from {
                    self.leave_lane(sender, sequence, &mut told);
                }
                told.push(if let Some(Entry::Receipt(receipt)) = other { Told::Receipt(receipt) } else { Told::Unreadable });
                self.slots.insert(sequence, Slot::Done);
            }
        }
        if was_nameless {
            for sender in self.lanes.keys().copied().collect::<Vec<_>>() {
                self.advance_lane(sender, &mut told);
            }
        }
        self.advance_cursor(journal);
        told
    }

    /// What was announced as this sender's is not.
    fn leave_lane(&mut self, sender: Bytes16, sequence: u64, told: &mut Vec<Told>) {
        if let Some(lane) = self.lanes.get_mut(&sender) {
            lane.waiting.remove(&sequence);
            self.advance_lane(sender, told);
        }
    }

    /// Gives the sender's next message to a handler, if its turn has come, and those after it that are sealed to the keys.
    pub(super) fn advance_lane(&mut self, sender: Bytes16, told: &mut Vec<Told>) {
        self.hand_out(sender, told);
        while let Some(lane) = self.lanes.get_mut(&sender)
            && let Some(&(sequence, ())) = lane.waiting.first()
            && let Some(slot @ Slot::Ready { .. }) = self.slots.get_mut(&sequence)
            && self.nameless.first().is_none_or(|(nameless, ())| *nameless > sequence)
        {
            let Slot::Ready { header, entry } = std::mem::replace(slot, Slot::Done) else { return };
            let Some(Entry::Message(delivery)) = read(&entry) else { return };
            let (id, is_sealed) = (delivery.id, delivery.flags & SEALED != 0);
            let may_be_ahead = is_sealed && lane.opens && entry.len() <= PIECE_BYTES && self.given.len() < OPENED_AHEAD;
            if !may_be_ahead && (lane.busy || !lane.ahead.is_empty()) {
                *slot = Slot::Ready { header, entry };
                return;
            }
            lane.waiting.remove(&sequence);
            if self.marks.has(id) {
                continue;
            }
            *slot = Slot::Given;
            self.last_tag += 1;
            let tag = DeliveryTag(self.last_tag);
            let by = if is_sealed {
                lane.ahead.push(tag);
                Holder::Keys(entry.clone())
            } else {
                lane.busy = true;
                Holder::Handler
            };
            self.given.insert(tag, Given { id, sequence: Some(sequence), by });
            told.push(if is_sealed { Told::Open(tag, header, entry) } else { Told::Message(tag, entry) });
        }
        if self.lanes.get(&sender).is_some_and(Lane::is_empty) {
            self.lanes.remove(&sender);
        }
    }

    /// The entry of that sequence, if it has one, needs nothing any more.
    pub(super) fn finish(&mut self, sequence: Option<u64>) {
        if let Some(slot) = sequence.and_then(|sequence| self.slots.get_mut(&sequence)) {
            *slot = Slot::Done;
        }
    }
}
