//! Messages that wait for devices that are away: what they cost, and how fast a server is back with them.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::{Args, value_parser};
use msr_protocol::v2::{Frame, List, Rest, Varint};
use tokio::task::JoinSet;

use crate::device::Device;
use crate::person::Person;
use crate::report::Report;
use crate::server::Server;

/// How many devices register at a time, and how many send.
const AT_ONCE: usize = 64;
const SENDERS: usize = 16;

/// How many messages a sender has on their way to the disk at once.
const BATCH: usize = 500;

const A_DAY_MS: u64 = 24 * 3_600_000;
const MIB: f64 = 1024.0 * 1024.0;

/// How many messages, for how many devices.
#[derive(Args)]
pub(crate) struct Backlog {
    /// How many messages, each for one device.
    #[arg(long, default_value_t = 1_000_000, value_parser = value_parser!(u64).range(1..=100_000_000))]
    messages: u64,
    /// How many devices, each of another peer, all away.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(1..=1_000_000))]
    devices: u64,
    /// The payload of a message, in bytes.
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u64).range(1..=30_000))]
    bytes: u64,
}

impl Backlog {
    pub(crate) async fn run(&self, server: Server) -> Result<Report> {
        let Self { messages, devices, bytes } = *self;
        let mut report = Report::new(format!("{messages} messages of {bytes} bytes wait for {devices} devices"));
        let count = usize::try_from(devices)?;
        let started = Instant::now();
        register(&server, SENDERS..SENDERS + count).await?;
        report.figure("devices registered", devices as f64 / started.elapsed().as_secs_f64(), "/s");
        report.figure("memory before", mebibytes(&server), "MiB");
        let started = Instant::now();
        let accepted = self.fill(&server).await?;
        ensure!(accepted == messages, "{accepted} of {messages} were accepted");
        report.figure("accepted", accepted as f64 / started.elapsed().as_secs_f64(), "/s");
        report.figure("memory with all of them waiting", mebibytes(&server), "MiB");
        report.figure("on disk", server.stored_bytes()?.map(|bytes| bytes as f64 / MIB), "MiB");

        let (server, restart) = server.restart().await?;
        report.figure("restart after a kill", restart.as_secs_f64(), "s");
        report.figure("memory after the restart", mebibytes(&server), "MiB");
        let first = first_message(&server, devices, messages / devices).await?;
        report.figure("first device: from connecting to its first message", first.as_secs_f64() * 1_000.0, "ms");
        report.figure("memory then", mebibytes(&server), "MiB");
        Ok(report)
    }

    async fn fill(&self, server: &Server) -> Result<u64> {
        let mut sending: JoinSet<Result<u64>> = JoinSet::new();
        let share = self.messages.div_ceil(SENDERS as u64);
        for sender in 0..SENDERS as u64 {
            let (first, end) = (sender * share, ((sender + 1) * share).min(self.messages));
            let (server, devices, bytes) = (server.address(), self.devices, usize::try_from(self.bytes)?);
            sending.spawn(async move { send(&server, sender, first..end, devices, bytes).await });
        }
        let mut accepted = 0;
        while let Some(sent) = sending.join_next().await {
            accepted += sent??;
        }
        Ok(accepted)
    }
}

/// Each comes, and goes: from then on it is known.
async fn register(server: &Server, numbers: std::ops::Range<usize>) -> Result<()> {
    let mut registering: JoinSet<Result<()>> = JoinSet::new();
    for number in numbers {
        if registering.len() >= AT_ONCE
            && let Some(done) = registering.join_next().await
        {
            done??;
        }
        let server = server.address();
        registering.spawn(async move { Device::register(&server, &Person::numbered(number)).await.map(drop) });
    }
    while let Some(done) = registering.join_next().await {
        done??;
    }
    Ok(())
}

/// Sends messages of these numbers in turn to every device; gives how many were accepted.
async fn send(server: &Server, sender: u64, numbers: std::ops::Range<u64>, devices: u64, bytes: usize) -> Result<u64> {
    let mut connection = Device::register(server, &Person::numbered(usize::try_from(sender)?)).await?;
    let payload = vec![b'x'; bytes];
    let (mut sent, mut accepted) = (0, 0);
    for batch in numbers.collect::<Vec<_>>().chunks(BATCH) {
        let mut out = Vec::new();
        for number in batch {
            sent += 1;
            let recipient = Person::numbered(SENDERS + usize::try_from(number % devices)?).credential;
            let frame = Frame::Send {
                number: Varint(sent),
                flags: 4,
                expire_after_ms: Varint(A_DAY_MS),
                recipients: List(vec![recipient]),
                device_headers: List(Vec::new()),
                reply_to: None,
                subject: "\"bench\"",
                payload: Rest(&payload),
            };
            frame.write(&mut out);
        }
        connection.say(&out).await?;
        let mut refused = None;
        while accepted < sent && refused.is_none() {
            connection
                .hear(|frame| match frame {
                    Frame::Accepted { exceptions, .. } if exceptions.0.is_empty() => accepted += 1,
                    Frame::Accepted { exceptions, .. } => refused = Some(exceptions.0[0].code),
                    Frame::Rejected { code, .. } => refused = Some(code),
                    _ => {}
                })
                .await?;
        }
        if let Some(code) = refused {
            bail!("a message was refused with {code}");
        }
    }
    Ok(accepted)
}

/// The last device to have got something is the one that connects.
async fn first_message(server: &Server, devices: u64, waiting: u64) -> Result<Duration> {
    let person = Person::numbered(SENDERS + usize::try_from(devices)? - 1);
    let started = Instant::now();
    let mut device = Device::register(server, &person).await?;
    ensure!(device.waiting >= waiting, "{} of {waiting} wait for a device", device.waiting);
    let mut came = false;
    while !came {
        device.hear(|frame| came |= matches!(frame, Frame::Deliver { .. })).await?;
    }
    Ok(started.elapsed())
}

fn mebibytes(server: &Server) -> Option<f64> {
    server.resident_bytes().map(|bytes| bytes as f64 / MIB)
}
