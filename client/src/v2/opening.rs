//! Messages that are out of the queue: with a handler, or with the keys that are to open them.

use msr_protocol::v2::{Entry, MessageId};

use super::inbox::{Inbox, read};
use crate::DeliveryTag;
use crate::limits::LIVE_AT_ONCE;

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
    /// The keys, to open this entry; the sender's next message waits.
    Keys(Vec<u8>),
    /// The keys, to open this entry; nothing waits, for it is realtime.
    Live(Vec<u8>),
    /// A handler; nothing waits, for the queue was done with it long ago.
    Late,
}

impl Inbox {
    /// The keys are to open a realtime message. Gives what to ask with, and whether an older one gave way.
    pub(crate) fn open_live(&mut self, entry: &[u8]) -> Option<(DeliveryTag, bool)> {
        let Some(Entry::Message(delivery)) = read(entry) else { return None };
        let live = self.given.iter().filter(|(_, given)| matches!(given.by, Holder::Live(_)));
        let live: Vec<DeliveryTag> = live.map(|(tag, _)| *tag).collect();
        let oldest = live.first().filter(|_| live.len() >= LIVE_AT_ONCE);
        let gave_way = oldest.is_some_and(|oldest| self.given.remove(oldest).is_some());
        Some((self.give(delivery.id, Holder::Live(entry.to_vec())), gave_way))
    }

    /// The keys have answered. Gives the entry they were asked to open, and whether a handler is to have it under that tag.
    pub(crate) fn opened(&mut self, tag: DeliveryTag) -> Option<(Vec<u8>, bool)> {
        let given = self.given.get_mut(&tag)?;
        match std::mem::replace(&mut given.by, Holder::Handler) {
            Holder::Keys(entry) => Some((entry, true)),
            Holder::Live(entry) => {
                self.given.remove(&tag);
                Some((entry, false))
            }
            other @ (Holder::Handler | Holder::Late) => {
                given.by = other;
                None
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
