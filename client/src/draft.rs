//! Whether a draft can be a message. A server closes a connection over what is none, so it is refused here, where the
//! one who wrote it can be told.

use msr_protocol::v1::Subject;
use msr_protocol::{Code, depth, limits};

use crate::limits::MESSAGE_ENVELOPE_BYTES;
use crate::{Draft, Failure};

/// What the message will take at most, in bytes.
///
/// # Errors
/// [`Code::InvalidArgument`], [`Code::TooManyRecipients`], [`Code::TooDeep`] or [`Code::TooLarge`].
pub(crate) fn check(draft: &Draft) -> Result<usize, Failure> {
    let (to, subject, content) = (draft.to.as_str(), draft.subject.as_str(), draft.content.as_str());
    if !to.starts_with('[') {
        return Err(invalid("to: expected an array of strings"));
    }
    if !subject.starts_with('"') {
        return Err(invalid("subject: expected a string"));
    }
    if Subject::of(subject) == Subject::Register {
        return Err(invalid("subject: 'register' is what connect() sends"));
    }
    if content.is_empty() {
        return Err(invalid("content: expected a JSON value"));
    }
    if entries(to) > limits::RECIPIENTS {
        return Err(Code::TooManyRecipients.into());
    }
    // One more for the message around it.
    if depth(to).max(depth(content)) >= limits::JSON_DEPTH {
        return Err(Code::TooDeep.into());
    }
    let bytes = MESSAGE_ENVELOPE_BYTES + to.len() + subject.len() + content.len();
    if bytes > limits::MESSAGE_BYTES { Err(Code::TooLarge.into()) } else { Ok(bytes) }
}

fn invalid(detail: &str) -> Failure {
    Failure { code: Code::InvalidArgument, detail: detail.to_owned() }
}

/// How many entries a spelled array of strings has.
fn entries(array: &str) -> usize {
    let (mut entries, mut in_string, mut escaped) = (0, false, false);
    for byte in array.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                in_string = !in_string;
                entries += usize::from(in_string);
            }
            _ => {}
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use msr_protocol::JsonText;

    use super::*;

    fn draft(to: &str, subject: &str, content: &str) -> Draft {
        let text = |text: &str| JsonText::from_spelled(text.to_owned());
        Draft { to: text(to), subject: text(subject), content: text(content), expire_after_ms: None, realtime: false }
    }

    fn code(to: &str, subject: &str, content: &str) -> Option<Code> {
        check(&draft(to, subject, content)).err().map(|failure| failure.code)
    }

    #[test]
    fn what_a_server_would_close_the_connection_over() {
        assert_eq!(code("[]", "\"\"", "null"), None);
        assert_eq!(code("\"a\"", "\"\"", "null"), Some(Code::InvalidArgument));
        assert_eq!(code("[]", "1", "null"), Some(Code::InvalidArgument));
        assert_eq!(code("[]", "\"register\"", "null"), Some(Code::InvalidArgument));
        assert_eq!(code("[]", "\"\"", ""), Some(Code::InvalidArgument));

        let many = |count: usize| format!("[{}]", vec![r#""a,\"b""#; count].join(","));
        assert_eq!(code(&many(limits::RECIPIENTS), "\"\"", "null"), None);
        assert_eq!(code(&many(limits::RECIPIENTS + 1), "\"\"", "null"), Some(Code::TooManyRecipients));

        let nested = |deep: usize| "[".repeat(deep) + &"]".repeat(deep);
        assert_eq!(code("[]", "\"\"", &nested(limits::JSON_DEPTH - 1)), None);
        assert_eq!(code("[]", "\"\"", &nested(limits::JSON_DEPTH)), Some(Code::TooDeep));

        assert_eq!(code("[]", "\"\"", &format!("\"{}\"", "x".repeat(limits::MESSAGE_BYTES))), Some(Code::TooLarge));
    }

    #[test]
    fn the_envelope_is_as_large_as_it_gets() {
        let message = msr_protocol::Message {
            to: JsonText::from_spelled(String::new()),
            from: JsonText::from(msr_protocol::Credential([0; 16])),
            subject: JsonText::from_spelled(String::new()),
            timestamp: JsonText::milliseconds(-8_640_000_000_000_000),
            content: JsonText::from_spelled(String::new()),
        };
        assert!(message.to_text().len() <= MESSAGE_ENVELOPE_BYTES, "{}", message.to_text().len());
    }
}
