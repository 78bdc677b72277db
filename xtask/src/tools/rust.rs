//! Parts of the Rust toolchain.

use std::path::Path;

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::process;

/// A target's standard library.
pub(super) fn ensure_target(checkout: &Checkout, target: &str, why: &str) -> Result<()> {
    let library = process::output(checkout.command("rustc").args(["--print", "target-libdir", "--target", target]));
    if library.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    require_rustup(checkout, &format!("the target {target}"))?;
    process::step(&format!("rustup target add {target}"), why, || process::run(checkout.command("rustup").args(["target", "add", target])))
}

/// A component that adds a command to cargo.
pub(super) fn ensure_component(checkout: &Checkout, component: &str, subcommand: &str, why: &str) -> Result<()> {
    if process::output(&mut checkout.cargo(&[subcommand, "--version"])).is_some() {
        return Ok(());
    }
    require_rustup(checkout, component)?;
    process::step(&format!("rustup component add {component}"), why, || {
        process::run(checkout.command("rustup").args(["component", "add", component]))
    })
}

fn require_rustup(checkout: &Checkout, what: &str) -> Result<()> {
    if process::output(checkout.command("rustup").arg("--version")).is_none() {
        bail!(
            "{what} is missing, and there is no rustup to add it. \
             Install Rust from https://rustup.rs, or add {what} the way your Rust was installed."
        );
    }
    Ok(())
}
