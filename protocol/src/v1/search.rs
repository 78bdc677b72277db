//! Looking for peers by name or e-mail address.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Incoming;
use super::incoming::spelled;
use crate::{Code, JsonText};

/// A search, its keyword folded to lower case. The keyword is text: nothing in it is a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    keyword: String,
    /// The keyword as it came, to be echoed.
    pub spelled_keyword: JsonText,
    /// The timestamp of the request, to be echoed.
    pub origin_time: JsonText,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    target: Option<&'a RawValue>,
    #[serde(borrow)]
    keyword: &'a RawValue,
}

impl Search {
    /// Reads the content of a `find` message: `{target: "peer", keyword}`, or the keyword alone.
    ///
    /// # Errors
    /// [`Code::BadMessage`] when the keyword is no string or the target is not peers.
    pub fn read(incoming: &Incoming<'_>) -> Result<Self, Code> {
        let content = incoming.content();
        let keyword = if content.get().starts_with('"') {
            content
        } else {
            let content: Content<'_> = serde_json::from_str(content.get()).map_err(|_| Code::BadMessage)?;
            if content.target.is_some_and(|target| target.get() != "\"peer\"") {
                return Err(Code::BadMessage);
            }
            content.keyword
        };
        let spelled_keyword = spelled(keyword)?;
        if !spelled_keyword.as_str().starts_with('"') {
            return Err(Code::BadMessage);
        }
        Ok(Self { keyword: plain_text(&spelled_keyword).to_lowercase(), spelled_keyword, origin_time: incoming.timestamp()? })
    }

    /// A search for plain text, as version 2 asks for it.
    #[must_use]
    pub fn for_text(keyword: &str) -> Self {
        Self { keyword: keyword.to_lowercase(), spelled_keyword: JsonText::string(keyword), origin_time: JsonText::null() }
    }

    /// Whether one of `texts`, already in lower case, contains the keyword.
    #[must_use]
    pub fn matches(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| text.contains(&self.keyword))
    }
}

/// The characters of a JSON string, for showing and searching; lone surrogates read as U+FFFD.
#[must_use]
pub fn plain_text(string: &JsonText) -> String {
    let text = string.as_str();
    serde_json::from_str(text).unwrap_or_else(|_| serde_json::from_str(&without_lone_surrogates(text)).unwrap_or_default())
}

/// In spelled text every escaped surrogate is a lone one.
fn without_lone_surrogates(spelled: &str) -> String {
    let mut out = String::with_capacity(spelled.len());
    let mut rest = spelled;
    while let Some(at) = rest.find('\\') {
        let escape_length = if rest[at..].starts_with("\\u") { 6 } else { 2 };
        let (before, from_escape) = rest.split_at(at);
        let (escape, after) = from_escape.split_at(escape_length.min(from_escape.len()));
        out.push_str(before);
        out.push_str(if escape.starts_with("\\ud") { "\u{fffd}" } else { escape });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_can_be_shown() {
        let string = JsonText::from_spelled(r#""a\\\ud800\"b\u001f""#.to_owned());
        assert_eq!(plain_text(&string), "a\\\u{fffd}\"b\u{1f}");
    }
}
