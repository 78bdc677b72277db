//! A delivered message as the page gets it.

use msr_protocol::v2::Delivery;
use msr_protocol::v2::flags::{BYTES, REALTIME, WANTS_REPLY};
use msr_protocol::{JsonText, Message, is_json};

use crate::{DeliveryTag, Inbound};

/// Reads a delivery; `None` when its subject or content is not the JSON it should be: set into other text, it would say
/// what nobody sent.
pub(crate) fn inbound(delivery: &Delivery<'_>, tag: Option<DeliveryTag>, encrypted: bool) -> Option<Inbound> {
    let has_bytes = delivery.flags & BYTES != 0;
    let payload = delivery.payload.0;
    let content = if has_bytes { "null" } else { std::str::from_utf8(payload).ok().filter(|text| is_json(text))? };
    let subject = Some(delivery.subject).filter(|text| text.starts_with('"') && is_json(text))?;
    let text = |text: &str| JsonText::from_spelled(text.to_owned());
    let message = Message {
        to: recipients_text(&delivery.recipients.0),
        from: JsonText::from(delivery.from),
        subject: text(subject),
        timestamp: JsonText::milliseconds(delivery.timestamp_ms),
        content: text(content),
    };
    Some(Inbound {
        message,
        bytes: has_bytes.then(|| payload.to_vec()),
        tag,
        id: Some(delivery.id),
        reply_to: delivery.reply_to,
        wants_reply: delivery.flags & WANTS_REPLY != 0,
        realtime: delivery.flags & REALTIME != 0,
        encrypted,
    })
}

/// The JSON array of those credentials.
pub(crate) fn recipients_text(recipients: &[msr_protocol::Credential]) -> JsonText {
    let mut text = String::with_capacity(2 + 35 * recipients.len());
    for recipient in recipients {
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(JsonText::from(*recipient).as_str());
    }
    text.push_str(if text.is_empty() { "[]" } else { "]" });
    JsonText::from_spelled(text)
}

#[cfg(test)]
mod tests {
    use msr_protocol::Credential;
    use msr_protocol::v2::{List, MessageId, Rest, Varint};

    use super::*;

    fn delivery<'a>(flags: u8, subject: &'a str, payload: &'a [u8]) -> Delivery<'a> {
        let id = MessageId { device: [1; 16], outbox_epoch: 2, number: Varint(3) };
        let recipients = List(vec![Credential([4; 16]), Credential([5; 16])]);
        let payload = Rest(payload);
        Delivery { from: Credential([9; 16]), id, timestamp_ms: 7, flags, recipients, reply_to: None, subject, payload }
    }

    #[test]
    fn members_are_whole_values() {
        let inbound = inbound(&delivery(WANTS_REPLY, "\"s\"", b"{\"a\":1}"), Some(DeliveryTag(1)), false).unwrap();
        assert!(inbound.wants_reply && !inbound.realtime && inbound.bytes.is_none());
        assert_eq!(inbound.message.content.as_str(), "{\"a\":1}");
        let to = "[\"04040404040404040404040404040404\",\"05050505050505050505050505050505\"]";
        assert_eq!(inbound.message.to.as_str(), to);
        assert_eq!(recipients_text(&[]).as_str(), "[]");
    }

    #[test]
    fn what_would_speak_for_others_is_none() {
        for (subject, payload) in
            [("\"s\"", &b"1,\"from\":\"x\""[..]), ("\"s\",\"from\":\"x\"", b"1"), ("1", b"1"), ("\"s\"", b""), ("\"s\"", b"\xff")]
        {
            assert_eq!(inbound(&delivery(0, subject, payload), None, false), None);
        }
        let bytes = inbound(&delivery(BYTES, "\"s\"", b"\xff"), None, true).unwrap();
        assert_eq!((bytes.bytes.as_deref(), bytes.message.content.as_str()), (Some(&b"\xff"[..]), "null"));
    }
}
