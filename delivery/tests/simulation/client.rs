//! A device as the promises describe it: an outbox that keeps until accepted, an inbox that drops what it has handled.
//! What it keeps survives its own crashes, save that a call of its handler may come before the note of it.

use std::collections::{BTreeMap, VecDeque};

use msr_delivery::ConnectionId;
use msr_protocol::Credential;
use msr_protocol::v2::{Delivery, Entry, Field};

/// Names a message: the sending device and its number.
pub(crate) type MessageName = (u8, u64);

pub(crate) struct Client {
    pub(crate) place: u8,
    pub(crate) credential: Credential,
    pub(crate) outbox: VecDeque<(u64, Vec<Credential>, bool)>,
    pub(crate) next_number: u64,
    pub(crate) queue_epoch: Option<u64>,
    pub(crate) start: u64,
    pub(crate) handled: u64,
    marks: BTreeMap<u8, u64>,
    held_back: VecDeque<(u64, Option<Vec<u8>>)>,
    pub(crate) connection: Option<ConnectionId>,
    /// The highest number written to this connection.
    pub(crate) written: u64,
    /// What it handled, in order.
    pub(crate) log: Vec<MessageName>,
    pub(crate) receipts: Vec<(u64, Credential, u16)>,
    pub(crate) gaps: usize,
}

impl Client {
    pub(crate) fn new(place: u8, credential: Credential) -> Self {
        Self {
            place,
            credential,
            outbox: VecDeque::new(),
            next_number: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            marks: BTreeMap::new(),
            held_back: VecDeque::new(),
            connection: None,
            written: 0,
            log: Vec::new(),
            receipts: Vec::new(),
            gaps: 0,
        }
    }

    pub(crate) fn device(&self) -> [u8; 16] {
        [self.place; 16]
    }

    /// Everything up to `number` is on the server's disk.
    pub(crate) fn accepted_through(&mut self, number: u64) {
        self.outbox.retain(|(other, ..)| *other > number);
    }

    /// A large entry takes its place; nothing after it is handled before it. (A real client lets other senders pass.)
    pub(crate) fn begin(&mut self, sequence: u64) {
        self.held_back.push_back((sequence, None));
    }

    /// Handles an entry, or keeps it until the large ones before it are there; gives the sequence to acknowledge.
    pub(crate) fn take(&mut self, sequence: u64, entry: &[u8]) -> u64 {
        match self.held_back.iter_mut().find(|(other, _)| *other == sequence) {
            Some((_, place)) => *place = Some(entry.to_vec()),
            None => self.held_back.push_back((sequence, Some(entry.to_vec()))),
        }
        while let Some((sequence, Some(entry))) = self.held_back.front().cloned() {
            self.held_back.pop_front();
            self.handle(sequence, &entry);
        }
        self.handled
    }

    /// The connection is new: what was half there comes again.
    pub(crate) fn forget_halves(&mut self) {
        self.held_back.clear();
    }

    fn handle(&mut self, sequence: u64, mut entry: &[u8]) {
        let entry = Entry::read(&mut entry).unwrap();
        if sequence > self.handled {
            self.handled = sequence;
            match entry {
                Entry::Message(delivery) => self.take_message(&delivery),
                Entry::Receipt(receipt) => self.receipts.push((receipt.number.0, receipt.recipient, receipt.code)),
            }
        }
    }

    fn take_message(&mut self, delivery: &Delivery<'_>) {
        let (sender, number) = (delivery.id.device[0], delivery.id.number.0);
        let mark = self.marks.entry(sender).or_default();
        if number > *mark {
            *mark = number;
            self.log.push((sender, number));
        }
    }
}
