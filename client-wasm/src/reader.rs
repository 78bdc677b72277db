//! Reads a text message with the page's own JSON: one `JSON.parse`, then one `JSON.stringify` a member, so that every
//! member is spelled as the checksum wants it whatever the sender's spelling was.

use js_sys::{Array, JSON};
use msr_client::{Answered, Received};
use msr_protocol::v1::Subject;
use msr_protocol::{JsonText, Message};
use wasm_bindgen::JsValue;

use crate::members::{self, member};

/// The members of the message that `text` spells; `None` when it is none: not JSON, no object, a member missing.
#[must_use]
pub fn read(text: &str) -> Option<Received> {
    let parsed = JSON::parse(text).ok().filter(is_plain_object)?;
    let content = member(&parsed, "content")?;
    let message = Message {
        to: spelled(&member(&parsed, "to")?)?,
        from: spelled(&member(&parsed, "from")?)?,
        subject: spelled(&member(&parsed, "subject")?)?,
        timestamp: spelled(&member(&parsed, "timestamp")?)?,
        content: spelled(&content)?,
    };
    let checksum = members::text(&parsed, "checksum")?;
    let subject = Subject::of(message.subject.as_str());
    let answer = match subject {
        Subject::Register | Subject::Find => Some(answered(&content)),
        Subject::Bye | Subject::Other => None,
    };
    Some(Received { message, checksum, subject, answer })
}

fn answered(content: &JsValue) -> Answered {
    if !is_plain_object(content) {
        return Answered::default();
    }
    let number = |name| members::number(content, name);
    Answered {
        status: number("status"),
        origin_time_ms: number("originTime").or_else(|| number("orginTime")),
        process_time_ms: number("processTime"),
        peer: member(content, "peer").filter(is_plain_object).as_ref().and_then(spelled),
        total: number("total"),
    }
}

fn is_plain_object(value: &JsValue) -> bool {
    value.is_object() && !Array::is_array(value)
}

/// Parsed JSON, spelled again; `None` only where the engine gives up on deep nesting.
fn spelled(value: &JsValue) -> Option<JsonText> {
    JSON::stringify(value).ok().map(|text| JsonText::from_spelled(text.into()))
}
