//! A device as the promises describe it: an outbox that keeps until accepted, an inbox that drops what it has handled.
//! What it keeps survives its own crashes, save that a call of its handler may come before the note of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use msr_delivery::ConnectionId;
use msr_protocol::Credential;
use msr_protocol::v2::{Delivery, Entry, Field, flags};

/// Names a message: the sending device and its number.
pub(crate) type MessageName = (u8, u64);

/// What is said of each message follows from its number.
pub(crate) fn flags_of(number: u64) -> u8 {
    match number % 6 {
        2 | 5 => flags::SEALED,
        3 => flags::SEALED | flags::TARGETED,
        _ => 0,
    }
}

/// Whether a message is for that device, if it is for its peer: targeted ones are for every second device.
pub(crate) fn is_for(number: u64, place: u8) -> bool {
    flags_of(number) & flags::TARGETED == 0 || place.is_multiple_of(2)
}

/// What a device gets beside a sealed message.
pub(crate) fn header_for(sender: u8, number: u64, place: u8) -> Vec<u8> {
    format!("{sender}:{number} for {place}").into_bytes()
}

/// An entry that waits for large ones before it, or for its own bytes.
#[derive(Clone)]
struct HeldBack {
    sequence: u64,
    header: Box<[u8]>,
    entry: Option<Vec<u8>>,
}

pub(crate) struct Client {
    pub(crate) place: u8,
    pub(crate) credential: Credential,
    pub(crate) outbox: VecDeque<(u64, Vec<Credential>, bool)>,
    /// Numbers of sealed messages that were refused: sealed by the lists from then on.
    pub(crate) sealed_anew: BTreeSet<u64>,
    pub(crate) next_number: u64,
    pub(crate) queue_epoch: Option<u64>,
    pub(crate) start: u64,
    pub(crate) handled: u64,
    marks: BTreeMap<u8, u64>,
    held_back: VecDeque<HeldBack>,
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
            sealed_anew: BTreeSet::new(),
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
    pub(crate) fn begin(&mut self, sequence: u64, header: Box<[u8]>) {
        self.held_back.push_back(HeldBack { sequence, header, entry: None });
    }

    /// Handles an entry, or keeps it until the large ones before it are there; gives the sequence to acknowledge.
    pub(crate) fn take(&mut self, sequence: u64, entry: &[u8], header: Box<[u8]>) -> u64 {
        match self.held_back.iter_mut().find(|held| held.sequence == sequence) {
            Some(held) => held.entry = Some(entry.to_vec()),
            None => self.held_back.push_back(HeldBack { sequence, header, entry: Some(entry.to_vec()) }),
        }
        while let Some(HeldBack { sequence, header, entry: Some(entry) }) = self.held_back.front().cloned() {
            self.held_back.pop_front();
            self.handle(sequence, &entry, &header);
        }
        self.handled
    }

    /// The connection is new: what was half there comes again.
    pub(crate) fn forget_halves(&mut self) {
        self.held_back.clear();
    }

    fn handle(&mut self, sequence: u64, mut entry: &[u8], header: &[u8]) {
        let entry = Entry::read(&mut entry).unwrap();
        self.check_header(&entry, header);
        if sequence > self.handled {
            self.handled = sequence;
            match entry {
                Entry::Message(delivery) => self.take_message(&delivery),
                Entry::Receipt(receipt) => self.receipts.push((receipt.number.0, receipt.recipient, receipt.code)),
            }
        }
    }

    /// It gets its own header and no other's.
    fn check_header(&self, entry: &Entry<'_>, header: &[u8]) {
        let expected = match entry {
            Entry::Message(delivery) if delivery.flags & flags::SEALED != 0 => {
                header_for(delivery.id.device[0], delivery.id.number.0, self.place)
            }
            Entry::Message(_) | Entry::Receipt(_) => Vec::new(),
        };
        assert_eq!(header, expected, "device {} got the header of another", self.place);
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
