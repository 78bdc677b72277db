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
    /// What it does without an error when it is there.
    proof: &'static [&'static str],
}

impl Program {
    const fn new(name: &'static str, package: &'static str, why: &'static str) -> Self {
        Self { name, package, why, proof: &["--version"] }
    }
}

pub(super) const C_COMPILER: Program = Program::new("cc", "build-essential", "compiles the TLS library of the server");
pub(super) const CHROMIUM: Program = Program::new("chromium", "chromium", "runs the tests of the page");
pub(super) const CHROMIUM_DRIVER: Program = Program::new("chromedriver", "chromium-driver", "drives the browser for wasm-pack");
pub(super) const PYTHON: Program = Program::new("python3", "python3", "runs the WebSocket cases and computes vectors");
pub(super) const PYTHON_VENV: Program = Program {
    proof: &["-c", "import ensurepip, venv"],
    ..Program::new("python3", "python3-venv", "keeps them apart from the Python of the system")
};
pub(super) const STRACE: Program = Program::new("strace", "strace", "kills a server at one system call");
pub(super) const FAKETIME: Program = Program::new("faketime", "faketime", "moves the clock of a server");

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

/// Install what is missing; where that cannot be, say so and go on.
pub(super) fn ensure_or_warn(checkout: &Checkout, programs: &[Program]) {
    if let Err(error) = ensure(checkout, programs) {
        println!("    tests will be skipped: {error:#}");
    }
}

fn is_there(checkout: &Checkout, program: &Program) -> bool {
    process::output(checkout.command(program.name).args(program.proof)).is_some()
}

fn has(checkout: &Checkout, program: &str) -> bool {
    process::output(checkout.command(program).arg("--version")).is_some()
}
