//! Measurements of the server as it is deployed.

use std::ffi::OsString;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::tools::{self, Need};
use crate::{process, server};

/// Build server and load generator in release, and let the generator work.
pub(crate) fn run(checkout: &Checkout, arguments: &[OsString]) -> Result<()> {
    tools::ensure(checkout, &[Need::CCompiler])?;
    server::build_release(checkout, &["msr-server", "msr-bench"])?;
    let mut generator = std::process::Command::new(checkout.target("release/msr-bench"));
    process::run(generator.env("MSR_SERVER_BIN", checkout.target("release/msr-server")).args(arguments))
}
