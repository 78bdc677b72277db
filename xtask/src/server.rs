//! The server, built for use and started in the foreground.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};

use crate::address::Settings;
use crate::checkout::Checkout;
use crate::tools::{self, Need};
use crate::{package, process};

/// Build package and server, then become the server.
pub(crate) fn run(checkout: &Checkout, arguments: &[OsString]) -> Result<()> {
    let settings = Settings::read(arguments, |name| env::var(name).ok());
    // Before the build, which takes much longer than to say so.
    settings.require_free_port()?;
    tools::ensure(checkout, &[Need::CCompiler, Need::Package])?;
    package::build(checkout)?;
    build_release(checkout, &["msr-server"])?;

    // From here on nothing is ours: paths among the arguments start where this command was called.
    let mut server = Command::new(checkout.target("release/msr-server"));
    server.args(arguments);
    if settings.in_file() {
        println!("\n    Starting the server as its configuration file says. Ctrl-C stops it.\n");
    } else {
        if !settings.has_store() {
            server.env("DBSRC", checkout.target("msr-data"));
        }
        println!("\n    Open {} in two windows, sign in under two names, and talk. Ctrl-C stops the server.\n", settings.url());
    }
    replace_this_process(&mut server)
}

/// Build these packages as they are deployed.
pub(crate) fn build_release(checkout: &Checkout, packages: &[&str]) -> Result<()> {
    process::step("cargo build --release", "the first time takes a few minutes", || {
        let mut build = checkout.cargo_locked(&["build", "--release"]);
        for package in packages {
            build.args(["--package", package]);
        }
        process::run(&mut build)
    })
}

/// So that signals reach the server itself, and its exit status is ours.
#[cfg(unix)]
fn replace_this_process(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).with_context(|| format!("cannot start {}", command.get_program().display()))
}

#[cfg(not(unix))]
fn replace_this_process(command: &mut Command) -> Result<()> {
    process::run(command)
}
