//! Tools from crates.io, in exactly the version that fits. One that is on the search path already is used; otherwise
//! it is installed inside the checkout, so that nothing else on the machine changes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::process;

/// A program that a crate installs.
pub(super) struct CrateTool {
    name: &'static str,
    program: &'static str,
    version: String,
    why: &'static str,
}

/// Builds the crate of the client for the page, and runs its tests in a browser.
pub(super) fn wasm_pack() -> CrateTool {
    CrateTool { name: "wasm-pack", program: "wasm-pack", version: "0.15.1".to_owned(), why: "builds the client for the page" }
}

/// Makes the bindings; it must have the version of the library that is compiled in.
pub(super) fn wasm_bindgen(checkout: &Checkout) -> Result<CrateTool> {
    let lock = fs::read_to_string(checkout.path("Cargo.lock")).context("cannot read Cargo.lock")?;
    let version = locked_version(&lock, "wasm-bindgen").context("Cargo.lock names no wasm-bindgen")?.to_owned();
    Ok(CrateTool {
        name: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version,
        why: "makes the bindings between WebAssembly and JavaScript",
    })
}

/// Checks licences, sources and banned dependencies.
pub(super) fn cargo_deny() -> CrateTool {
    CrateTool { name: "cargo-deny", program: "cargo-deny", version: "0.20.2".to_owned(), why: "checks what the project depends on" }
}

/// Builds and runs fuzz targets.
pub(super) fn cargo_fuzz() -> CrateTool {
    CrateTool { name: "cargo-fuzz", program: "cargo-fuzz", version: "0.13.2".to_owned(), why: "feeds the readers what it makes up" }
}

/// Install the tool unless it is there.
pub(super) fn ensure(checkout: &Checkout, tool: &CrateTool) -> Result<()> {
    if process::output(checkout.command(tool.program).arg("--version")).is_some_and(|text| is_version(&text, &tool.version)) {
        return Ok(());
    }
    process::step(&format!("cargo install {} {}", tool.name, tool.version), tool.why, || {
        let build = checkout.tools().join("build");
        install(checkout, tool, &build, &["--locked"]).or_else(|error| {
            println!(
                "    {error:#}\n    once more, with the dependencies this registry has: a mirror may lack those the tool was published with"
            );
            install(checkout, tool, &build, &[])
        })?;
        fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))
    })
}

fn install(checkout: &Checkout, tool: &CrateTool, build: &Path, options: &[&str]) -> Result<()> {
    let mut install = checkout.cargo(&["install", tool.name, "--version", &tool.version]);
    install.args(options).arg("--root").arg(checkout.tools()).env("CARGO_TARGET_DIR", build);
    // Waiting for the compiler costs more here than these tools ever win back by being optimised.
    install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
    install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    process::run(&mut install)
}

/// The version of a package in the text of a Cargo.lock.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

/// Whether `program 1.2.3` or `program 1.2.3 (more)` names this version.
fn is_version(text: &str, version: &str) -> bool {
    text.split_whitespace().nth(1) == Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_the_version() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.3\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.3"));
        assert_eq!(locked_version(lock, "wasm"), None);
    }

    #[test]
    fn versions_are_compared_whole() {
        assert!(is_version("wasm-pack 0.15.1", "0.15.1"));
        assert!(is_version("wasm-bindgen 0.2.3 (abcdef 2026-01-01)", "0.2.3"));
        assert!(!is_version("wasm-pack 0.15.10", "0.15.1"));
    }
}
