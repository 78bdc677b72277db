//! Whether a text is JSON, found without building anything: what comes from a peer is set into other JSON text, and a
//! text that ends a value early would speak in somebody else's name there.

use crate::limits::JSON_DEPTH;

/// Whether `text` is one JSON value (RFC 8259), nested at most [`JSON_DEPTH`] deep, blanks around it included.
#[must_use]
pub fn is_json(text: &str) -> bool {
    let mut scan = Scan { rest: text.as_bytes() };
    scan.value(0).is_some() && scan.rest.is_empty()
}

/// The value of a JSON string, lone surrogates replaced; `None` for any other text.
#[must_use]
pub fn string_value(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if !is_json(text) {
        return None;
    }
    let mut value = String::with_capacity(inner.len());
    let mut units: Vec<u16> = Vec::new();
    let mut rest = inner;
    while let Some(at) = rest.bytes().position(|byte| byte == b'\\') {
        let (plain, escape) = rest.split_at_checked(at)?;
        if !plain.is_empty() {
            push_units(&mut value, &mut units);
            value.push_str(plain);
        }
        let (unit, length) = unescape(escape)?;
        units.push(unit);
        rest = escape.get(length..)?;
    }
    push_units(&mut value, &mut units);
    value.push_str(rest);
    Some(value)
}

/// Escapes that follow on each other may be two halves of one character.
fn push_units(value: &mut String, units: &mut Vec<u16>) {
    value.extend(char::decode_utf16(units.drain(..)).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}

/// The UTF-16 unit of the escape that `text` begins with, and the escape's length.
fn unescape(text: &str) -> Option<(u16, usize)> {
    let unit = match text.as_bytes().get(1)? {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => 0x0a,
        b'r' => 0x0d,
        b't' => 0x09,
        b'u' => return Some((u16::from_str_radix(text.get(2..6)?, 16).ok()?, 6)),
        &other => u16::from(other),
    };
    Some((unit, 2))
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl Scan<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn skip(&mut self, skipped: impl Fn(u8) -> bool) -> usize {
        let count = self.rest.iter().take_while(|byte| skipped(**byte)).count();
        self.rest = &self.rest[count..];
        count
    }

    fn blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// A value, and the blanks around it. The recursion ends at the limit of the depth.
    fn value(&mut self, depth: usize) -> Option<()> {
        self.blanks();
        match self.next()? {
            b'{' => self.list(depth, b'}', true)?,
            b'[' => self.list(depth, b']', false)?,
            b'"' => self.string()?,
            b't' => self.word(b"rue")?,
            b'f' => self.word(b"alse")?,
            b'n' => self.word(b"ull")?,
            b'-' => {
                let first = self.next()?;
                self.number(first)?;
            }
            first => self.number(first)?,
        }
        self.blanks();
        Some(())
    }

    fn list(&mut self, depth: usize, end: u8, has_names: bool) -> Option<()> {
        if depth >= JSON_DEPTH {
            return None;
        }
        self.blanks();
        if self.rest.first() == Some(&end) {
            return self.take(end);
        }
        loop {
            if has_names {
                self.blanks();
                self.take(b'"')?;
                self.string()?;
                self.blanks();
                self.take(b':')?;
            }
            self.value(depth + 1)?;
            match self.next()? {
                b',' => {}
                byte => return (byte == end).then_some(()),
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        loop {
            self.skip(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            self.next().filter(u8::is_ascii_hexdigit)?;
                        }
                    }
                    _ => return None,
                },
                _ => return None,
            }
        }
    }

    fn word(&mut self, letters: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(letters)?;
        Some(())
    }

    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => {
                self.digits();
            }
            _ => return None,
        }
        if self.rest.first() == Some(&b'.') {
            self.next();
            (self.digits() > 0).then_some(())?;
        }
        if let Some(b'e' | b'E') = self.rest.first() {
            self.next();
            if let Some(b'+' | b'-') = self.rest.first() {
                self.next();
            }
            (self.digits() > 0).then_some(())?;
        }
        Some(())
    }

    fn digits(&mut self) -> usize {
        self.skip(|byte| byte.is_ascii_digit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_parser() {
        let texts = [
            "1",
            "-0",
            "01",
            "1.",
            ".5",
            "-",
            "1e5",
            "1E+",
            "1e-7",
            "null",
            "nul",
            "true",
            "false ",
            " [] ",
            "[,]",
            "[1,]",
            "[1 2]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" : [ { } ] }",
            "\"\"",
            "\"",
            "\"\\u00e9\"",
            "\"\\u00g0\"",
            "\"\\x\"",
            "\"\\\"\"",
            "\"\n\"",
            "\"é\"",
            "",
            " ",
            "1 1",
            "null,\"from\":1",
            "[\"]\"]",
            "]",
            "\u{feff}1",
            "[1}",
            "{\"a\"}",
            "tru",
            "1a",
            "--1",
            "NaN",
        ];
        for text in texts {
            #[cfg(feature = "json")]
            assert_eq!(is_json(text), serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text:?}");
            // Cut anywhere, it must not panic.
            for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
                let _ = is_json(&text[..end]);
            }
        }
    }

    #[test]
    fn deep_only_to_the_limit() {
        let nested = |deep: usize| "[".repeat(deep) + &"]".repeat(deep);
        assert!(is_json(&nested(JSON_DEPTH)));
        assert!(!is_json(&nested(JSON_DEPTH + 1)));
        assert!(!is_json(&"[".repeat(1_000_000)));
    }

    #[test]
    fn values_of_strings() {
        for (text, value) in [
            (r#""""#, Some("")),
            (r#""a\"\\\/\b\f\n\r\tz""#, Some("a\"\\/\u{8}\u{c}\n\r\tz")),
            (r#""\ud83d\ude00é\u00e9""#, Some("😀éé")),
            (r#""\ud83d""#, Some("\u{fffd}")),
            (r#""\ud83d x""#, Some("\u{fffd} x")),
            ("1", None),
            ("\"", None),
            (r#""a"b""#, None),
        ] {
            assert_eq!(string_value(text).as_deref(), value, "{text}");
        }
    }
}
