//! A message as the page writes it, on its way to the session.

use js_sys::Uint8Array;
use msr_client::{Content, Draft, Encrypt};
use msr_protocol::JsonText;
use msr_protocol::v2::{MessageId, Varint};
use wasm_bindgen::prelude::*;

use crate::members;

#[wasm_bindgen(typescript_custom_section)]
const DRAFT: &str = r#"
/** `to` and `subject` are JSON texts; so is `content`, unless there are `bytes`. Times are ms. */
export interface WireDraft {
  to: string; subject: string; content: string; bytes: Uint8Array | undefined; expireAfter: number | undefined; realtime: boolean;
  id: string | undefined; request: number | undefined; replyTo: string | undefined;
  encrypt: 'auto' | 'required' | 'off'; allowPlain: boolean;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// A message as the page gives it.
    #[wasm_bindgen(typescript_type = "WireDraft")]
    pub type WireDraft;
}

impl From<WireDraft> for Draft {
    fn from(page: WireDraft) -> Self {
        let text = |name| members::text(&page, name);
        let json = |name| JsonText::from_spelled(text(name).unwrap_or_default());
        let bytes = members::member(&page, "bytes").map(|bytes| Uint8Array::from(bytes).to_vec());
        Self {
            to: json("to"),
            subject: json("subject"),
            content: bytes.map_or_else(|| Content::Json(json("content")), Content::Bytes),
            expire_after_ms: members::number(&page, "expireAfter"),
            realtime: members::flag(&page, "realtime"),
            id: text("id"),
            request: members::number(&page, "request"),
            reply_to: text("replyTo").as_deref().and_then(read_id),
            encrypt: match text("encrypt").as_deref() {
                Some("required") => Encrypt::Required,
                Some("off") => Encrypt::Off,
                _ => Encrypt::Auto,
            },
            allow_plain: members::flag(&page, "allowPlain"),
        }
    }
}

/// The name of a message, as the page holds it: hex digits.
pub(crate) fn spell_id(id: &MessageId) -> String {
    let MessageId { device, outbox_epoch, number: Varint(number) } = id;
    hex::encode([&device[..], &outbox_epoch.to_be_bytes(), &number.to_be_bytes()].concat())
}

fn read_id(text: &str) -> Option<MessageId> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    let (device, rest) = bytes.split_first_chunk()?;
    let (outbox_epoch, number) = rest.split_first_chunk()?;
    let number = Varint(u64::from_be_bytes(*number.first_chunk()?));
    Some(MessageId { device: *device, outbox_epoch: u64::from_be_bytes(*outbox_epoch), number })
}
