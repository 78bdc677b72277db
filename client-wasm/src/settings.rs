//! The small objects that cross the edge whole: settings come in, receipts, errors and the status go out.
//!
//! Coming in they are read member by member: serde would bring error texts about settings that the TypeScript face has checked
//! before.

use msr_client::{Failure, Settings, Status};
use msr_protocol::{Disposition, JsonText, Location, Message, Peer};
use wasm_bindgen::prelude::*;

use crate::value::Value;
use crate::{members, records};

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
}

impl From<WireSettings> for Settings {
    fn from(page: WireSettings) -> Self {
        let text = |name| members::text(&page, name).unwrap_or_default();
        let json = |name| JsonText::from_spelled(text(name));
        let flag = |name| members::flag(&page, name);
        let location = Location(json("location"));
        let peer = Peer { name: json("name"), email: json("email"), secret: json("secret"), location, publish: flag("publish") };
        Self { server: text("server"), peer, device: text("device"), autoreconnect: flag("autoreconnect") }
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
