//! Entries of this device's queue, from the wire to the handler and back: each handled once, those of one sending device
//! one after the other, and acknowledged when that is noted in the store. A sealed one is opened first, when its turn comes.
//!
//! An entry that travels in pieces holds back later ones of its sender, nobody else's. The cursor says that everything up
//! to it is handled; it never passes an entry that is not.

use msr_protocol::v2::{Bytes16, Entry, Field, MessageId, Receipt};

use super::journal::Journal;
use super::marks::Marks;
use super::opening::{Given, Holder};
use super::record::{self, Cursor, Key};
use crate::DeliveryTag;
use crate::limits::{ACK_DELAY_MS, ACK_ENTRIES, ENTRY_BYTES};
use crate::sorted::Map;

/// Where an entry stands.
#[derive(Debug)]
pub(super) enum Slot {
    /// It was here when the connection was lost, and comes again, unless the server has dropped it.
    Expected,
    /// Some of its pieces are here.
    Arriving { sender: Bytes16, total: usize, header: Vec<u8>, bytes: Vec<u8> },
    /// It waits for an earlier one of its sender.
    Ready { header: Vec<u8>, entry: Vec<u8> },
    /// A handler has it, or the keys.
    Given,
    /// It is handled.
    Done,
}

/// What one sending device has here.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// What waits for its turn.
    pub(super) waiting: Map<u64, ()>,
    /// Its messages that the keys have, or have opened before their turn came, in the order of their turns.
    pub(super) ahead: Vec<DeliveryTag>,
    /// A handler has one of its messages.
    pub(super) busy: bool,
    /// The keys opened the last message that they were asked about.
    pub(super) opens: bool,
}

impl Lane {
    /// Whether the device has nothing here.
    pub(super) fn is_empty(&self) -> bool {
        !self.busy && self.ahead.is_empty() && self.waiting.is_empty()
    }
}

/// Something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A message, encoded as an [`Entry`].
    Message(DeliveryTag, Vec<u8>),
    /// A sealed message, to be opened: what this device got beside it, and the message as above.
    Open(DeliveryTag, Vec<u8>, Vec<u8>),
    /// A sealed message whose turn has come: [`Inbox::take_opened`] has it.
    Opened(DeliveryTag),
    /// A message of long ago is handled.
    LateHandled(MessageId),
    /// News of a message of one's own.
    Receipt(Receipt),
    /// An entry that cannot be read: it counts as handled.
    Unreadable,
}

/// The server broke the rules of the wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// The inbox of a device.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    queue_epoch: Option<u64>,
    start: u64,
    /// Everything up to here is handled, and how many entries that were in this run.
    handled: u64,
    handled_count: u64,
    /// The same, as the store has it.
    noted: u64,
    noted_count: u64,
    /// What the last `Hello` said.
    greeted: u64,
    pub(super) slots: Map<u64, Slot>,
    /// How many of them are [`Slot::Expected`].
    expected: usize,
    pub(super) lanes: Map<Bytes16, Lane>,
    /// Entries that arrive from nobody knows whom: later ones of all senders wait for them.
    pub(super) nameless: Map<u64, ()>,
    pub(super) given: Map<DeliveryTag, Given>,
    pub(crate) marks: Marks,
    pub(super) last_tag: u64,
    connection: Option<Connection>,
}

/// What is acknowledged on a connection.
#[derive(Debug)]
struct Connection {
    /// The last entry it brought.
    seen: u64,
    acked: u64,
    acked_count: u64,
    /// When what is noted is acknowledged at the latest.
    ack_at_ms: f64,
}

impl Inbox {
    /// What the store had.
    pub(crate) fn restore(&mut self, cursor: &Cursor) {
        (self.queue_epoch, self.start) = (Some(cursor.queue_epoch), cursor.start);
        (self.handled, self.noted) = (cursor.handled, cursor.handled);
    }

    /// What a `Hello` says of it: the queue's epoch, the start, and what is handled for sure.
    pub(crate) fn greeting(&mut self) -> (Option<u64>, u64, u64) {
        self.greeted = self.noted;
        (self.queue_epoch, self.start, self.noted)
    }

    /// Whether a server has ever said what its queue for this device is.
    pub(crate) fn knows_its_queue(&self) -> bool {
        self.queue_epoch.is_some()
    }

    /// A connection is registered. In another epoch, sequences mean other entries.
    pub(crate) fn welcome(&mut self, queue_epoch: u64, start: u64, journal: &mut Journal) {
        if self.queue_epoch != Some(queue_epoch) {
            self.slots.clear();
            self.expected = 0;
            self.given.values_mut().for_each(|given| given.sequence = None);
            (self.handled, self.noted, self.greeted) = (0, 0, 0);
        }
        let is_new = (self.queue_epoch, self.start) != (Some(queue_epoch), start);
        (self.queue_epoch, self.start) = (Some(queue_epoch), start);
        if is_new {
            self.note(journal);
        }
        let (acked, acked_count) = (self.greeted, self.noted_count);
        self.connection = Some(Connection { seen: acked, acked, acked_count, ack_at_ms: f64::INFINITY });
    }

    /// There is no connection any more: what no handler has comes again.
    pub(crate) fn disconnect(&mut self) {
        self.connection = None;
        self.nameless.clear();
        self.lanes.retain(|_, lane| {
            lane.waiting.clear();
            !lane.is_empty()
        });
        for slot in self.slots.values_mut() {
            match slot {
                Slot::Expected => {}
                Slot::Arriving { .. } | Slot::Ready { .. } => {
                    *slot = Slot::Expected;
                    self.expected += 1;
                }
                Slot::Given | Slot::Done => {}
            }
        }
    }

    /// A whole entry came.
    pub(crate) fn entry(&mut self, sequence: u64, header: &[u8], entry: &[u8], journal: &mut Journal) -> Vec<Told> {
        if !self.is_new(sequence, journal) {
            return Vec::new();
        }
        self.complete(sequence, header.to_vec(), entry.to_vec(), journal)
    }

    /// An entry begins to arrive in pieces.
    ///
    /// # Errors
    /// When it is larger than entries get.
    pub(crate) fn begin(&mut self, sequence: u64, sender: Bytes16, total: u64, header: &[u8], journal: &mut Journal) -> Result<(), Broken> {
        let total = usize::try_from(total).ok().filter(|total| *total > 0 && *total <= ENTRY_BYTES).ok_or(Broken)?;
        if self.is_new(sequence, journal) {
            self.slots.insert(sequence, Slot::Arriving { sender, total, header: header.to_vec(), bytes: Vec::new() });
            if sender == NOBODY {
                self.nameless.insert(sequence, ());
            } else {
                self.lanes.get_or_default(sender).waiting.insert(sequence, ());
            }
        }
        Ok(())
    }

    /// The next piece of an entry. One that is not arriving was handled before.
    ///
    /// # Errors
    /// When it does not follow on the piece before.
    pub(crate) fn piece(&mut self, sequence: u64, offset: u64, piece: &[u8], journal: &mut Journal) -> Result<Vec<Told>, Broken> {
        let Some(Slot::Arriving { total, header, bytes, .. }) = self.slots.get_mut(&sequence) else { return Ok(Vec::new()) };
        if offset != bytes.len() as u64 || piece.len() > *total - bytes.len() {
            return Err(Broken);
        }
        bytes.extend_from_slice(piece);
        if bytes.len() < *total {
            return Ok(Vec::new());
        }
        let (header, entry) = (std::mem::take(header), std::mem::take(bytes));
        Ok(self.complete(sequence, header, entry, journal))
    }

    /// A handler is done with its message.
    pub(crate) fn handled(&mut self, tag: DeliveryTag, wall_ms: i64, journal: &mut Journal) -> Vec<Told> {
        let Some(Given { id, sequence, by }) = self.given.get(&tag) else { return Vec::new() };
        let (id, sequence) = (*id, *sequence);
        let is_late = match by {
            Holder::Handler => false,
            Holder::Late => true,
            // Nobody can have handled it.
            Holder::Keys(_) | Holder::Opened(_) | Holder::Live(_) => return Vec::new(),
        };
        self.given.remove(&tag);
        if is_late {
            return vec![Told::LateHandled(id)];
        }
        self.marks.set(id, wall_ms, journal);
        self.finish(sequence);
        if let Some(lane) = self.lanes.get_mut(&id.device) {
            lane.busy = false;
        }
        let mut told = Vec::new();
        self.advance_lane(id.device, &mut told);
        self.advance_cursor(journal);
        told
    }

    /// The store has the note of that cursor.
    pub(crate) fn noted(&mut self, (queue_epoch, sequence, count): (u64, u64, u64), now_ms: f64) {
        if self.queue_epoch == Some(queue_epoch) {
            self.noted = self.noted.max(sequence);
            self.noted_count = self.noted_count.max(count);
            self.ack_later(now_ms);
        }
    }

    /// What to acknowledge now.
    pub(crate) fn ack(&mut self, now_ms: f64) -> Option<u64> {
        let (noted, noted_count) = (self.noted, self.noted_count);
        let connection = self.connection.as_mut()?;
        // Beyond what this connection brought nothing can be acknowledged on it.
        let sequence = noted.min(connection.seen);
        let is_due = connection.ack_at_ms <= now_ms || noted_count - connection.acked_count >= ACK_ENTRIES;
        if sequence <= connection.acked || !is_due {
            return None;
        }
        (connection.acked, connection.acked_count, connection.ack_at_ms) = (sequence, noted_count, f64::INFINITY);
        Some(sequence)
    }

    /// When something is to be acknowledged.
    pub(crate) fn deadline_ms(&self) -> f64 {
        self.connection.as_ref().map_or(f64::INFINITY, |connection| connection.ack_at_ms)
    }

    /// Whether this entry is to be looked at. Entries of one connection come in order: what was expected before it will
    /// not come any more.
    fn is_new(&mut self, sequence: u64, journal: &mut Journal) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        connection.seen = connection.seen.max(sequence);
        if self.expected > 0 {
            let due = self.slots.range(..=sequence).filter(|(_, slot)| matches!(slot, Slot::Expected)).map(|(sequence, _)| *sequence);
            let due: Vec<u64> = due.collect();
            self.expected -= due.len();
            for sequence in due {
                self.slots.remove(&sequence);
            }
            // The cursor may go on to this entry, not beyond: it has no place yet.
            self.advance_cursor_through(sequence.saturating_sub(1), journal);
        }
        sequence > self.handled && !self.slots.contains_key(&sequence)
    }

    pub(super) fn advance_cursor(&mut self, journal: &mut Journal) {
        self.advance_cursor_through(u64::MAX, journal);
    }

    fn advance_cursor_through(&mut self, through: u64, journal: &mut Journal) {
        let before = self.handled;
        while let Some(&(first, Slot::Done)) = self.slots.first().filter(|(first, _)| *first <= through) {
            self.handled = first;
            self.handled_count += 1;
            self.slots.remove(&first);
        }
        if self.handled > before {
            self.note(journal);
        }
    }

    fn note(&self, journal: &mut Journal) {
        let Some(queue_epoch) = self.queue_epoch else { return };
        let cursor = Cursor { queue_epoch, start: self.start, handled: self.handled };
        journal.put(Key::Inbox.spell(), record::seal(&cursor));
        journal.after().handled = Some((queue_epoch, self.handled, self.handled_count));
    }

    /// What is noted and not acknowledged will be; that may be an entry that was handled before and came again.
    pub(crate) fn ack_later(&mut self, now_ms: f64) {
        let noted = self.noted;
        if let Some(connection) = self.connection.as_mut().filter(|connection| noted.min(connection.seen) > connection.acked) {
            connection.ack_at_ms = connection.ack_at_ms.min(now_ms + ACK_DELAY_MS);
        }
    }
}

/// Said of an entry that no device sent.
const NOBODY: Bytes16 = [0; 16];

/// The entry in those bytes, if it is one and nothing else.
pub(super) fn read(mut bytes: &[u8]) -> Option<Entry<'_>> {
    let entry = Entry::read(&mut bytes).ok()?;
    bytes.is_empty().then_some(entry)
}
