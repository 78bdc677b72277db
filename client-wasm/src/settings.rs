//! The small objects that cross the edge whole: settings come in, receipts, errors and the status go out.
//!
//! Going out they are serde's. Coming in they are read getter by getter: a `Deserialize` here costs 12 kB gzip, a quarter
//! of the package, for error texts about settings that the TypeScript face has checked before.

use msr_client::{Failure, Settings, Status};
use msr_protocol::{Disposition, JsonText, Location, Message, Peer};
use serde::Serialize;
use wasm_bindgen::prelude::*;

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
#[derive(Debug, Serialize)]
pub(crate) struct PageReceipt<'a> {
    to: &'a str,
    timestamp: &'a str,
    status: &'static str,
}

impl<'a> From<&'a Message> for PageReceipt<'a> {
    fn from(message: &'a Message) -> Self {
        Self { to: message.to.as_str(), timestamp: message.timestamp.as_str(), status: "sent" }
    }
}

/// What the page's `MsrError` is made of.
#[derive(Debug, Serialize)]
pub(crate) struct PageError {
    code: u16,
    reason: String,
    retry: bool,
}

impl From<Failure> for PageError {
    fn from(failure: Failure) -> Self {
        let retry = failure.code.disposition() == Disposition::Retry;
        Self { code: failure.code.number(), reason: failure.detail, retry }
    }
}

/// What the page reads off the session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageStatus {
    state: u8,
    offset: f64,
    round_trip: Option<f64>,
    outbox: usize,
}

impl From<Status> for PageStatus {
    fn from(status: Status) -> Self {
        Self { state: status.state as u8, offset: status.offset_ms, round_trip: status.round_trip_ms, outbox: status.waiting }
    }
}

/// The object that `value` is to JavaScript.
pub(crate) fn to_page(value: &impl Serialize) -> JsValue {
    serde_wasm_bindgen::to_value(value).unwrap_or(JsValue::UNDEFINED)
}
