//! The small objects that cross the edge whole: settings come in, receipts, errors and the status go out.

use msr_client::{Failure, Settings, Status};
use msr_protocol::{Disposition, JsonText, Location, Message, Peer};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;

/// Settings as the page gives them. Name, e-mail address, secret and location are JSON texts.
#[derive(Debug, Deserialize)]
pub(crate) struct PageSettings {
    server: String,
    name: String,
    email: String,
    secret: String,
    location: String,
    publish: bool,
    autoreconnect: bool,
}

impl From<PageSettings> for Settings {
    fn from(page: PageSettings) -> Self {
        let PageSettings { server, name, email, secret, location, publish, autoreconnect } = page;
        let [name, email, secret, location] = [name, email, secret, location].map(JsonText::from_spelled);
        Self { server, peer: Peer { name, email, secret, location: Location(location), publish }, autoreconnect }
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
