//! Spells a JSON text as `JSON.stringify(JSON.parse(text))` would (ECMA-262, JSON.stringify and Number::toString).
//!
//! `serde_json` decides whether a text is JSON; this walks text already known to be so, and changes what JavaScript
//! spells differently: white space, numbers, escapes, the order of integer-like keys, members named twice.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde_json::value::RawValue;

use crate::{JsonText, depth, limits};

/// Why a text has no spelling.
#[derive(Debug, thiserror::Error)]
pub enum SpellError {
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// The text nests deeper than [`limits::JSON_DEPTH`].
    #[error("nested {0} deep, at most {max} is read", max = limits::JSON_DEPTH)]
    TooDeep(usize),
}

/// The text JavaScript would print for the value that `text` stands for.
///
/// # Errors
/// When `text` is not JSON or nests too deep.
pub fn spell(text: &str) -> Result<JsonText, SpellError> {
    let raw: &RawValue = serde_json::from_str(text)?;
    spell_valid(raw)
}

/// [`spell`] for text that `serde_json` has already accepted.
pub(crate) fn spell_valid(raw: &RawValue) -> Result<JsonText, SpellError> {
    let deep = depth(raw.get());
    if deep > limits::JSON_DEPTH {
        return Err(SpellError::TooDeep(deep));
    }
    let mut walk = Walk { text: raw.get().as_bytes(), at: 0 };
    let mut out = String::with_capacity(raw.get().len());
    walk.value(&mut out);
    Ok(JsonText::from_spelled(out))
}

/// A position in valid JSON. Only called on what `serde_json` accepted, so that every branch knows what comes next;
/// were that ever broken, the end of the text reads as NUL and every loop stops there.
struct Walk<'a> {
    text: &'a [u8],
    at: usize,
}

impl Walk<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn value(&mut self, out: &mut String) {
        self.skip_space();
        match self.peek() {
            b'"' => self.string(out),
            b'{' => self.object(out),
            b'[' => self.array(out),
            _ => self.scalar(out),
        }
        self.skip_space();
    }

    fn array(&mut self, out: &mut String) {
        out.push('[');
        self.at += 1;
        self.skip_space();
        while !matches!(self.peek(), b']' | 0) {
            self.value(out);
            if self.peek() == b',' {
                out.push(',');
                self.at += 1;
            }
        }
        self.at += 1;
        out.push(']');
    }

    /// Writes the members as they come, and puts them in JavaScript's order only when that is another.
    fn object(&mut self, out: &mut String) {
        let start = out.len();
        let mut members = Vec::new();
        out.push('{');
        self.at += 1;
        self.skip_space();
        while !matches!(self.peek(), b'}' | 0) {
            self.skip_space();
            let key = out.len();
            self.string(out);
            self.skip_space();
            self.at += 1;
            let colon = out.len();
            out.push(':');
            self.value(out);
            members.push(Member { key: key..colon, value: colon + 1..out.len() });
            if self.peek() == b',' {
                out.push(',');
                self.at += 1;
            }
            self.skip_space();
        }
        self.at += 1;
        out.push('}');
        if let Some(ordered) = reordered(out, &members) {
            out.replace_range(start.., &ordered);
        }
    }

    fn scalar(&mut self, out: &mut String) {
        let start = self.at;
        while matches!(self.peek(), b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E') {
            self.at += 1;
        }
        let scalar = std::str::from_utf8(&self.text[start..self.at]).unwrap_or("null");
        match scalar {
            "true" | "false" | "null" => out.push_str(scalar),
            _ => spell_number(scalar, out),
        }
        if start == self.at {
            self.at += 1; // not JSON after all: go on, so that the walk ends
        }
    }

    /// Copies runs of plain text whole; only escapes are looked at.
    fn string(&mut self, out: &mut String) {
        out.push('"');
        self.at += 1;
        loop {
            let start = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0) {
                self.at += 1;
            }
            out.push_str(std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default());
            match self.peek() {
                b'\\' => self.escape(out),
                _ => break,
            }
        }
        self.at += 1;
        out.push('"');
    }

    fn escape(&mut self, out: &mut String) {
        self.at += 1;
        let letter = self.peek();
        self.at += 1;
        match letter {
            b'u' => {
                let unit = self.hex_unit();
                let pair = self.low_surrogate_after(unit);
                spell_unit(unit, pair, out);
            }
            b'/' => out.push('/'),
            _ => {
                out.push('\\');
                out.push(char::from(letter));
            }
        }
    }

    fn hex_unit(&mut self) -> u32 {
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or("0");
        self.at += 4;
        u32::from_str_radix(digits, 16).unwrap_or(0)
    }

    /// Takes the escape of a low surrogate, if one follows the high surrogate `unit`.
    fn low_surrogate_after(&mut self, unit: u32) -> Option<u32> {
        if !(0xD800..0xDC00).contains(&unit) || self.text.get(self.at..self.at + 2) != Some(b"\\u") {
            return None;
        }
        let back = self.at;
        self.at += 2;
        let low = self.hex_unit();
        if (0xDC00..0xE000).contains(&low) {
            return Some(low);
        }
        self.at = back;
        None
    }
}

/// A UTF-16 code unit (and its low surrogate), as `QuoteJSONString` writes it.
fn spell_unit(unit: u32, low: Option<u32>, out: &mut String) {
    let point = match low {
        Some(low) => 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00),
        None => unit,
    };
    match char::from_u32(point) {
        Some('"') => out.push_str("\\\""),
        Some('\\') => out.push_str("\\\\"),
        Some('\u{8}') => out.push_str("\\b"),
        Some('\u{c}') => out.push_str("\\f"),
        Some('\n') => out.push_str("\\n"),
        Some('\r') => out.push_str("\\r"),
        Some('\t') => out.push_str("\\t"),
        Some(char) if char >= ' ' => out.push(char),
        _ => out.push_str(&format!("\\u{point:04x}")),
    }
}

/// A number as `Number::toString` writes it; what is no finite double is `null`.
pub(super) fn spell_number(number: &str, out: &mut String) {
    let plain = number.len() <= 15 && number.bytes().all(|byte| byte.is_ascii_digit());
    if plain {
        return out.push_str(number);
    }
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => out.push_str(ryu_js::Buffer::new().format_finite(value)),
        _ => out.push_str("null"),
    }
}

/// Where a member of an object was written.
struct Member {
    key: Range<usize>,
    value: Range<usize>,
}

/// The object of these members in the order in which JavaScript enumerates them, where they are not in it: array indices
/// ascending, then the others as first written; of members with one name the last value stays, at the place of the first.
fn reordered(written: &str, members: &[Member]) -> Option<String> {
    let mut indices: BTreeMap<u32, &str> = BTreeMap::new();
    let mut named: Vec<(&str, &str)> = Vec::with_capacity(members.len());
    let mut position: HashMap<&str, usize> = HashMap::new();
    let mut repeated = false;
    for Member { key, value } in members {
        let (key, value) = (&written[key.clone()], &written[value.clone()]);
        if let Some(index) = array_index(key) {
            indices.insert(index, value);
        } else if members.len() == 1 {
            return None;
        } else if let Some(&at) = position.get(key) {
            repeated = true;
            named[at].1 = value;
        } else {
            position.insert(key, named.len());
            named.push((key, value));
        }
    }
    if indices.is_empty() && !repeated {
        return None;
    }
    let mut out = String::from("{");
    for (index, value) in indices {
        out.push_str(&format!("\"{index}\":{value},"));
    }
    for (key, value) in named {
        out.push_str(&format!("{key}:{value},"));
    }
    out.pop();
    out.push('}');
    Some(out)
}

/// The array index (ECMA-262: 0 to 2³²−2, canonical decimal) that a spelled key stands for.
fn array_index(spelled_key: &str) -> Option<u32> {
    let digits = &spelled_key[1..spelled_key.len() - 1];
    let canonical = digits == "0" || (!digits.starts_with('0') && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    digits.parse().ok().filter(|&index| canonical && index < u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> String {
        spell(text).unwrap().into_string()
    }

    #[test]
    fn white_space_goes() {
        assert_eq!(spelled(" { \"a\" : [ ] , \"b\" : [ 1 , { } ] } "), r#"{"a":[],"b":[1,{}]}"#);
    }

    #[test]
    fn numbers_are_doubles() {
        let numbers = "[1.0,-0,1e21,1E2,123456789012345678,0.1e-6,1e400,-1.50,5e-324]";
        assert_eq!(spelled(numbers), "[1,0,1e+21,100,123456789012345680,1e-7,null,-1.5,5e-324]");
    }

    #[test]
    fn escapes() {
        assert_eq!(
            spelled(r#""\u0041\/\u00e9\u2028\u007f\u001F\u0008\u000a\ud83d\ude00\uD800x\udc00\ud800\ud83d\ude00\u0022""#),
            "\"A/é\u{2028}\u{7f}\\u001f\\b\\n😀\\ud800x\\udc00\\ud800😀\\\"\""
        );
    }

    #[test]
    fn order_and_repeated_members() {
        assert_eq!(
            spelled(r#"{"b":1,"10":2,"2":3,"01":4,"4294967294":5,"4294967295":6,"b":7,"-1":8,"\u0062":9,"1.5":10,"0":11,"":12}"#),
            r#"{"0":11,"2":3,"10":2,"4294967294":5,"b":9,"01":4,"4294967295":6,"-1":8,"1.5":10,"":12}"#
        );
    }

    #[test]
    fn refused() {
        assert!(matches!(spell("{"), Err(SpellError::NotJson(_))));
        let deep = "[".repeat(limits::JSON_DEPTH + 1) + &"]".repeat(limits::JSON_DEPTH + 1);
        assert!(matches!(spell(&deep), Err(SpellError::TooDeep(_))));
    }
}
