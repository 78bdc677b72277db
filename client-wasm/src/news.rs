//! What the page hears of its messages and devices: the small objects that go out.

use msr_client::{Inbound, OwnDevice, Progress, Receipt, Ticket};
use msr_protocol::v2::Bytes16;
use msr_protocol::{Code, Credential};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::draft::spell_id;
use crate::records;

#[wasm_bindgen(typescript_custom_section)]
const NEWS: &str = r#"
/** How far a message got with one recipient. */
export interface RecipientNews {
  to: string; status: 'queued' | 'receiving' | 'delivered' | 'expired' | 'error'; bytes?: number; code?: number; reason?: string;
}
/** `ticket` is missing for a message of an earlier run. */
export interface ReceiptNews { ticket?: number; id: string; timestamp?: number; recipient: RecipientNews }
export interface Acceptance { id: string; timestamp: number; recipients: RecipientNews[] }
/** `text` is the JSON text of the message; `tag` is missing when nobody waits to hear that it is handled. */
export interface Incoming { text: string; tag?: number; id?: string; wantsReply: boolean }
export interface DeviceNews { id: string; name: string; online: boolean; seen: number; waiting: number; isThis: boolean }
"#;

/// How far a message got with one recipient.
#[derive(Debug, Serialize)]
pub(crate) struct PageRecipient {
    to: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<(Credential, Progress)> for PageRecipient {
    fn from((recipient, progress): (Credential, Progress)) -> Self {
        let told = |status| Self { to: recipient.to_string(), status, bytes: None, code: None, reason: None };
        let ended = |status, number| Self { code: Some(number), reason: Code::from_number(number).map(Code::reason), ..told(status) };
        match progress {
            Progress::Queued => told("queued"),
            Progress::Receiving { bytes } => Self { bytes: Some(bytes), ..told("receiving") },
            Progress::Delivered => told("delivered"),
            Progress::Expired => ended("expired", Code::Expired.number()),
            Progress::Error(number) => ended("error", number),
        }
    }
}

/// A message that the server has.
#[derive(Debug, Serialize)]
pub(crate) struct PageAcceptance {
    id: String,
    timestamp: i64,
    recipients: Vec<PageRecipient>,
}

impl PageAcceptance {
    pub(crate) fn new(id: &msr_protocol::v2::MessageId, timestamp: i64, recipients: Vec<(Credential, Progress)>) -> Self {
        Self { id: spell_id(id), timestamp, recipients: recipients.into_iter().map(PageRecipient::from).collect() }
    }
}

/// News of a message with one recipient.
#[derive(Debug, Serialize)]
pub(crate) struct PageReceiptNews {
    ticket: Option<u32>,
    id: String,
    timestamp: Option<i64>,
    recipient: PageRecipient,
}

impl From<Receipt> for PageReceiptNews {
    fn from(receipt: Receipt) -> Self {
        let Receipt { ticket, id, recipient, progress, timestamp_ms, settled: _ } = receipt;
        let ticket = ticket.map(|Ticket(ticket)| ticket);
        Self { ticket, id: spell_id(&id), timestamp: timestamp_ms, recipient: PageRecipient::from((recipient, progress)) }
    }
}

/// A message for the page, without the bytes it may carry.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageIncoming {
    text: String,
    tag: Option<f64>,
    id: Option<String>,
    wants_reply: bool,
}

impl From<&Inbound> for PageIncoming {
    fn from(inbound: &Inbound) -> Self {
        Self {
            text: inbound.message.to_text(),
            tag: inbound.tag.map(|tag| records::number(tag.0)),
            id: inbound.id.as_ref().map(spell_id),
            wants_reply: inbound.wants_reply,
        }
    }
}

/// A device of the peer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageDevice {
    id: String,
    name: String,
    online: bool,
    seen: i64,
    waiting: u64,
    is_this: bool,
}

impl From<OwnDevice> for PageDevice {
    fn from(device: OwnDevice) -> Self {
        let OwnDevice { device, name, online, seen_ms, waiting, is_this } = device;
        Self { id: Credential(device).to_string(), name, online, seen: seen_ms, waiting, is_this }
    }
}

/// The device of that id, 32 hex digits.
pub(crate) fn read_device(id: &str) -> Option<Bytes16> {
    id.parse().ok().map(|Credential(device)| device)
}
