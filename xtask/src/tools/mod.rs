//! What must be on the machine, and how to get it. Each thing is looked for first and fetched only when missing.

mod crates;
mod debian;
mod node;
mod python;
mod rust;

use anyhow::Result;

pub(crate) use crate::tools::node::install_packages;
pub(crate) use crate::tools::python::{kosoku, python_with_openssl};

use crate::checkout::Checkout;

/// What a command needs besides Rust itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A C compiler, for the TLS library of the server.
    CCompiler,
    /// Node and npm, the WebAssembly target, wasm-pack and wasm-bindgen.
    Package,
    /// rustfmt and clippy.
    Lints,
    /// cargo-deny.
    Deny,
    /// Chromium and its driver.
    Browser,
    /// Autobahn's WebSocket cases, and Python for them.
    WebSocketCases,
    /// OpenSSL, and Python for it.
    OpenSsl,
    /// strace and faketime. Tests that need them are skipped where they are not.
    Faults,
    /// cargo-fuzz.
    Fuzz,
}

/// Make sure that everything needed is there, or say what to install.
pub(crate) fn ensure(checkout: &Checkout, needs: &[Need]) -> Result<()> {
    let needed = |need| needs.contains(&need);

    let mut programs = Vec::new();
    if needed(Need::CCompiler) {
        programs.push(debian::C_COMPILER);
    }
    if needed(Need::Browser) {
        programs.extend([debian::CHROMIUM, debian::CHROMIUM_DRIVER]);
    }
    if needed(Need::WebSocketCases) || needed(Need::OpenSsl) {
        programs.extend([debian::PYTHON, debian::PYTHON_VENV]);
    }
    debian::ensure(checkout, &programs)?;
    if needed(Need::Faults) {
        debian::ensure_or_warn(checkout, &[debian::STRACE, debian::FAKETIME]);
    }

    if needed(Need::Lints) {
        rust::ensure_component(checkout, "rustfmt", "fmt", "keeps the code in one shape")?;
        rust::ensure_component(checkout, "clippy", "clippy", "finds common mistakes")?;
    }
    if needed(Need::Package) {
        node::ensure(checkout)?;
        rust::ensure_target(checkout, "wasm32-unknown-unknown", "the client runs in the page as WebAssembly")?;
        crates::ensure(checkout, &crates::wasm_bindgen(checkout)?)?;
        crates::ensure(checkout, &crates::wasm_pack())?;
    }
    if needed(Need::WebSocketCases) {
        python::ensure_kosoku(checkout)?;
    }
    if needed(Need::OpenSsl) {
        python::ensure_openssl(checkout)?;
    }
    if needed(Need::Fuzz) {
        crates::ensure(checkout, &crates::cargo_fuzz())?;
    }
    if needed(Need::Deny) {
        crates::ensure(checkout, &crates::cargo_deny())?;
    }
    Ok(())
}
