//! The `msr-server` program: configuration, log, server, signals.

use std::io::Write as _;
use std::process::ExitCode;

use msr_server::config::{Config, ConfigError};
use msr_server::server::Server;
use msr_server::signals::Signals;
use msr_server::{log, open_files};

/// What the process exits with when its configuration is not usable.
const CONFIGURATION: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let mut config = match Config::from_process() {
        Ok(config) => config,
        Err(ConfigError::Usage(usage)) => usage.exit(),
        Err(error) => return fail(&error, CONFIGURATION),
    };
    log::start(&config);
    config.max_connections = open_files::make_room(config.max_connections);
    let signals = match Signals::catch() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, 1),
    };
    let server = match Server::bind(config).await {
        Ok(server) => server,
        Err(error) => return fail(&error, error.exit_code()),
    };
    // Scripts wait for this line. That nobody reads it is no reason to stop.
    let _ = writeln!(std::io::stdout(), "listening on {}", server.url());
    match server.run(first_of(signals)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// Waits for the first signal; from then on a second one ends the process at once.
async fn first_of(mut signals: Signals) {
    let signal = signals.next().await;
    tracing::info!(signal, "stopping");
    tokio::spawn(async move {
        let signal = signals.next().await;
        tracing::warn!(signal, "asked twice: stopping at once");
        std::process::exit(1);
    });
}

fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "msr-server: {error}");
    ExitCode::from(code)
}
