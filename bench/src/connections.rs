//! What an idle connection costs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, value_parser};
use tokio::task::JoinSet;

use crate::connection::{Receiver, register};
use crate::person::Person;
use crate::report::Report;
use crate::server::Server;

/// How many connections are opened at a time.
const AT_ONCE: usize = 128;

/// What warms the server up, so that what it allocates once is not taken for the price of a connection.
const WARM_UP: usize = 20;

/// How many connections.
#[derive(Args)]
pub(crate) struct Connections {
    /// How many connections, each of another peer.
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=100_000))]
    count: u64,
    /// How long they idle before the memory is read, in seconds.
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u64).range(0..=600))]
    seconds: u64,
}

impl Connections {
    pub(crate) async fn run(&self, server: &Server) -> Result<Report> {
        let count = usize::try_from(self.count)?;
        let mut idle: JoinSet<Result<()>> = JoinSet::new();
        let warm = open(server, 0..WARM_UP).await?;
        warm.into_iter().for_each(|receiver| drop(idle.spawn(receiver.idle())));
        let (before, cpu_before, started) = (server.resident_bytes(), server.cpu_seconds(), Instant::now());
        let receivers = open(server, WARM_UP..WARM_UP + count).await?;
        let (seconds, cpu_after) = (started.elapsed().as_secs_f64(), server.cpu_seconds());
        receivers.into_iter().for_each(|receiver| drop(idle.spawn(receiver.idle())));
        match tokio::time::timeout(Duration::from_secs(self.seconds), idle.join_next()).await {
            Err(_) | Ok(None) => {}
            Ok(Some(ended)) => ended?.context("a connection ended while it idled")?,
        }
        let after = server.resident_bytes();
        let grown = before.zip(after).map(|(before, after)| after as f64 - before as f64);
        let mut report = Report::new(format!("{count} idle registered connections"));
        report.figure("memory a connection", grown.map(|bytes| bytes / count as f64 / 1024.0), "KiB");
        report.figure("server memory before", before.map(|bytes| bytes as f64 / 1024.0), "KiB");
        report.figure("server memory after", after.map(|bytes| bytes as f64 / 1024.0), "KiB");
        report.figure("registrations", count as f64 / seconds, "/s");
        let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after - before);
        report.figure("registrations a server CPU-second", cpu.map(|cpu| count as f64 / cpu), "/CPU-s");
        Ok(report)
    }
}

/// Registers these, some at a time.
async fn open(server: &Server, numbers: std::ops::Range<usize>) -> Result<Vec<Receiver>> {
    let mut opening: JoinSet<Result<Receiver>> = JoinSet::new();
    let mut open = Vec::with_capacity(numbers.len());
    for number in numbers {
        if opening.len() >= AT_ONCE
            && let Some(receiver) = opening.join_next().await
        {
            open.push(receiver??);
        }
        let server = server.address();
        opening.spawn(async move { Ok(register(&server, &Person::numbered(number)).await?.1) });
    }
    while let Some(receiver) = opening.join_next().await {
        open.push(receiver??);
    }
    Ok(open)
}
