//! What the page hears of its messages and devices: the small objects that go out.

use msr_client::{Inbound, OwnDevice, Progress, Receipt, Ticket};
use msr_protocol::v2::{Bytes16, MessageId};
use msr_protocol::{Code, Credential};
use wasm_bindgen::prelude::*;

use crate::draft::spell_id;
use crate::records;
use crate::value::Value;

#[wasm_bindgen(typescript_custom_section)]
const NEWS: &str = r#"
/** How far a message got with one recipient. */
export interface RecipientNews {
  to: string; status: 'queued' | 'receiving' | 'delivered' | 'expired' | 'error'; bytes?: number; code?: number; reason?: string;
}
/** `ticket` is missing for a message of an earlier run. */
export interface ReceiptNews { ticket?: number; id: string; timestamp?: number; recipient: RecipientNews }
export interface Acceptance { id: string; timestamp: number; recipients: RecipientNews[]; encrypted: boolean }
/** `text` is the JSON text of the message; `tag` is missing when nobody waits to hear that it is handled. */
export interface Incoming { text: string; tag?: number; id?: string; wantsReply: boolean; encrypted: boolean }
export interface DeviceNews { id: string; name: string; online: boolean; seen: number; waiting: number; isThis: boolean }
"#;

/// How far a message got with one recipient.
fn recipient((recipient, progress): (Credential, Progress)) -> Value {
    let (status, bytes, code) = match progress {
        Progress::Queued => ("queued", None, None),
        Progress::Receiving { bytes } => ("receiving", Some(records::number(bytes)), None),
        Progress::Delivered => ("delivered", None, None),
        Progress::Expired => ("expired", None, Some(Code::Expired.number())),
        Progress::Error(number) => ("error", None, Some(number)),
    };
    let reason = code.and_then(Code::from_number).map(Code::reason);
    Value::Object(vec![
        ("to", recipient.to_hex().into()),
        ("status", status.into()),
        ("bytes", bytes.into()),
        ("code", code.into()),
        ("reason", reason.into()),
    ])
}

/// A message that the server has.
pub(crate) fn acceptance(id: &MessageId, timestamp_ms: i64, recipients: Vec<(Credential, Progress)>, encrypted: bool) -> Value {
    Value::Object(vec![
        ("id", spell_id(id).into()),
        ("timestamp", records::time(timestamp_ms).into()),
        ("recipients", Value::List(recipients.into_iter().map(recipient).collect())),
        ("encrypted", encrypted.into()),
    ])
}

/// News of a message with one recipient.
pub(crate) fn receipt(receipt: &Receipt) -> Value {
    Value::Object(vec![
        ("ticket", receipt.ticket.map(|Ticket(ticket)| ticket).into()),
        ("id", spell_id(&receipt.id).into()),
        ("timestamp", receipt.timestamp_ms.map(records::time).into()),
        ("recipient", recipient((receipt.recipient, receipt.progress))),
    ])
}

/// A message for the page, without the bytes it may carry.
pub(crate) fn incoming(inbound: &Inbound) -> Value {
    Value::Object(vec![
        ("text", inbound.message.to_text().into()),
        ("tag", inbound.tag.map(|tag| records::number(tag.0)).into()),
        ("id", inbound.id.as_ref().map(spell_id).into()),
        ("wantsReply", inbound.wants_reply.into()),
        ("encrypted", inbound.encrypted.into()),
    ])
}

/// The devices of the peer.
pub(crate) fn devices(devices: Vec<OwnDevice>) -> Value {
    let device = |device: OwnDevice| {
        Value::Object(vec![
            ("id", Credential(device.device).to_hex().into()),
            ("name", device.name.into()),
            ("online", device.online.into()),
            ("seen", records::time(device.seen_ms).into()),
            ("waiting", records::number(device.waiting).into()),
            ("isThis", device.is_this.into()),
        ])
    };
    Value::List(devices.into_iter().map(device).collect())
}

/// The device of that id, 32 hex digits.
pub(crate) fn read_device(id: &str) -> Option<Bytes16> {
    id.parse().ok().map(|Credential(device)| device)
}
