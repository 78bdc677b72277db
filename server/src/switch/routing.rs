//! Where a message goes: to every connection of every recipient, and a copy to the sender's other connections; to each
//! once.

use std::sync::Arc;

use msr_protocol::Code;
use msr_protocol::v1::Incoming;
use tracing::{trace, warn};

use super::connection::Connection;
use super::queue::NotQueued;
use super::registry::Presence;
use super::relay::Relay;
use super::{Shared, Text, limits};

impl Connection {
    /// A registered peer sends a message.
    pub(super) fn route(&mut self, sender: &Presence, incoming: &Incoming<'_>, text: &Text) {
        let recipients = match incoming.recipients() {
            Ok(recipients) => recipients,
            Err(code) => return self.refuse(code),
        };
        let mut presences = Vec::new();
        let online = recipients.iter().filter(|&&recipient| self.shared.registry.collect(recipient, &mut presences)).count();
        if recipients.binary_search(&sender.profile.credential).is_err() {
            let copies_from = presences.len();
            self.shared.registry.collect(sender.profile.credential, &mut presences);
            if let Some(own) = presences[copies_from..].iter().position(|presence| presence.connection == sender.connection) {
                presences.swap_remove(copies_from + own);
            }
        }
        let (copies, bytes) = (presences.len(), text.len());
        // Whoever is named is looked up, whether anybody is reached or not.
        let more = copies.max(recipients.len()) / limits::COPIES_PER_COST;
        if more > 0 && !self.charge(u32::try_from(more).unwrap_or(u32::MAX), 0) {
            return;
        }
        self.shared.counters.routed.add(1);
        let online = online + self.shared.relay_to_devices(sender.profile.credential, &recipients, incoming);
        self.shared.counters.unreached.add(recipients.len().saturating_sub(online));
        trace!(recipients = recipients.len(), online, copies, bytes, "routed");
        let mut relay = Relay::new(incoming, text, &sender.profile.name);
        if let Err(code) = self.shared.relay(&mut relay, &presences) {
            self.refuse(code);
        }
    }
}

impl Shared {
    fn relay(&self, relay: &mut Relay<'_>, presences: &[Arc<Presence>]) -> Result<(), Code> {
        for presence in presences {
            self.put_text(presence, relay.text_for(presence.dialect)?);
        }
        Ok(())
    }

    /// Puts a text into the queue of one connection; gives whether it went in.
    pub(super) fn put_text(&self, presence: &Presence, text: Text) -> bool {
        match presence.queue.push(text) {
            Ok(()) => {
                self.counters.delivered.add(1);
                return true;
            }
            Err(NotQueued::Ending) => self.counters.dropped.add(1),
            Err(NotQueued::Full { lost }) => self.give_up(presence, lost),
        }
        false
    }

    /// A connection does not read what waits for it: it is out at once, even if closing it takes a while.
    fn give_up(&self, presence: &Presence, lost: usize) {
        let code = Code::SlowConsumer;
        let (connection, credential) = (presence.connection, presence.profile.credential);
        warn!(code = code.number(), reason = code.reason(), slow = connection, %credential, lost, "messages dropped");
        self.counters.dropped.add(lost);
        self.registry.sign_out(credential, connection, (self.clock)());
    }
}
