//! Reads a text message in Rust, as the browser shell does with the page's own JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use msr_protocol::v1::Subject;
use msr_protocol::{Code, JsonText, Message, spell};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Answered, Received};

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    checksum: Cow<'a, str>,
    #[serde(borrow)]
    to: &'a RawValue,
    #[serde(borrow)]
    from: &'a RawValue,
    #[serde(borrow)]
    subject: &'a RawValue,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// The message that `text` spells, each member respelled as `JSON.stringify` does.
///
/// # Errors
/// [`Code::BadMessage`] when it is none: not JSON, a member missing, nested too deep.
pub fn read(text: &str) -> Result<Received, Code> {
    let members: Members<'_> = serde_json::from_str(text).map_err(|_| Code::BadMessage)?;
    let message = Message {
        to: spelled(members.to)?,
        from: spelled(members.from)?,
        subject: spelled(members.subject)?,
        timestamp: spelled(members.timestamp)?,
        content: spelled(members.content)?,
    };
    let subject = Subject::of(message.subject.as_str());
    let answer = match subject {
        Subject::Register | Subject::Find => Some(answered(&message.content)),
        Subject::Bye | Subject::Other => None,
    };
    Ok(Received { message, checksum: members.checksum.into_owned(), subject, answer })
}

fn spelled(raw: &RawValue) -> Result<JsonText, Code> {
    spell(raw.get()).map_err(|_| Code::BadMessage)
}

/// What is not there, or of another kind, is `None`.
fn answered(content: &JsonText) -> Answered {
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(content.as_str()).unwrap_or_default();
    let number = |name| serde_json::from_str::<f64>(members.get(name)?.get()).ok();
    let peer = members.get("peer").map(|raw| raw.get()).filter(|peer| peer.starts_with('{'));
    Answered {
        status: number("status"),
        origin_time_ms: number("originTime").or_else(|| number("orginTime")),
        process_time_ms: number("processTime"),
        peer: peer.map(|peer| JsonText::from_spelled(peer.to_owned())),
        total: number("total"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(subject: &str, content: &str) -> String {
        format!(r#"{{"checksum":"00","to":["a"],"from":"b","subject":"{subject}","timestamp":1.0,"content":{content}}}"#)
    }

    #[test]
    fn members_are_respelled() {
        let received = read(&message("\\u0074est", "{ \"b\": 1.50, \"1\": \"\\u0041\" }")).unwrap();
        assert_eq!(received.message.subject.as_str(), "\"test\"");
        assert_eq!(received.message.timestamp.as_str(), "1");
        assert_eq!(received.message.content.as_str(), r#"{"1":"A","b":1.5}"#);
        assert_eq!((received.subject, received.answer), (Subject::Other, None));
    }

    #[test]
    fn an_answer_is_read_as_far_as_it_goes() {
        let answer = |content| read(&message("find", content)).unwrap().answer.unwrap();
        let full = answer(r#"{"status":200,"orginTime":7,"processTime":2,"peer":{"a":1.0},"total":3}"#);
        let peer = Some(JsonText::from_spelled(r#"{"a":1}"#.to_owned()));
        assert_eq!(full, Answered { status: Some(200.0), origin_time_ms: Some(7.0), process_time_ms: Some(2.0), peer, total: Some(3.0) });
        for content in ["null", "[]", "{}", r#"{"status":"200","peer":[],"originTime":null,"\ud800":1}"#] {
            assert_eq!(answer(content), Answered::default(), "{content}");
        }
    }

    #[test]
    fn what_is_no_message() {
        for text in ["", "null", "{}", "[]", r#"{"checksum":1}"#] {
            assert_eq!(read(text), Err(Code::BadMessage), "{text}");
        }
        assert_eq!(read(&message("test", &("[".repeat(200) + &"]".repeat(200)))), Err(Code::BadMessage));
    }
}
