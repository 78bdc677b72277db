//! A message as the page writes it, on its way to the session.

use msr_client::{Content, Draft, Encrypt};
use msr_protocol::JsonText;
use msr_protocol::v2::{MessageId, Varint};
use wasm_bindgen::prelude::*;

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

    #[wasm_bindgen(method, getter)]
    fn to(this: &WireDraft) -> String;
    #[wasm_bindgen(method, getter)]
    fn subject(this: &WireDraft) -> String;
    #[wasm_bindgen(method, getter)]
    fn content(this: &WireDraft) -> String;
    #[wasm_bindgen(method, getter)]
    fn bytes(this: &WireDraft) -> Option<Vec<u8>>;
    #[wasm_bindgen(method, getter, js_name = expireAfter)]
    fn expire_after(this: &WireDraft) -> Option<f64>;
    #[wasm_bindgen(method, getter)]
    fn realtime(this: &WireDraft) -> bool;
    #[wasm_bindgen(method, getter)]
    fn id(this: &WireDraft) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn request(this: &WireDraft) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = replyTo)]
    fn reply_to(this: &WireDraft) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn encrypt(this: &WireDraft) -> String;
    #[wasm_bindgen(method, getter, js_name = allowPlain)]
    fn allow_plain(this: &WireDraft) -> bool;
}

impl From<WireDraft> for Draft {
    fn from(page: WireDraft) -> Self {
        let text = JsonText::from_spelled;
        Self {
            to: text(page.to()),
            subject: text(page.subject()),
            content: page.bytes().map_or_else(|| Content::Json(text(page.content())), Content::Bytes),
            expire_after_ms: page.expire_after(),
            realtime: page.realtime(),
            id: page.id(),
            request: page.request(),
            reply_to: page.reply_to().as_deref().and_then(read_id),
            encrypt: match page.encrypt().as_str() {
                "required" => Encrypt::Required,
                "off" => Encrypt::Off,
                _ => Encrypt::Auto,
            },
            allow_plain: page.allow_plain(),
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
