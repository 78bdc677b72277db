//! docs/PROTOCOL-v2.md says what the sources say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use msr_protocol::v2::Frame;
use msr_protocol::{Code, Disposition};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the tables in a section, cells trimmed.
fn rows(section: &str) -> Vec<Vec<String>> {
    let text = read("docs/PROTOCOL-v2.md");
    let section = text.split("\n## ").find(|part| part.starts_with(section)).unwrap_or_else(|| panic!("no section {section}"));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    section.lines().filter(|line| line.starts_with("| ")).map(cells).collect()
}

#[test]
fn the_table_of_frames() {
    let told: Vec<(u8, String)> = rows("Frames")
        .into_iter()
        .filter_map(|row| Some((u8::from_str_radix(row[0].strip_prefix("0x")?, 16).ok()?, row[1].clone())))
        .collect();
    let known: Vec<(u8, String)> = Frame::TAGS.iter().map(|(tag, name)| (*tag, (*name).to_owned())).collect();
    assert_eq!(told, known);
}

#[test]
fn the_fields_of_each_frame() {
    let source = read("protocol/src/v2/frame.rs");
    for row in rows("Frames").iter().filter(|row| row[0].starts_with("0x")) {
        let (tag, name) = (&row[0], &row[1]);
        let body = source.split(&format!("{tag} {name} {{")).nth(1).unwrap_or_else(|| panic!("no frame {name}"));
        let body = body.split("\n    }").next().unwrap();
        let body = if body.starts_with('}') { "" } else { body };
        let fields = body.lines().map(str::trim).filter(|line| !line.starts_with("///"));
        let fields: Vec<&str> = fields.filter_map(|line| line.split_once(": ").map(|(field, _)| field)).collect();
        // What stands in parentheses belongs to the entries of a list.
        let told = row[3].split('(').enumerate().map(|(place, part)| if place == 0 { part } else { part.split_once(')').unwrap().1 });
        let told = told.collect::<String>();
        let told: Vec<&str> = told.split('`').skip(1).step_by(2).collect();
        assert_eq!(told, fields, "{name}");
    }
}

#[test]
fn the_table_of_codes() {
    for row in rows("Codes").into_iter().filter(|row| row[0].parse::<u16>().is_ok()) {
        let code = Code::from_number(row[0].parse().unwrap()).unwrap();
        assert!(row[1] == "–" || row[1] == code.close_code().to_string(), "{code:?}");
        let disposition = if code.disposition() == Disposition::Retry { "retry" } else { "final" };
        assert_eq!(row[2], disposition, "{code:?}");
    }
}

/// The constants of a source that are sums of products of numbers and of constants before them.
fn constants(path: &str, known: &mut BTreeMap<String, u64>) {
    let mut own = BTreeMap::new();
    for line in read(path).lines().filter_map(|line| line.split("pub const ").nth(1)) {
        let (name, rest) = line.split_once(": ").unwrap();
        let sum = rest.split_once(" = ").unwrap().1.trim_end_matches(';').replace("1 << 20", "1048576");
        let factor = |factor: &str| {
            let factor = factor.trim().trim_end_matches(" as usize").replace('_', "");
            let name = factor.rsplit("::").next().unwrap().to_owned();
            let named = || known.iter().find(|(other, _)| other.replace('_', "") == name).map(|(_, value)| *value);
            factor.parse().ok().or_else(named)
        };
        let product = |product: &str| product.split('*').map(factor).product::<Option<u64>>();
        if let Some(value) = sum.split('+').map(product).sum::<Option<u64>>() {
            own.insert(name.to_owned(), value);
        }
    }
    known.extend(own);
}

#[test]
fn the_tables_of_limits() {
    let mut known = BTreeMap::new();
    for path in [
        "delivery/src/limits.rs",
        "server/src/delivery/limits.rs",
        "server/src/switch/v2/limits.rs",
        "crypto/src/limits.rs",
        "server/src/keys/limits.rs",
    ] {
        constants(path, &mut known);
    }
    let mut told = 0;
    for row in rows("Limits") {
        let Some(name) = row[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) else { continue };
        let value = known.get(name).unwrap_or_else(|| panic!("there is no limit {name}"));
        assert_eq!(row[1].replace(' ', ""), value.to_string(), "{name}");
        for (suffix, expected) in [("_MS", "ms"), ("_BYTES", "bytes"), ("_ENTRIES", "entries"), ("_MESSAGES", "messages")] {
            assert!(!name.ends_with(suffix) || row[2] == expected, "{name} in {}", row[2]);
        }
        told += 1;
    }
    assert!(told > 20, "{told}");
}
