//! From what a store held back to what the device was when the last run ended.

use fastrand::Rng;
use msr_protocol::Code;
use msr_protocol::v2::{MessageId, Varint};

use super::inbox::Inbox;
use super::journal::Journal;
use super::known::{Accepted, Known};
use super::outbox::Outbox;
use super::pending::Pending;
use super::profile::Profile;
use super::receipts::Receipts;
use super::record::{self, Cursor, Identity, Key, bits};
use super::requests::Requests;
use crate::sorted::Map;
use crate::{Event, Failure, Moment, Snapshot, Ticket};

/// The last names that a session gave its questions, so that none is given twice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Last {
    pub(crate) question: u64,
    pub(crate) tag: u64,
}

impl Profile {
    /// Takes over what the store had. Messages that wait get new tickets.
    pub(crate) fn restore(snapshot: Snapshot, by_key: bool, last: Last, now: Moment, mut next_ticket: impl FnMut() -> Ticket) -> Self {
        let Snapshot { credential, records, entropy } = snapshot;
        let mut rng = Rng::with_seed(entropy[16..].iter().fold(0, |seed: u64, byte| seed.rotate_left(8) ^ u64::from(*byte)));
        let identity = records.iter().find(|(key, _)| key == record::IDENTITY).map(|(_, value)| record::unseal::<Identity>(value));
        let known_device = identity.clone().and_then(Result::ok);
        let is_noted = known_device.is_some();
        let identity = known_device.unwrap_or_else(|| fresh_identity(&entropy, &mut rng));
        let mut profile = Self {
            credential,
            outbox: Outbox::new(&identity),
            inbox: Inbox::default(),
            receipts: Receipts::default(),
            requests: Requests::default(),
            known: Known::default(),
            journal: Journal::default(),
            rng,
            is_noted,
            is_failing: false,
            by_key,
            events: Vec::new(),
            asks: Vec::new(),
        };
        profile.outbox.sealer.last = last.question;
        profile.inbox.last_tag = last.tag;
        let mut found = Found::default();
        let mut damaged = 0;
        for (key, value) in &records {
            match profile.restore_record(key, value, is_noted, now, &mut found) {
                Ok(()) => {}
                Err(record::Damage::Key | record::Damage::Version | record::Damage::Sum | record::Damage::Field(_)) => damaged += 1,
            }
        }
        for (position, (number, mut message)) in found.outgoing {
            if !message.is_control() {
                let ticket = next_ticket();
                message.tickets = vec![ticket];
                profile.events.push(Event::Restored { ticket, id: message.id.clone() });
            }
            message.was_sealed = found.sealed.contains_key(&position);
            let (tickets, recipients) = (message.tickets.clone(), message.recipients.clone());
            profile.outbox.restore(position, message, number, found.numbers.remove(&position));
            profile.receipts.watch(profile.outbox.name(position), tickets, &recipients);
        }
        for position in found.numbers.keys() {
            // Another message must not get it.
            profile.journal.delete(Key::Numbered { position: *position }.spell());
        }
        if damaged > 0 {
            let detail = [Code::Damaged.reason(), ": ", &damaged.to_string(), " of ", &records.len().to_string(), " records"].concat();
            profile.events.push(Event::Trouble(Failure { code: Code::Damaged, detail }));
        }
        if !is_noted {
            if !records.is_empty() {
                profile.events.push(Event::Gap);
                let epoch = identity.outbox_epoch;
                profile.renumber_as(epoch);
            }
            profile.outbox.note(&mut profile.journal);
        }
        profile
    }

    /// Takes over one record. Without the identity it was kept with, a cursor means nothing.
    fn restore_record(
        &mut self,
        key: &str,
        value: &[u8],
        has_identity: bool,
        now: Moment,
        found: &mut Found,
    ) -> Result<(), record::Damage> {
        match Key::read(key).ok_or(record::Damage::Key)? {
            Key::Identity => {
                record::unseal::<Identity>(value)?;
            }
            Key::Inbox => {
                let cursor = record::unseal::<Cursor>(value)?;
                if has_identity {
                    self.inbox.restore(&cursor);
                }
            }
            Key::Outgoing { position } => {
                let (bits, record) = record::unseal_with::<record::Outgoing<'_>>(value)?;
                let number = Some(record.number.0).filter(|number| *number > 0);
                found.outgoing.insert(position, (number, Pending::restored(bits, record, now)?));
            }
            Key::Numbered { position } => {
                let (bits, record) = record::unseal_with::<record::Numbered>(value)?;
                found.numbers.insert(position, record.number.0);
                if bits & bits::ENCRYPTED != 0 {
                    found.sealed.insert(position, ());
                }
            }
            Key::Mark { device, outbox_epoch } => {
                self.inbox.marks.restore(device, outbox_epoch, &record::unseal(value)?);
            }
            Key::Known { outbox_epoch, number } => {
                let (bits, known) = record::unseal_with::<record::Known<'_>>(value)?;
                let name = MessageId { device: self.outbox.device, outbox_epoch, number: Varint(number) };
                let accepted = Accepted {
                    name,
                    timestamp_ms: known.timestamp_ms,
                    recipients: known.recipients.0,
                    encrypted: bits & bits::ENCRYPTED != 0,
                };
                self.known.restore(known.id, accepted);
            }
        }
        Ok(())
    }
}

/// The messages among the records, by their positions.
#[derive(Default)]
struct Found {
    /// Each with its number, where that is in its own record.
    outgoing: Map<u64, (Option<u64>, Pending)>,
    /// Numbers in records of their own.
    numbers: Map<u64, u64>,
    /// Those that got them when they were sealed.
    sealed: Map<u64, ()>,
}

fn fresh_identity(entropy: &[u8; 32], rng: &mut Rng) -> Identity {
    let mut device = [0; 16];
    device.copy_from_slice(&entropy[..16]);
    Identity { device, outbox_epoch: rng.u64(1..), next_number: Varint(1), offered: Varint(0) }
}
