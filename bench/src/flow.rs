//! Keeps a bounded number of messages on their way, and counts what arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::connection::{Receiver, Sender};
use crate::server::Server;

/// How long messages pass before the measurement begins.
const WARM_UP: Duration = Duration::from_millis(500);

/// Who sends, what, and to whom it goes.
pub(crate) struct Flow {
    pub(crate) sender: Sender,
    pub(crate) sender_side: Receiver,
    pub(crate) receivers: Vec<Receiver>,
    /// The frame, sent again and again.
    pub(crate) frame: Vec<u8>,
    /// How many messages may be on their way to the slowest receiver.
    pub(crate) window: u64,
}

/// What passed.
pub(crate) struct Passed {
    /// Messages delivered.
    pub(crate) delivered: u64,
    /// In so many seconds.
    pub(crate) seconds: f64,
    /// The processor seconds of the server meanwhile, if they could be read.
    pub(crate) server_seconds: Option<f64>,
}

/// What one flow has delivered so far, each receiver by itself.
struct Progress {
    received: Vec<AtomicU64>,
    changed: Notify,
}

impl Progress {
    fn slowest(&self) -> u64 {
        self.received.iter().map(|count| count.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    fn total(&self) -> u64 {
        self.received.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// Lets all flows run for so long.
pub(crate) async fn run(server: &Server, flows: Vec<Flow>, time: Duration) -> Result<Passed> {
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    let mut all = Vec::new();
    for flow in flows {
        let progress = Arc::new(Progress { received: flow.receivers.iter().map(|_| AtomicU64::new(0)).collect(), changed: Notify::new() });
        all.push(Arc::clone(&progress));
        for (nth, receiver) in flow.receivers.into_iter().enumerate() {
            tasks.spawn(receive(receiver, Arc::clone(&progress), nth));
        }
        tasks.spawn(flow.sender_side.idle());
        tasks.spawn(send(flow.sender, flow.frame, flow.window, progress));
    }
    let total = || all.iter().map(|progress| progress.total()).sum::<u64>();
    for_time(&mut tasks, WARM_UP).await?;
    let (before, server_before, started) = (total(), server.cpu_seconds(), Instant::now());
    for_time(&mut tasks, time).await?;
    let (after, server_after, seconds) = (total(), server.cpu_seconds(), started.elapsed().as_secs_f64());
    let server_seconds = server_before.zip(server_after).map(|(before, after)| after - before);
    Ok(Passed { delivered: after - before, seconds, server_seconds })
}

/// Lets the tasks run; none of them may end.
async fn for_time(tasks: &mut JoinSet<Result<()>>, time: Duration) -> Result<()> {
    match tokio::time::timeout(time, tasks.join_next()).await {
        Err(_) | Ok(None) => Ok(()),
        Ok(Some(ended)) => ended?.context("a connection ended while messages passed"),
    }
}

async fn receive(mut receiver: Receiver, progress: Arc<Progress>, nth: usize) -> Result<()> {
    loop {
        let texts = receiver.batch(|_| {}).await?;
        progress.received[nth].fetch_add(texts, Ordering::Release);
        progress.changed.notify_one();
    }
}

/// Fills the window whenever half of it is free: one write for many messages.
async fn send(sender: Sender, frame: Vec<u8>, window: u64, progress: Arc<Progress>) -> Result<()> {
    let full: Vec<u8> = frame.repeat(usize::try_from(window)?);
    let mut sent = 0;
    loop {
        let on_their_way = sent - progress.slowest();
        if on_their_way > window / 2 {
            progress.changed.notified().await;
            continue;
        }
        let free = window - on_their_way;
        sender.lock().await.write_all(&full[..frame.len() * usize::try_from(free)?]).await?;
        sent += free;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_receiver_counts() {
        let progress = Progress { received: vec![AtomicU64::new(7), AtomicU64::new(3)], changed: Notify::new() };
        assert_eq!((progress.slowest(), progress.total()), (3, 10));
    }
}
