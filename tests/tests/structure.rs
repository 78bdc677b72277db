//! The rules of the code's structure, and that docs/PROTOCOL.md says what the sources say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use msr_protocol::{Code, Disposition};
use serde_json::Value;

/// The longest file that fits in a head.
const FILE_LINES: usize = 450;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The files of the checkout, as far as they are ours, whose names end so.
fn sources(extensions: &[&str]) -> Vec<PathBuf> {
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    let ours = |path: &&Path| path.extension().is_some_and(|extension| extensions.iter().any(|other| extension == *other));
    listed.lines().map(Path::new).filter(ours).map(|path| root().join(path)).filter(|path| path.exists()).collect()
}

/// The lines of code of each Rust file below a folder, with where they stand; comments are left out.
fn code_below(folder: &str) -> Vec<(String, String)> {
    let below = root().join(folder);
    let mut lines = vec![];
    for path in sources(&["rs"]).into_iter().filter(|path| path.starts_with(&below)) {
        for (nth, line) in read(&path).lines().enumerate() {
            let code = line.split("//").next().unwrap().to_owned();
            lines.push((format!("{}:{}", path.strip_prefix(root()).unwrap().display(), nth + 1), code));
        }
    }
    assert!(!lines.is_empty(), "no code below {folder}");
    lines
}

/// Whether `word` stands in `code` by itself.
fn has_word(code: &str, word: &str) -> bool {
    let part_of_name = |char: char| char.is_alphanumeric() || char == '_';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(part_of_name) && !code[at + word.len()..].starts_with(part_of_name))
}

struct Dependency {
    name: String,
    normal: bool,
    optional: bool,
}

/// The packages of the workspace and what they depend on.
fn packages() -> BTreeMap<String, Vec<Dependency>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let metadata: Value = serde_json::from_str(&output(&cargo, &["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let dependency = |value: &Value| Dependency {
        name: text(&value["name"]),
        normal: value["kind"].is_null(),
        optional: value["optional"].as_bool().unwrap(),
    };
    let package = |value: &Value| (text(&value["name"]), value["dependencies"].as_array().unwrap().iter().map(dependency).collect());
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

#[test]
fn what_both_ends_share_does_no_io() {
    let packages = packages();
    for package in ["msr-protocol", "msr-client", "msr-crypto"] {
        for dependency in packages[package].iter().filter(|dependency| dependency.normal && !dependency.optional) {
            let io = ["tokio", "axum", "hyper", "tungstenite", "wasm-bindgen", "web-sys", "js-sys", "gloo", "getrandom", "chrono"];
            assert!(!io.iter().any(|io| dependency.name.contains(io)), "{package} depends on {}", dependency.name);
        }
    }
}

#[test]
fn who_may_import_whom() {
    let packages = packages();
    let allowed = |package: &str| -> Option<BTreeSet<&str>> {
        Some(match package {
            "msr-protocol" | "msr-store" => BTreeSet::new(),
            "msr-client" | "msr-crypto" | "msr-delivery" | "msr-bench" => ["msr-protocol"].into(),
            "msgsrouter" => ["msr-protocol", "msr-client"].into(),
            "msgsrouter-keys" => ["msr-protocol", "msr-crypto"].into(),
            "msr-server" => ["msr-protocol", "msr-client", "msr-crypto", "msr-delivery", "msr-store"].into(),
            _ => return None,
        })
    };
    for (package, dependencies) in &packages {
        let Some(allowed) = allowed(package) else { continue };
        for Dependency { name, .. } in dependencies.iter().filter(|dependency| packages.contains_key(&dependency.name)) {
            assert!(name == package || allowed.contains(name.as_str()), "{package} depends on {name}");
        }
    }
}

#[test]
fn time_is_an_argument() {
    for folder in ["protocol/src", "client/src", "crypto/src"] {
        for (place, code) in code_below(folder).iter().filter(|(place, _)| !place.starts_with("client/src/native")) {
            for word in ["std::time", "core::time", "SystemTime", "Instant", "thread_rng", "fastrand::u64"] {
                assert!(!has_word(code, word), "{place} has {word}");
            }
        }
    }
}

#[test]
fn the_switch_knows_no_database() {
    for (place, code) in code_below("server/src/switch").into_iter().filter(|(place, _)| !place.contains("/tests")) {
        for word in ["redb", "hyper", "rustls", "TcpListener"] {
            assert!(!has_word(&code, word), "{place} has {word}");
        }
    }
}

#[test]
fn files_fit_in_a_head() {
    let mut long = vec![];
    for path in sources(&["rs", "ts", "js", "mjs", "html"]) {
        let lines = read(&path).lines().count();
        if lines > FILE_LINES {
            long.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(long.is_empty(), "more than {FILE_LINES} lines: {long:#?}");
}

#[test]
fn modules_say_what_they_are_for() {
    let of_tests = |path: &PathBuf| path.ends_with("tests.rs") || path.parent().is_some_and(|folder| folder.ends_with("tests"));
    for path in sources(&["rs"]).into_iter().filter(|path| !of_tests(path)) {
        assert!(read(&path).starts_with("//!"), "{} starts without //!", path.display());
    }
}

/// The rows of the tables in a section of docs/PROTOCOL.md, cells trimmed.
fn rows(section: &str) -> Vec<Vec<String>> {
    let text = read("docs/PROTOCOL.md");
    let section = text.split("\n## ").find(|part| part.starts_with(section)).unwrap_or_else(|| panic!("no section {section}"));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    section.lines().filter(|line| line.starts_with("| ")).map(cells).collect()
}

#[test]
fn the_table_of_codes() {
    let rows: Vec<_> = rows("Codes").into_iter().filter(|row| row[0].parse::<u16>().is_ok()).collect();
    assert_eq!(
        rows.iter().map(|row| row[0].parse().unwrap()).collect::<Vec<u16>>(),
        Code::ALL.iter().map(|code| code.number()).collect::<Vec<_>>()
    );
    assert!(Code::ALL.is_sorted_by_key(|code| code.number()), "codes ascend");
    for (row, code) in rows.iter().zip(Code::ALL) {
        assert!(row[1] == "–" || row[1] == code.close_code().to_string(), "close code of {code:?}: {}", row[1]);
        assert_eq!(row[2], code.reason());
        let disposition = match code.disposition() {
            Disposition::Done => "done",
            Disposition::Final => "final",
            Disposition::Retry => "retry",
        };
        assert_eq!(row[3], disposition, "{code:?}");
        assert!(row[1] != "–" || !row[4].contains("closing"), "{code:?}");
    }
}

/// The constants of a source and their values, products of whole numbers and of each other.
fn constants(path: &str, known: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut constants = BTreeMap::new();
    for line in read(path).lines().filter_map(|line| line.split("pub const ").nth(1)) {
        let (name, rest) = line.split_once(": ").unwrap();
        let (_, product) = rest.split_once(" = ").unwrap();
        let factor = |factor: &str| {
            let factor = factor.trim().replace('_', "");
            let name = factor.rsplit("::").next().unwrap();
            let named = || known.iter().find(|(other, _)| other.replace('_', "") == name).map(|(_, value)| *value);
            factor.parse().ok().or_else(named).unwrap_or_else(|| panic!("{path}: {line}"))
        };
        constants.insert(name.to_owned(), product.trim_end_matches(';').split('*').map(factor).product());
    }
    constants
}

#[test]
fn the_tables_of_limits() {
    let shared = constants("protocol/src/limits.rs", &BTreeMap::new());
    let server = constants("server/src/switch/limits.rs", &shared);
    let mut told = BTreeSet::new();
    for row in rows("Limits") {
        let Some(name) = row[0].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) else { continue };
        let value = shared.get(name).or_else(|| server.get(name)).unwrap_or_else(|| panic!("there is no limit {name}"));
        assert_eq!(row[1].replace(' ', ""), value.to_string(), "{name}");
        let unit = &row[2];
        for (suffix, expected) in [("_MS", "ms"), ("_BYTES", "bytes"), ("_SECOND", "/s"), ("_MESSAGES", "messages")] {
            assert!(!name.ends_with(suffix) || unit.ends_with(expected), "{name} in {unit}");
        }
        told.insert(name.to_owned());
    }
    let untold: Vec<_> = shared.keys().filter(|name| !told.contains(*name)).collect();
    assert!(untold.is_empty(), "not in docs/PROTOCOL.md: {untold:?}");
}

#[test]
fn the_names_in_the_protocol_are_those_of_limits() {
    let text = read("docs/PROTOCOL.md");
    let limits: BTreeSet<String> = rows("Limits").into_iter().map(|row| row[0].clone()).collect();
    let shouted = |word: &&str| word.len() > 4 && word.contains('_') && word.chars().all(|char| char.is_ascii_uppercase() || char == '_');
    for word in text.split('`').filter(shouted) {
        assert!(limits.contains(&format!("`{word}`")), "{word} is in no table of limits");
    }
}
