//! Accepted messages that the page named itself: sent again, they are known.

use msr_protocol::Credential;
use msr_protocol::v2::{List, MessageId, Varint};

use super::journal::Journal;
use super::record::{self, Key, bits};
use crate::limits::KNOWN_IDS;
use crate::sorted::Map;

/// What is known of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) name: MessageId,
    pub(crate) timestamp_ms: i64,
    pub(crate) recipients: Vec<Credential>,
    pub(crate) encrypted: bool,
}

/// The ids of accepted messages, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Known {
    by_id: Map<String, Box<Accepted>>,
}

impl Known {
    /// One that the store had.
    pub(crate) fn restore(&mut self, id: &str, accepted: Accepted) {
        self.by_id.insert(id.to_owned(), Box::new(accepted));
    }

    /// The message that was accepted under that id.
    pub(crate) fn get(&self, id: &str) -> Option<&Accepted> {
        self.by_id.get(id).map(Box::as_ref)
    }

    /// A message is accepted.
    pub(crate) fn push(&mut self, id: String, accepted: Accepted, journal: &mut Journal) {
        let known = record::Known { id: &id, timestamp_ms: accepted.timestamp_ms, recipients: List(accepted.recipients.clone()) };
        let bits = if accepted.encrypted { bits::ENCRYPTED } else { 0 };
        journal.put(key(accepted.name), record::seal_with(bits, &known));
        self.by_id.insert(id, Box::new(accepted));
        if self.by_id.len() > KNOWN_IDS {
            let oldest = self.by_id.iter().min_by_key(|(_, accepted)| accepted.timestamp_ms).map(|(id, _)| id.clone());
            if let Some(accepted) = oldest.and_then(|oldest| self.by_id.remove(&oldest)) {
                journal.delete(key(accepted.name));
            }
        }
    }
}

fn key(MessageId { outbox_epoch, number: Varint(number), .. }: MessageId) -> String {
    Key::Known { outbox_epoch, number }.spell()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded() {
        let (mut known, mut journal) = (Known::default(), Journal::default());
        for number in 0..=KNOWN_IDS as u64 {
            let name = MessageId { device: [1; 16], outbox_epoch: 1, number: Varint(number) };
            let accepted = Accepted { name, timestamp_ms: number as i64, recipients: vec![Credential([1; 16])], encrypted: false };
            known.push(number.to_string(), accepted, &mut journal);
        }
        assert_eq!(known.by_id.len(), KNOWN_IDS);
        assert!(known.get("0").is_none() && known.get("1").is_some());
    }
}
