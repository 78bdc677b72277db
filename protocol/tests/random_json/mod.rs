//! Random JSON texts that JavaScript would spell otherwise: every text is valid JSON, few are canonical.

use fastrand::Rng;

/// One random JSON text, nested at most `depth` deep.
pub(crate) fn text(rng: &mut Rng, depth: usize) -> String {
    let mut out = String::new();
    value(rng, depth, &mut out);
    out
}

/// A text that nests exactly `depth` deep.
pub(crate) fn deep(rng: &mut Rng, depth: usize) -> String {
    let (mut open, mut close) = (String::new(), String::new());
    for _ in 0..depth {
        if rng.bool() {
            open.push('[');
            space(rng, &mut open);
            close.insert(0, ']');
        } else {
            open.push('{');
            string(rng, &mut open);
            open.push(':');
            close.insert(0, '}');
        }
    }
    scalar(rng, &mut open);
    open + &close
}

fn value(rng: &mut Rng, depth: usize, out: &mut String) {
    space(rng, out);
    match rng.u8(..10) {
        0..=2 if depth > 0 => list(rng, out, '[', ']', |rng, out| value(rng, depth - 1, out)),
        3..=5 if depth > 0 => list(rng, out, '{', '}', |rng, out| {
            space(rng, out);
            key(rng, out);
            space(rng, out);
            out.push(':');
            value(rng, depth - 1, out);
        }),
        _ => scalar(rng, out),
    }
    space(rng, out);
}

fn list(rng: &mut Rng, out: &mut String, open: char, close: char, mut entry: impl FnMut(&mut Rng, &mut String)) {
    out.push(open);
    space(rng, out);
    for nth in 0..rng.usize(..6) {
        if nth > 0 {
            out.push(',');
        }
        entry(rng, out);
    }
    out.push(close);
}

fn scalar(rng: &mut Rng, out: &mut String) {
    match rng.u8(..8) {
        0 => out.push_str(rng.choice(["true", "false", "null"]).unwrap_or("null")),
        1..=4 => number(rng, out),
        _ => string(rng, out),
    }
}

fn space(rng: &mut Rng, out: &mut String) {
    if rng.u8(..4) == 0 {
        out.push(*rng.choice(&[' ', '\t', '\n', '\r']).unwrap_or(&' '));
    }
}

fn digits(rng: &mut Rng, most: usize, out: &mut String) {
    for _ in 0..rng.usize(1..=most) {
        out.push(rng.digit(10));
    }
}

fn number(rng: &mut Rng, out: &mut String) {
    const ODD: &[&str] = &[
        "-0",
        "0",
        "0.0",
        "-0.0e5",
        "1.0",
        "1e2",
        "1E+2",
        "1e-7",
        "1e-6",
        "0.000001",
        "0.0000001",
        "1e21",
        "1e20",
        "123456789012345678901",
        "9007199254740993",
        "9007199254740992",
        "1e400",
        "-1e400",
        "1e-400",
        "5e-324",
        "2.4703282292062327e-324",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "0.1",
        "100",
        "999999999999999",
        "9999999999999999",
        "4294967295",
        "2.2250738585072011e-308",
    ];
    match rng.u8(..5) {
        0 => out.push_str(rng.choice(ODD).unwrap_or(&"0")),
        1 => loop {
            let double = f64::from_bits(rng.u64(..));
            if double.is_finite() {
                let spelled = if rng.bool() { format!("{double:e}") } else { format!("{double:.17e}") };
                return out.push_str(&spelled);
            }
        },
        2 => out.push_str(&rng.i64(..).to_string()),
        _ => {
            if rng.bool() {
                out.push('-');
            }
            let mut integer = String::new();
            digits(rng, 40, &mut integer);
            let integer = integer.trim_start_matches('0');
            out.push_str(if integer.is_empty() { "0" } else { integer });
            if rng.bool() {
                out.push('.');
                digits(rng, 30, out);
            }
            if rng.bool() {
                out.push_str(rng.choice(["e", "E", "e+", "E-", "e-"]).unwrap_or("e"));
                digits(rng, 3, out);
            }
        }
    }
}

/// Few keys, spelled in many ways: so that members repeat and order matters.
fn key(rng: &mut Rng, out: &mut String) {
    const KEYS: &[&str] = &[
        "\"a\"",
        "\"\\u0061\"",
        "\"b\"",
        "\"\"",
        "\"0\"",
        "\"1\"",
        "\"\\u0031\"",
        "\"10\"",
        "\"2\"",
        "\"01\"",
        "\"-1\"",
        "\"-0\"",
        "\"1.5\"",
        "\"1e3\"",
        "\"4294967293\"",
        "\"4294967294\"",
        "\"4294967295\"",
        "\"4294967296\"",
        "\"9007199254740991\"",
        "\"18446744073709551616\"",
        "\"__proto__\"",
        "\"constructor\"",
        "\"toJSON\"",
        "\"length\"",
        "\"\\ud800\"",
        "\"é\"",
        "\"\\u00E9\"",
        "\" 1\"",
        "\"00\"",
    ];
    match rng.u8(..4) {
        0 => string(rng, out),
        1 => out.push_str(&format!("\"{}\"", rng.u32(..) >> rng.u8(..32))),
        _ => out.push_str(rng.choice(KEYS).unwrap_or(&"\"\"")),
    }
}

fn string(rng: &mut Rng, out: &mut String) {
    out.push('"');
    for _ in 0..rng.usize(..8) {
        match rng.u8(..10) {
            0 => out.push_str(rng.choice(["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"]).unwrap_or("\\n")),
            1 => escape(rng, 0..0x1_0000, out),
            2 => escape(rng, 0..0x100, out),
            3 => escape(rng, 0xD800..0xE000, out),
            4 => {
                escape(rng, 0xD800..0xDC00, out);
                escape(rng, 0xDC00..0xE000, out);
            }
            5 => match rng.char(' '..) {
                '"' | '\\' => out.push('q'),
                char => out.push(char),
            },
            _ => out.push(rng.alphanumeric()),
        }
    }
    out.push('"');
}

fn escape(rng: &mut Rng, units: std::ops::Range<u32>, out: &mut String) {
    let unit = rng.u32(units);
    out.push_str(&if rng.bool() { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") });
}
