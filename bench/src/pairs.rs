//! Pairs of connections: one sends to the other, with a window of messages on their way.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, value_parser};

use crate::connection::register;
use crate::flow::{self, Flow};
use crate::frame::client_text;
use crate::person::Person;
use crate::report::Report;
use crate::server::Server;

/// How many pairs, and what they send.
#[derive(Args)]
pub(crate) struct Pairs {
    /// How many pairs.
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u64).range(1..=2_000))]
    pairs: u64,
    /// The content of a message, in bytes.
    #[arg(long, default_value_t = 128, value_parser = value_parser!(u64).range(2..=1_000_000))]
    bytes: u64,
    /// How many messages of a pair are on their way at once; 1 waits for each.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u64).range(1..=4_000))]
    window: u64,
    /// How long, in seconds.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u64).range(1..=600))]
    seconds: u64,
}

impl Pairs {
    pub(crate) async fn run(&self, server: &Server) -> Result<Report> {
        let Self { pairs, bytes, window, seconds } = *self;
        let mut flows = Vec::new();
        let mut frame_bytes = 0;
        for nth in 0..usize::try_from(pairs)? {
            let (from, to) = (Person::numbered(2 * nth), Person::numbered(2 * nth + 1));
            let (sender, sender_side) = register(server, &from).await?;
            let (_, receiver) = register(server, &to).await?;
            let frame = client_text(&from.message(&[to.credential], usize::try_from(bytes)?));
            frame_bytes = frame.len();
            flows.push(Flow { sender, sender_side, receivers: vec![receiver], frame, window });
        }
        let passed = flow::run(server, flows, Duration::from_secs(seconds)).await?;
        let delivered = passed.delivered as f64;
        let mut report = Report::new(format!("{pairs} pairs, {bytes} bytes of content, window {window}, {seconds} s"));
        report.figure("frame", frame_bytes as f64, "bytes");
        report.figure("messages", delivered / passed.seconds, "/s");
        report.figure("messages a server CPU-second", passed.server_seconds.map(|cpu| delivered / cpu), "/CPU-s");
        report.figure("server CPU", passed.server_seconds.map(|cpu| cpu / passed.seconds), "cores");
        report.figure("server memory", server.resident_bytes().map(|bytes| bytes as f64 / (1024.0 * 1024.0)), "MiB");
        Ok(report)
    }
}
