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
use super::record::{self, Cursor, Identity, Key};
use super::requests::Requests;
use crate::sorted::Map;
use crate::{Event, Failure, Moment, Snapshot, Ticket};

impl Profile {
    /// Takes over what the store had. Messages that wait get new tickets.
    pub(crate) fn restore(snapshot: Snapshot, now: Moment, mut next_ticket: impl FnMut() -> Ticket) -> Self {
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
            events: Vec::new(),
        };
        let mut found = Found::default();
        let mut damaged = 0;
        for (key, value) in &records {
            match profile.restore_record(key, value, is_noted, now, &mut found) {
                Ok(()) => {}
                Err(record::Damage::Key | record::Damage::Version | record::Damage::Sum | record::Damage::Field(_)) => damaged += 1,
            }
        }
        for (position, (number, mut message)) in found.outgoing {
            let ticket = next_ticket();
            message.tickets = vec![ticket];
            let recipients = message.recipients.clone();
            profile.events.push(Event::Restored { ticket, id: message.id.clone() });
            profile.outbox.restore(position, message, number, found.numbers.remove(&position));
            profile.receipts.watch(profile.outbox.name(position), vec![ticket], &recipients);
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
                let record = record::unseal::<record::Outgoing<'_>>(value)?;
                let number = Some(record.number.0).filter(|number| *number > 0);
                found.outgoing.insert(position, (number, Pending::restored(record, now)));
            }
            Key::Numbered { position } => {
                found.numbers.insert(position, record::unseal::<record::Numbered>(value)?.number.0);
            }
            Key::Mark { device, outbox_epoch } => {
                self.inbox.marks.restore(device, outbox_epoch, &record::unseal(value)?);
            }
            Key::Known { outbox_epoch, number } => {
                let known = record::unseal::<record::Known<'_>>(value)?;
                let name = MessageId { device: self.outbox.device, outbox_epoch, number: Varint(number) };
                let accepted = Accepted { name, timestamp_ms: known.timestamp_ms, recipients: known.recipients.0 };
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
}

fn fresh_identity(entropy: &[u8; 32], rng: &mut Rng) -> Identity {
    let mut device = [0; 16];
    device.copy_from_slice(&entropy[..16]);
    Identity { device, outbox_epoch: rng.u64(1..), next_number: Varint(1), offered: Varint(0) }
}
