//! Measures a msgsrouter server: with clients of dialect A what a connection costs, and how many messages pass; with
//! devices of version 2 what messages cost that wait.
//!
//! Without `--server` it starts a server of its own, on a free port and with an empty store, and reads its memory and its
//! processor time from `/proc`. Every run is bounded in connections and in time.
#![allow(clippy::print_stdout)] // the report is what this program is for

mod backlog;
mod connection;
mod connections;
mod device;
mod fanout;
mod flow;
mod frame;
mod pairs;
mod person;
mod report;
mod server;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::report::Report;
use crate::server::Server;

#[derive(Parser)]
#[command(name = "msr-bench", version, about = "Measures a msgsrouter server")]
struct Arguments {
    /// A running server (ws://host:port). Without it one is started: $MSR_SERVER_BIN, or `msr-server` beside this program.
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    /// The process id of that server, if it runs on this machine: for its memory and its processor time.
    #[arg(long, global = true, value_name = "PID")]
    pid: Option<u32>,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What an idle, registered connection costs, and how fast they register.
    Connections(connections::Connections),
    /// Pairs in which one sends to the other.
    Pairs(pairs::Pairs),
    /// One sends to many.
    Fanout(fanout::Fanout),
    /// Messages that wait for devices that are away: memory, disk, restart. Only for a server of its own.
    Backlog(backlog::Backlog),
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let server = match &arguments.server {
        Some(url) => Server::running(url, arguments.pid)?,
        None => Server::start().await?,
    };
    let report: Report = match &arguments.what {
        What::Connections(connections) => connections.run(&server).await?,
        What::Pairs(pairs) => pairs.run(&server).await?,
        What::Fanout(fanout) => fanout.run(&server).await?,
        What::Backlog(backlog) => backlog.run(server).await?,
    };
    println!("{}", if arguments.json { report.to_json() } else { report.to_text() });
    Ok(())
}
