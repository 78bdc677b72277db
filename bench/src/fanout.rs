//! One connection sends to many.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, value_parser};

use crate::connection::register;
use crate::flow::{self, Flow};
use crate::frame::client_text;
use crate::person::Person;
use crate::report::Report;
use crate::server::Server;

/// How many receive, and what.
#[derive(Args)]
pub(crate) struct Fanout {
    /// How many connections receive each message.
    #[arg(long, default_value_t = 500, value_parser = value_parser!(u64).range(1..=5_000))]
    receivers: u64,
    /// How many of them share a credential: a message spells out every credential it is for.
    #[arg(long, default_value_t = 50, value_parser = value_parser!(u64).range(1..=64))]
    share: u64,
    /// The content of a message, in bytes.
    #[arg(long, default_value_t = 128, value_parser = value_parser!(u64).range(2..=1_000_000))]
    bytes: u64,
    /// How many messages are on their way at once.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u64).range(1..=4_000))]
    window: u64,
    /// How long, in seconds.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u64).range(1..=600))]
    seconds: u64,
}

impl Fanout {
    pub(crate) async fn run(&self, server: &Server) -> Result<Report> {
        let Self { receivers, share, bytes, window, seconds } = *self;
        let people: Vec<Person> = (1..=usize::try_from(receivers.div_ceil(share))?).map(Person::numbered).collect();
        let mut sides = Vec::new();
        for nth in 0..usize::try_from(receivers)? {
            let (_, receiver) = register(server, &people[nth % people.len()]).await?;
            sides.push(receiver);
        }
        let from = Person::numbered(0);
        let (sender, sender_side) = register(server, &from).await?;
        let to: Vec<_> = people.iter().map(|person| person.credential).collect();
        let frame = client_text(&from.message(&to, usize::try_from(bytes)?));
        let frame_bytes = frame.len();
        let flow = Flow { sender, sender_side, receivers: sides, frame, window };
        let passed = flow::run(server, vec![flow], Duration::from_secs(seconds)).await?;
        let delivered = passed.delivered as f64;
        let mut report = Report::new(format!("1 to {receivers}, {bytes} bytes of content, window {window}, {seconds} s"));
        report.figure("frame", frame_bytes as f64, "bytes");
        report.figure("deliveries", delivered / passed.seconds, "/s");
        report.figure("deliveries a server CPU-second", passed.server_seconds.map(|cpu| delivered / cpu), "/CPU-s");
        report.figure("server CPU", passed.server_seconds.map(|cpu| cpu / passed.seconds), "cores");
        report.figure("server memory", server.resident_bytes().map(|bytes| bytes as f64 / (1024.0 * 1024.0)), "MiB");
        Ok(report)
    }
}
