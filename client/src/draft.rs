//! Whether a draft can be a message. A server closes a connection over what is none, so it is refused here, where the
//! one who wrote it can be told.

use msr_protocol::v1::Subject;
use msr_protocol::{Code, Credential, depth, limits};

use crate::limits::{DURABLE_MESSAGE_BYTES, MESSAGE_ENVELOPE_BYTES, MESSAGE_ID_BYTES};
use crate::{Content, Draft, Failure};

/// What the message will take at most in version 1, in bytes.
///
/// # Errors
/// [`Code::InvalidArgument`], [`Code::TooManyRecipients`], [`Code::TooDeep`] or [`Code::TooLarge`].
pub(crate) fn check(draft: &Draft) -> Result<usize, Failure> {
    check_up_to(draft, limits::MESSAGE_BYTES)
}

/// What the message will take at most in version 2, in bytes, and whom it is for, each once.
///
/// # Errors
/// As [`check`]; [`Code::InvalidArgument`] for a recipient that is no credential as well.
pub(crate) fn check_durable(draft: &Draft) -> Result<(usize, Vec<Credential>), Failure> {
    let bytes = check_up_to(draft, DURABLE_MESSAGE_BYTES)?;
    if draft.id.as_ref().is_some_and(|id| id.len() > MESSAGE_ID_BYTES) {
        return Err(invalid("id: too long"));
    }
    if draft.realtime && draft.request.is_some() {
        return Err(invalid("realtime: a request cannot be"));
    }
    let recipients = recipients(draft.to.as_str()).ok_or_else(|| invalid("to: expected credentials, 32 lower-case hex digits each"))?;
    Ok((bytes, recipients))
}

/// The credentials of a spelled array, each once; `None` when it has anything else.
fn recipients(array: &str) -> Option<Vec<Credential>> {
    let inner = array.strip_prefix('[')?.strip_suffix(']')?;
    let mut recipients = Vec::new();
    for entry in inner.split(',').filter(|_| !inner.is_empty()) {
        let credential = entry.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
        if !recipients.contains(&credential) {
            recipients.push(credential);
        }
    }
    Some(recipients)
}

fn check_up_to(draft: &Draft, most_bytes: usize) -> Result<usize, Failure> {
    let (to, subject) = (draft.to.as_str(), draft.subject.as_str());
    let content = match &draft.content {
        Content::Json(content) => content.as_str(),
        Content::Bytes(_) => "null",
    };
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
    let more = if let Content::Bytes(bytes) = &draft.content { bytes.len() } else { 0 };
    let bytes = MESSAGE_ENVELOPE_BYTES + to.len() + subject.len() + content.len() + more;
    if bytes > most_bytes { Err(Code::TooLarge.into()) } else { Ok(bytes) }
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
        Draft::new(text(to), text(subject), text(content))
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
    fn version_2_takes_credentials() {
        let (one, two) = ("07".repeat(16), "08".repeat(16));
        let recipients =
            |to: &str| check_durable(&draft(to, "\"\"", "1")).map(|(_, recipients)| recipients).map_err(|failure| failure.code);
        assert_eq!(recipients("[]"), Ok(vec![]));
        assert_eq!(recipients(&format!("[\"{one}\",\"{two}\",\"{one}\"]")), Ok(vec![Credential([7; 16]), Credential([8; 16])]));
        for to in ["[\"self\"]", "[1]", "[\"\"]", &format!("[\"{one}\",]"), &format!("[[\"{one}\"]]")] {
            assert_eq!(recipients(to), Err(Code::InvalidArgument), "{to}");
        }
        let large = Draft { content: Content::Bytes(vec![0; limits::MESSAGE_BYTES]), ..draft("[]", "\"\"", "1") };
        assert_eq!(check(&large).unwrap_err().code, Code::TooLarge);
        assert!(check_durable(&large).is_ok());
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
