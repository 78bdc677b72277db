//! `cargo xtask soak`: the server and its clients killed under load for as long as one likes.

use std::process::Command;

use anyhow::Result;

use crate::checkout::Checkout;
use crate::tools::{self, Need};
use crate::{process, server};

/// How long, and with what.
#[derive(clap::Args)]
pub(crate) struct Soak {
    /// For how many minutes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// How many devices
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(5..=1_000))]
    devices: u64,
    /// Repeats what was chosen at random; printed by each run
    #[arg(long)]
    seed: Option<u64>,
}

/// Build server and devices in release, and let them suffer.
pub(crate) fn run(checkout: &Checkout, soak: &Soak) -> Result<()> {
    tools::ensure(checkout, &[Need::CCompiler])?;
    server::build_release(checkout, &["msr-server", "msr-tests"])?;
    let mut command = Command::new(checkout.target("release/soak"));
    command.env("MSR_SERVER_BIN", checkout.target("release/msr-server"));
    command.args(["--minutes", &soak.minutes.to_string(), "--devices", &soak.devices.to_string()]);
    if let Some(seed) = soak.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    process::run(&mut command)
}
