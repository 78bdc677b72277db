//! Between the versions: what is said in version 2 reaches connections of version 1, and the other way round.
//!
//! Version 1 has no replies, no bytes and no receipts: a message that needs them to be understood is not said there.
//! A connection of version 1 is reached when the message is in its queue; whether it reads it nobody knows.

use std::collections::BTreeSet;

use msr_delivery::Offered;
use msr_protocol::limits::{JSON_DEPTH, MESSAGE_BYTES};
use msr_protocol::v1::{Dialect, Incoming, Subject};
use msr_protocol::v2::{Delivery, flags};
use msr_protocol::{Credential, JsonText, Message, MessageB, depth, spell};
use serde_json::value::RawValue;

use crate::delivery::Version1;
use crate::switch::{Shared, Text, limits as switch_limits};

/// Whether version 1 has words for the message: JSON, not too large, and no subject by which its clients know the server.
pub(super) fn can_be_said(flags: u8, subject: &str, payload: &[u8]) -> bool {
    let is_json = |text: &str| depth(text) <= JSON_DEPTH && serde_json::from_str::<&RawValue>(text).is_ok();
    let own_subject =
        || spell(subject).is_ok_and(|subject| subject.as_str().starts_with('"') && Subject::of(subject.as_str()) == Subject::Other);
    flags & (flags::BYTES | flags::SEALED) == 0
        && subject.len() + payload.len() <= MESSAGE_BYTES
        && std::str::from_utf8(payload).is_ok_and(is_json)
        && own_subject()
}

/// A message of version 2 in the words of version 1, spelled once for each dialect.
struct Translation {
    base: Message,
    signature: JsonText,
    for_a: Option<Text>,
    for_b: Option<Text>,
}

impl Translation {
    fn of(message: &Delivery<'_>, signature: JsonText) -> Option<Self> {
        let to: Vec<String> = message.recipients.0.iter().map(|recipient| format!("\"{recipient}\"")).collect();
        let base = Message {
            to: JsonText::from_spelled(format!("[{}]", to.join(","))),
            from: message.from.into(),
            subject: spell(message.subject).ok()?,
            timestamp: JsonText::milliseconds(message.timestamp_ms),
            content: spell(std::str::from_utf8(message.payload.0).ok()?).ok()?,
        };
        Some(Self { base, signature, for_a: None, for_b: None })
    }

    fn text_for(&mut self, dialect: Dialect) -> Text {
        let Self { base, signature, for_a, for_b } = self;
        match dialect {
            Dialect::A => for_a.get_or_insert_with(|| Text::from(base.to_text())).clone(),
            Dialect::B => for_b.get_or_insert_with(|| Text::from(in_dialect_b(base, signature).to_text())).clone(),
        }
    }
}

fn in_dialect_b(base: &Message, signature: &JsonText) -> MessageB {
    MessageB { base: base.clone(), signature: signature.clone(), sessid: JsonText::empty_string() }
}

impl Version1 for Shared {
    fn hand_over(&self, message: &Delivery<'_>, to: &[Credential]) -> Vec<Credential> {
        let name = self.registry.profile(message.from).map_or_else(JsonText::empty_string, |profile| profile.name.clone());
        let Some(mut translation) = Translation::of(message, name) else { return Vec::new() };
        let mut reach = |peer: Credential| {
            let mut presences = Vec::new();
            self.registry.collect(peer, &mut presences);
            let mut reached = false;
            for presence in &presences {
                let text = translation.text_for(presence.dialect);
                if text.len() > switch_limits::RESPELLED_BYTES {
                    self.counters.dropped.add(1);
                } else {
                    reached |= self.put_text(presence, text);
                }
            }
            reached
        };
        to.iter().copied().filter(|peer| reach(*peer)).collect()
    }
}

impl Shared {
    /// A message of version 1 goes to the devices of its recipients and of its sender, connected or not. Gives how many of
    /// the recipients have devices.
    pub(in crate::switch) fn relay_to_devices(&self, from: Credential, recipients: &[Credential], incoming: &Incoming<'_>) -> usize {
        if self.queues.devices() == 0 {
            return 0;
        }
        let offered = Offered {
            number: 0,
            flags: 0,
            expire_after_ms: msr_delivery::limits::EXPIRE_AFTER_MS,
            recipients: recipients.to_vec(),
            device_headers: Vec::new(),
            reply_to: None,
            subject: incoming.raw_subject().get(),
            payload: incoming.content().get().as_bytes(),
            live: &BTreeSet::new(),
            sayable_in_version_1: true,
        };
        self.queues.relay_in(from, &offered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_version_1_can_say() {
        assert!(can_be_said(0, "\"test\"", b"{\"a\":1}"));
        assert!(can_be_said(2, "\"test\"", b" null "));
        for (flags, subject, payload) in [
            (4, "\"test\"", b"null".as_slice()),
            (8, "\"\"", b"null"),
            (0, "\"test\"", b"\xff"),
            (0, "\"test\"", b"{"),
            (0, "test", b"null"),
            (0, "5", b"null"),
            (0, "\"register\"", b"null"),
            (0, "\"\\u0066ind\"", b"null"),
            (0, "\"bye\"", b"null"),
        ] {
            assert!(!can_be_said(flags, subject, payload), "{flags} {subject} {payload:?}");
        }
    }
}
