//! Programs that Debian packages. They are installed for root, in one go; everyone else is told what to install.

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::process;

/// A program and the package that brings it.
#[derive(Clone, Copy)]
pub(super) struct Program {
    name: &'static str,
    package: &'static str,
    why: &'static str,
}

pub(super) const C_COMPILER: Program = Program { name: "cc", package: "build-essential", why: "compiles the TLS library of the server" };
pub(super) const CHROMIUM: Program = Program { name: "chromium", package: "chromium", why: "runs the tests of the page" };
pub(super) const CHROMIUM_DRIVER: Program =
    Program { name: "chromedriver", package: "chromium-driver", why: "drives the browser for wasm-pack" };

/// Install what is missing.
pub(super) fn ensure(checkout: &Checkout, programs: &[Program]) -> Result<()> {
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(checkout, program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.iter().map(|program| program.package).collect::<Vec<_>>().join(" ");
    let reasons = missing.iter().map(|program| format!("`{}` {}", program.name, program.why)).collect::<Vec<_>>().join("; ");
    if !has(checkout, "apt-get") {
        bail!("missing on the search path: {reasons}. Install them the way your system does (on Debian: {packages}).");
    }
    if process::output(checkout.command("id").arg("-u")).as_deref() != Some("0") {
        bail!("missing: {reasons}. As root: apt-get update && apt-get install --no-install-recommends {packages}");
    }
    process::step(&format!("apt-get install {packages}"), &reasons, || {
        process::run(checkout.command("apt-get").args(["update", "-qq"]))?;
        let mut install = checkout.command("apt-get");
        install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-qq", "--no-install-recommends"]);
        process::run(install.args(missing.iter().map(|program| program.package)))
    })
}

fn is_there(checkout: &Checkout, program: &Program) -> bool {
    has(checkout, program.name)
}

fn has(checkout: &Checkout, program: &str) -> bool {
    process::output(checkout.command(program).arg("--version")).is_some()
}
