//! Messages without a number, and who waits for them: later ones for the same recipient, nobody else.

use msr_protocol::Credential;

use super::outbox::Outbox;
use super::pending::Pending;
use super::slot::Slot;

impl Outbox {
    /// The message at that position has no number: later ones for its recipients wait for it.
    pub(super) fn await_number(&mut self, position: u64) {
        self.open.insert(position, ());
        let Some(Slot { message, .. }) = self.slots.get(&position).map(Box::as_ref) else { return };
        if message.is_ready() {
            self.ready.insert(position, ());
        }
        if !message.is_control() {
            message.recipients.iter().for_each(|recipient| self.awaited.insert((*recipient, position), ()));
        }
    }

    /// Nobody waits for that number any more: it has it, or will have none.
    pub(super) fn unawait(&mut self, position: u64, recipients: &[Credential]) {
        if self.open.remove(&position).is_some() {
            self.ready.remove(&position);
            self.sealer.forget(position);
            for recipient in recipients {
                self.awaited.remove(&(*recipient, position));
            }
            self.is_unsettled = true;
        }
    }

    /// Whether one for the same recipient, that was sent before, has no number yet.
    pub(super) fn is_awaited(&self, message: &Pending, position: u64) -> bool {
        let is_earlier = |recipient| self.awaited.range((recipient, 0)..).next().is_some_and(|(first, ())| *first < (recipient, position));
        !message.is_control() && message.recipients.iter().any(|recipient| is_earlier(*recipient))
    }

    /// The same, of one that has its position.
    pub(super) fn is_behind(&self, position: u64) -> bool {
        self.slots.get(&position).is_some_and(|slot| self.is_awaited(&slot.message, position))
    }
}
