//! Autobahn's WebSocket cases against the listener and the WebSocket of the server, with an echo behind them.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::checkout::Checkout;
use crate::{process, tools};

/// Extensions nobody here offers: compression.
const LEFT_OUT: [&str; 2] = ["12.*", "13.*"];

/// Ended when dropped.
struct Echo(Child);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds the echo, starts it, and runs every case.
pub(super) fn run(checkout: &Checkout) -> Result<()> {
    let build = ["build", "--package", "msr-server", "--features", "conformance", "--example", "echo"];
    process::run(&mut checkout.cargo_locked(&build))?;
    let mut echo = Command::new(checkout.target("debug/examples/echo"));
    let mut echo = Echo(echo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start the echo")?);
    let mut line = String::new();
    BufReader::new(echo.0.stdout.take().context("the echo has no output")?).read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening on ").context("the echo does not say where it listens")?;
    let mut kosoku = Command::new(tools::kosoku(checkout));
    kosoku.args(["-m", "fuzzingclient", "-o"]).arg(checkout.target("conformance"));
    for cases in LEFT_OUT {
        kosoku.args(["-x", cases]);
    }
    process::run(kosoku.arg(address))
}
