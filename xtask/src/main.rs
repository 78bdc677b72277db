//! The commands of the README: each does all its own set-up, from any folder of the checkout, any number of times.
//!
//! This is the first thing a stranger compiles, so it depends on little. It decides what to run and in which order;
//! the work itself is done by cargo, wasm-pack, npm and Node.

#![allow(clippy::print_stdout, reason = "what a command prints is what it is for")]

mod address;
mod bench;
mod checkout;
mod checks;
mod fuzz;
mod package;
mod process;
mod server;
mod size;
mod soak;
mod stamp;
mod tools;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::checkout::Checkout;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Builds, runs and tests msgsrouter.")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the npm package and the server, start the server, print its address
    Run {
        /// Arguments for the server, as in `cargo xtask run -- --port 8080`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        server: Vec<OsString>,
    },
    /// Run every check and every test
    Test {
        /// Run this step alone, with the steps it builds on; may be repeated
        #[arg(long, value_name = "STEP", value_parser = checks::names())]
        only: Vec<String>,
    },
    /// Build the npm package in pkg/ and print its size
    Pkg,
    /// Look for known vulnerabilities in the dependencies (needs the network)
    Advisories,
    /// Kill the server and its clients under load, and check that nothing is lost, doubled or out of order
    Soak(soak::Soak),
    /// Feed what reads from outside and from the disk with what a fuzzer makes up
    Fuzz(fuzz::Fuzz),
    /// Measure a release build of the server
    Bench {
        /// Arguments for the load generator; `cargo xtask bench -- --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        generator: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let checkout = Checkout::locate()?;
    match task {
        Task::Run { server } => server::run(&checkout, &server),
        Task::Test { only } => checks::run(&checkout, &only),
        Task::Pkg => package::build(&checkout),
        Task::Advisories => checks::advisories(&checkout),
        Task::Soak(soak) => soak::run(&checkout, &soak),
        Task::Fuzz(fuzz) => fuzz::run(&checkout, &fuzz),
        Task::Bench { generator } => bench::run(&checkout, &generator),
    }
}
