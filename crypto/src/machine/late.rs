//! Letters that could not be opened, kept until they can: their keys are asked for, or the list that names their sender
//! comes.

use msr_protocol::Credential;
use msr_protocol::v2::{Entry, Field, MessageId};

use super::content::{BodyHash, BodyKey, body_hash};
use super::limits::{HEALING_PAUSE_MOST_MS, HEALING_PAUSE_MS, LATE_AGE_MS, LATE_BYTES, LATE_LETTERS, LATE_PART};
use super::records::{LateRecord, PairKey, late_key};
use super::sorted::Map;
use super::spelled::{read_whole, spell};

/// Why a letter was put by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It has no header for this device.
    NoHeader = 0,
    /// No session opens its header, or it is the header of another letter.
    Broken = 1,
    /// Its sender is no device that is known.
    UnknownDevice = 2,
}

/// A letter that was put by.
#[derive(Clone)]
pub(crate) struct Late {
    pub(crate) reason: Reason,
    pub(crate) made_ms: i64,
    pub(crate) body_key: Option<BodyKey>,
    pub(crate) header: Vec<u8>,
    pub(crate) entry: Vec<u8>,
    pub(crate) sender: PairKey,
    pub(crate) id: MessageId,
    pub(crate) hash: BodyHash,
    /// When its key is asked for next, ms since 1970.
    pub(crate) ask_ms: i64,
    /// How often it was.
    asked: u32,
}

impl Late {
    pub(crate) fn new(reason: Reason, header: Vec<u8>, entry: Vec<u8>, made_ms: i64) -> Option<Self> {
        let Ok(Entry::Message(delivery)) = Entry::read(&mut entry.as_slice()) else { return None };
        let (sender, id, hash) = ((delivery.from, delivery.id.device), delivery.id, body_hash(delivery.payload.0));
        Some(Self { reason, made_ms, body_key: None, header, entry, sender, id, hash, ask_ms: made_ms, asked: 0 })
    }

    fn from_record(bytes: &[u8]) -> Option<Self> {
        let record: LateRecord<'_> = read_whole(bytes).ok()?;
        let reason = match record.reason {
            0 => Reason::NoHeader,
            1 => Reason::Broken,
            2 => Reason::UnknownDevice,
            _ => return None,
        };
        let mut late = Self::new(reason, record.header.to_owned(), record.entry.to_owned(), record.made_ms)?;
        late.body_key = record.body_key;
        Some(late)
    }

    pub(crate) fn to_record(&self) -> Vec<u8> {
        let Self { reason, made_ms, body_key, header, entry, .. } = self;
        spell(&LateRecord { reason: *reason as u8, made_ms: *made_ms, body_key: *body_key, header, entry })
    }

    fn bytes(&self) -> usize {
        self.header.len() + self.entry.len()
    }

    /// Its key was asked for: when that happens again.
    pub(crate) fn was_asked(&mut self, now_ms: i64) {
        let pause_ms = HEALING_PAUSE_MS.saturating_mul(1 << self.asked.min(16)).min(HEALING_PAUSE_MOST_MS);
        self.ask_ms = now_ms.saturating_add(pause_ms);
        self.asked = self.asked.saturating_add(1);
    }
}

/// What some of them take.
struct Share {
    letters: usize,
    bytes: usize,
}

impl Share {
    fn of(late: &Late) -> Self {
        Self { letters: 1, bytes: late.bytes() }
    }

    fn add(&mut self, late: &Late) {
        self.letters += 1;
        self.bytes += late.bytes();
    }

    fn is_too_large(&self) -> bool {
        self.letters > LATE_LETTERS / LATE_PART || self.bytes > LATE_BYTES / LATE_PART
    }
}

/// All of them, in the order in which they came.
#[derive(Default)]
pub(crate) struct LateLetters {
    letters: Map<u64, Box<Late>>,
    bytes: usize,
}

impl LateLetters {
    pub(crate) fn restore(&mut self, number: u64, bytes: &[u8]) -> bool {
        let Some(late) = Late::from_record(bytes) else { return false };
        self.bytes += late.bytes();
        self.letters.insert(number, Box::new(late));
        true
    }

    /// Puts a letter by; its number, or `None` where there is no room: for any letter, for those of unknown devices, or for
    /// those of its sender, which is another peer, or one device of the peer's `own`.
    pub(crate) fn put(&mut self, late: Late, own: Credential) -> Option<u64> {
        if self.letters.len() >= LATE_LETTERS || self.bytes + late.bytes() > LATE_BYTES {
            return None;
        }
        let (mut unknown, mut of_sender) = (Share::of(&late), Share::of(&late));
        for (_, other) in self.iter() {
            if other.reason == Reason::UnknownDevice {
                unknown.add(other);
            }
            if other.sender.0 == late.sender.0 && (late.sender.0 != own || other.sender == late.sender) {
                of_sender.add(other);
            }
        }
        if of_sender.is_too_large() || late.reason == Reason::UnknownDevice && unknown.is_too_large() {
            return None;
        }
        let number = self.letters.last().map_or(0, |(number, _)| number + 1);
        self.bytes += late.bytes();
        self.letters.insert(number, Box::new(late));
        Some(number)
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<(String, Late)> {
        let late = self.letters.remove(&number)?;
        self.bytes -= late.bytes();
        Some((late_key(number), *late))
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Late> {
        self.letters.get_mut(&number).map(Box::as_mut)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Late)> {
        self.letters.iter().map(|(&number, late)| (number, late.as_ref()))
    }

    /// The letter with that body.
    pub(crate) fn by_hash(&self, hash: &BodyHash, id: Option<MessageId>) -> Option<u64> {
        let fits = |late: &Late| late.hash == *hash && id.is_none_or(|id| late.id == id);
        self.iter().find(|(_, late)| fits(late)).map(|(number, _)| number)
    }

    /// Whether letters of a device wait to be opened.
    pub(crate) fn waits_for(&self, sender: PairKey) -> bool {
        self.iter().any(|(_, late)| late.sender == sender && late.body_key.is_none())
    }

    /// The letters for whose sender's list it was waited.
    pub(crate) fn of_unknown(&self, credential: Credential) -> Vec<u64> {
        let fits = |late: &Late| late.reason == Reason::UnknownDevice && late.sender.0 == credential && late.body_key.is_none();
        self.iter().filter(|(_, late)| fits(late)).map(|(number, _)| number).collect()
    }

    /// The letters that nobody will open any more.
    pub(crate) fn expired(&self, now_ms: i64) -> Vec<u64> {
        let old = |late: &Late| late.body_key.is_none() && late.made_ms.saturating_add(LATE_AGE_MS) <= now_ms;
        self.iter().filter(|(_, late)| old(late)).map(|(number, _)| number).collect()
    }
}

#[cfg(test)]
mod tests {
    use msr_protocol::v2::{Delivery, List, Rest, Varint};

    use super::*;

    const OWN: Credential = Credential([9; 16]);

    fn late(reason: Reason, number: u64) -> Late {
        late_of((Credential([2; 16]), [1; 16]), reason, number, 8)
    }

    fn late_of((from, device): PairKey, reason: Reason, number: u64, bytes: usize) -> Late {
        let id = MessageId { device, outbox_epoch: 1, number: Varint(number) };
        let mut payload = vec![0; bytes];
        payload[..8].copy_from_slice(&number.to_le_bytes());
        let (recipients, payload) = (List(vec![]), Rest(&payload));
        let delivery = Delivery { from, id, timestamp_ms: 0, flags: 8, recipients, reply_to: None, subject: "\"\"", payload };
        let mut entry = vec![];
        Entry::Message(delivery).write(&mut entry);
        Late::new(reason, vec![], entry, 0).unwrap()
    }

    #[test]
    fn who_is_unknown_takes_no_room_from_others() {
        let mut letters = LateLetters::default();
        // Of many peers.
        let of = |number: u64| late_of((Credential([number as u8; 16]), [1; 16]), Reason::UnknownDevice, number, 8);
        let taken = |number| letters.put(of(number), OWN).is_some();
        assert_eq!((0..LATE_LETTERS as u64).map(taken).filter(|taken| *taken).count(), LATE_LETTERS / LATE_PART);
        assert!(letters.put(late(Reason::Broken, 999), OWN).is_some());
    }

    #[test]
    fn one_peer_takes_no_room_from_others() {
        let mut letters = LateLetters::default();
        for reason in [Reason::Broken, Reason::NoHeader, Reason::UnknownDevice] {
            // On whatever devices.
            let of = |number: u64| late_of((Credential([2; 16]), [number as u8; 16]), reason, number, 8);
            let taken = |number| letters.put(of(number), OWN).is_some();
            (0..LATE_LETTERS as u64).map(taken).for_each(drop);
            assert_eq!(letters.letters.len(), LATE_LETTERS / LATE_PART);
        }
        assert!(letters.put(late_of((Credential([3; 16]), [1; 16]), Reason::Broken, 999, LATE_BYTES / LATE_PART - 200), OWN).is_some());
        assert!(letters.put(late_of((Credential([3; 16]), [1; 16]), Reason::Broken, 1_000, 200), OWN).is_none(), "nor in bytes");
        assert!(letters.put(late_of((Credential([4; 16]), [1; 16]), Reason::Broken, 1_001, 200), OWN).is_some());
    }

    #[test]
    fn a_device_of_ones_own_takes_no_room_from_the_others() {
        let mut letters = LateLetters::default();
        let mut taken = |device: u8, number| letters.put(late_of((OWN, [device; 16]), Reason::NoHeader, number, 8), OWN).is_some();
        assert_eq!((0..LATE_LETTERS as u64).filter(|number| taken(1, *number)).count(), LATE_LETTERS / LATE_PART);
        assert!(taken(2, 0));
    }
}
