//! Messages that are out of the queue: with a handler, or with the keys that are to open them.

use msr_protocol::v2::{Bytes16, Entry, MessageId};

use super::inbox::{Inbox, Told, read};
use super::journal::Journal;
use crate::limits::LIVE_AT_ONCE;
use crate::{DeliveryTag, Opening};

/// A message that somebody has.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) id: MessageId,
    /// `None` when the queue it was of is gone, or it was in none.
    pub(super) sequence: Option<u64>,
    pub(super) by: Holder,
}

/// Who has it.
#[derive(Debug)]
pub(super) enum Holder {
    /// A handler; the sender's next message waits.
    Handler,
    /// The keys, to open this entry.
    Keys(Vec<u8>),
    /// Nobody: the keys have answered about this entry, and its turn has not come.
    Opened(Box<(Vec<u8>, Opening)>),
    /// The keys, to open this entry; nothing waits, for it is realtime.
    Live(Vec<u8>),
    /// A handler; nothing waits, for the queue was done with it long ago.
    Late,
}

impl Inbox {
    /// The keys are to open a realtime message. Gives what to ask with, and whether an older one gave way.
    pub(crate) fn open_live(&mut self, entry: &[u8]) -> Option<(DeliveryTag, bool)> {
        let Some(Entry::Message(delivery)) = read(entry) else { return None };
        let (mut live, mut oldest) = (0, DeliveryTag(0));
        for (tag, given) in self.given.iter() {
            if let Holder::Live(_) = given.by {
                oldest = if live == 0 { *tag } else { oldest };
                live += 1;
            }
        }
        let gave_way = live >= LIVE_AT_ONCE && self.given.remove(&oldest).is_some();
        Some((self.give(delivery.id, Holder::Live(entry.to_vec())), gave_way))
    }

    /// The keys have answered.
    pub(crate) fn opened(&mut self, tag: DeliveryTag, outcome: Opening, journal: &mut Journal) -> Vec<Told> {
        let mut told = Vec::new();
        let Some(given) = self.given.get_mut(&tag) else { return told };
        let sender = given.id.device;
        match std::mem::replace(&mut given.by, Holder::Handler) {
            Holder::Keys(entry) => {
                if let Some(lane) = self.lanes.get_mut(&sender) {
                    lane.opens = matches!(outcome, Opening::Opened(_));
                }
                given.by = Holder::Opened(Box::new((entry, outcome)));
                self.advance_lane(sender, &mut told);
                self.advance_cursor(journal);
            }
            other @ (Holder::Handler | Holder::Opened(_) | Holder::Live(_) | Holder::Late) => given.by = other,
        }
        told
    }

    /// The entry of a realtime message, which the keys have looked at.
    pub(crate) fn opened_live(&mut self, tag: DeliveryTag) -> Option<Vec<u8>> {
        let Given { by: Holder::Live(entry), .. } = self.given.get_mut(&tag)? else { return None };
        let entry = std::mem::take(entry);
        self.given.remove(&tag);
        Some(entry)
    }

    /// The turn of a sealed message has come: a handler has it from now on. Gives the entry, and what the keys say of it.
    pub(crate) fn take_opened(&mut self, tag: DeliveryTag) -> Option<Box<(Vec<u8>, Opening)>> {
        match std::mem::replace(&mut self.given.get_mut(&tag)?.by, Holder::Handler) {
            Holder::Opened(opened) => Some(opened),
            Holder::Handler | Holder::Keys(_) | Holder::Live(_) | Holder::Late => None,
        }
    }

    /// Gives the sender's next message to a handler, if it is one of those that the keys have opened and its turn has come.
    pub(super) fn hand_out(&mut self, sender: Bytes16, told: &mut Vec<Told>) {
        while let Some(lane) = self.lanes.get_mut(&sender)
            && !lane.busy
            && let Some(&tag) = lane.ahead.first()
            && let Some(Given { id, sequence, by: Holder::Opened(_) }) = self.given.get(&tag)
        {
            lane.ahead.remove(0);
            // The one before it may have been the same.
            if self.marks.has(*id) {
                let sequence = *sequence;
                self.given.remove(&tag);
                self.finish(sequence);
            } else {
                lane.busy = true;
                told.push(Told::Opened(tag));
            }
        }
    }

    /// A message of long ago is to have a handler. `None` when one has it already.
    pub(crate) fn late(&mut self, id: MessageId) -> Option<DeliveryTag> {
        let is_given = self.given.values().any(|given| given.id == id && matches!(given.by, Holder::Late));
        (!is_given).then(|| self.give(id, Holder::Late))
    }

    fn give(&mut self, id: MessageId, by: Holder) -> DeliveryTag {
        self.last_tag += 1;
        let tag = DeliveryTag(self.last_tag);
        self.given.insert(tag, Given { id, sequence: None, by });
        tag
    }
}
