//! Tells, without writing anything, whether a JSON text is already spelled as JavaScript would: the cheap question that
//! most messages answer with yes.

use super::spell::spell_number;

/// Whether `json`, which must be valid JSON, is certainly what [`super::spell`] would make of it. `false` says that it is
/// not, or that only spelling it could tell: `\u` escapes and keys that start with a digit are left to that.
pub(crate) fn is_spelled(json: &str) -> bool {
    let mut scan = Scan { text: json.as_bytes(), at: 0, keys: Vec::new(), number: String::new() };
    scan.value().is_some() && scan.at == scan.text.len()
}

/// A position in valid JSON; every step gives `None` as soon as something could be spelled otherwise.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// The keys of all objects that are open, those of the innermost last.
    keys: Vec<&'a [u8]>,
    number: String,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(),
            b'[' => self.array(),
            b't' | b'n' => self.skip("true".len()),
            b'f' => self.skip("false".len()),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None, // white space
        }
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at += bytes;
        Some(())
    }

    fn array(&mut self) -> Option<()> {
        self.at += 1;
        if self.peek()? == b']' {
            return self.skip(1);
        }
        loop {
            self.value()?;
            if self.next_of(b']')? {
                return Some(());
            }
        }
    }

    fn object(&mut self) -> Option<()> {
        self.at += 1;
        if self.peek()? == b'}' {
            return self.skip(1);
        }
        let first = self.keys.len();
        loop {
            let key = self.key()?;
            self.keys.push(key);
            self.value()?;
            if self.next_of(b'}')? {
                break;
            }
        }
        let repeated = any_repeated(&mut self.keys[first..]);
        self.keys.truncate(first);
        (!repeated).then_some(())
    }

    /// Takes a key and its colon.
    fn key(&mut self) -> Option<&'a [u8]> {
        if self.peek()? != b'"' {
            return None;
        }
        let key = self.string()?;
        if key.first().is_some_and(u8::is_ascii_digit) || self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        Some(key)
    }

    /// Takes a comma or `end`, and says whether it was the end.
    fn next_of(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(false),
            byte if byte == end => Some(true),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')).unwrap_or(rest.len());
        let number = std::str::from_utf8(&rest[..length]).ok()?;
        self.at += length;
        if is_short_decimal(number) {
            return Some(());
        }
        self.number.clear();
        spell_number(number, &mut self.number);
        (self.number == number).then_some(())
    }

    /// Takes a string, and gives what stands between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at + 1;
        self.at = start;
        loop {
            let rest = self.text.get(self.at..)?;
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Some(&self.text[start..self.at - 1]);
            }
            match self.text.get(self.at + 1)? {
                b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
                _ => return None,
            }
        }
    }
}

/// Few keys are compared with each other, many are sorted first.
fn any_repeated(keys: &mut [&[u8]]) -> bool {
    if keys.len() <= 8 {
        return keys.iter().enumerate().any(|(nth, key)| keys[..nth].contains(key));
    }
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

/// A number of at most 15 digits without exponent, the last of its fraction not 0, is the shortest text of its double,
/// and JavaScript writes it without exponent when it is no less than 0.1 in size.
fn is_short_decimal(number: &str) -> bool {
    let size = number.strip_prefix('-').unwrap_or(number);
    let (integer, fraction) = size.split_once('.').unwrap_or((size, ""));
    let digits = [integer, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let small = integer == "0" && (fraction.starts_with('0') || (fraction.is_empty() && number.len() > 1));
    let padded = fraction.ends_with('0') || number.ends_with('.');
    digits && size.len() <= 16 && integer.len() + fraction.len() <= 15 && !small && !padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled() {
        for text in [
            r#"{"to":["x"],"é":{"a":[],"b":{}},"c":[1,-2.5,1e+21,true,false,null],"d":"a\n\"\\","":0}"#,
            "123456789012345",
            "\"\"",
            "[[],{},[{}]]",
        ] {
            assert!(is_spelled(text), "{text}");
            assert_eq!(crate::spell(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn not_spelled() {
        for text in [
            "[1, 2]",
            " 1",
            "1 ",
            "{\"a\" :1}",
            "{\"a\": 1}",
            "[1\n]",
            "[ ]",
            "{ }",
            "1.0",
            "-0",
            "1e2",
            "1E+21",
            r#""\/""#,
            r#""\u0041""#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"2":1,"1":2}"#,
            "12345678901234567890123",
        ] {
            assert!(!is_spelled(text), "{text}");
        }
    }

    #[test]
    fn keys_of_other_objects_do_not_count() {
        assert!(is_spelled(r#"{"a":{"a":1,"b":{"a":2}},"b":[{"a":1},{"a":1}]}"#));
        assert!(!is_spelled(r#"{"a":{"b":1},"c":{"a":1,"a":2}}"#));
    }
}
