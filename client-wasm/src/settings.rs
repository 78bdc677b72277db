//! The small objects that cross the edge whole: settings come in, receipts, errors and the status go out.
//!
//! Going out they are serde's. Coming in they are read getter by getter: a `Deserialize` here costs 12 kB gzip, a quarter
//! of the package, for error texts about settings that the TypeScript face has checked before.

use msr_client::{Failure, Settings, Status};
use msr_protocol::{Disposition, JsonText, Location, Message, Peer};
use wasm_bindgen::prelude::*;

use crate::records;
use crate::value::Value;

#[wasm_bindgen(typescript_custom_section)]
const SETTINGS: &str = r#"
/** `name`, `email`, `secret` and `location` are JSON texts. */
export interface WireSettings {
  server: string; name: string; email: string; secret: string; location: string; publish: boolean; autoreconnect: boolean;
  device: string;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// Settings as the page gives them: name, e-mail address, secret and location are JSON texts.
    #[wasm_bindgen(typescript_type = "WireSettings")]
    pub type WireSettings;

    #[wasm_bindgen(method, getter)]
    fn server(this: &WireSettings) -> String;
    #[wasm_bindgen(method, getter)]
    fn name(this: &WireSettings) -> String;
    #[wasm_bindgen(method, getter)]
    fn email(this: &WireSettings) -> String;
    #[wasm_bindgen(method, getter)]
    fn secret(this: &WireSettings) -> String;
    #[wasm_bindgen(method, getter)]
    fn location(this: &WireSettings) -> String;
    #[wasm_bindgen(method, getter)]
    fn publish(this: &WireSettings) -> bool;
    #[wasm_bindgen(method, getter)]
    fn autoreconnect(this: &WireSettings) -> bool;
    #[wasm_bindgen(method, getter)]
    fn device(this: &WireSettings) -> String;
}

impl From<WireSettings> for Settings {
    fn from(page: WireSettings) -> Self {
        let peer = Peer {
            name: JsonText::from_spelled(page.name()),
            email: JsonText::from_spelled(page.email()),
            secret: JsonText::from_spelled(page.secret()),
            location: Location(JsonText::from_spelled(page.location())),
            publish: page.publish(),
        };
        Self { server: page.server(), peer, device: page.device(), autoreconnect: page.autoreconnect() }
    }
}

/// A message that was written, as the page's receipt tells it; `to` and `timestamp` are JSON texts.
pub(crate) fn sent(message: Message, encrypted: bool) -> Value {
    Value::Object(vec![
        ("to", message.to.into_string().into()),
        ("timestamp", message.timestamp.into_string().into()),
        ("status", "sent".into()),
        ("encrypted", encrypted.into()),
    ])
}

/// What the page's `MsrError` is made of.
pub(crate) fn error(failure: Failure) -> Value {
    let retry = failure.code.disposition() == Disposition::Retry;
    Value::Object(vec![("code", failure.code.number().into()), ("reason", failure.detail.into()), ("retry", retry.into())])
}

/// What the page reads off the session.
pub(crate) fn status(status: &Status) -> Value {
    Value::Object(vec![
        ("state", u16::from(status.state as u8).into()),
        ("offset", status.offset_ms.into()),
        ("roundTrip", status.round_trip_ms.into()),
        ("outbox", records::number(status.waiting as u64).into()),
    ])
}
