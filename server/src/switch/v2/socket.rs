//! Between a WebSocket and its [`Connection`] of version 2: frames in, frames out, time-outs. All that waits is here.
//!
//! As with version 1, three things go on in the one task of a connection: reading, writing, and watching that somebody
//! is there. Reading rests while too much of the connection waits for the disk, while it does not read its answers, and
//! while it has sent more than its rate allows: whoever sends faster is slowed down, not cut off. Many frames go into
//! one WebSocket message and one flush.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt as _, StreamExt as _};
use msr_protocol::limits::REGISTRATION_TIMEOUT_MS;
use msr_protocol::{Code, Credential};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::connection::Connection;
use super::limits;
use super::transfers::Transfers;
use crate::delivery::Outgoing;
use crate::switch::ending::Ending;
use crate::switch::heard::Heard;
use crate::switch::limits as switch_limits;
use crate::switch::queue::{Due, SendQueue};
use crate::switch::websocket::{Sink, Stream, close, ending_of};

/// What the three parts of a connection tell each other.
struct Pace {
    opened: Instant,
    /// Bytes came.
    bytes: Heard,
    /// When the other side was last heard, in ms since the opening.
    heard_ms: AtomicU64,
    /// When a message, or the answer to a ping, came whole.
    message_ms: AtomicU64,
    /// Nobody is listening: silence means nothing.
    resting: AtomicBool,
    /// Something was written.
    written: Notify,
    /// Who is registered, for whoever reports its progress.
    registered: OnceLock<Credential>,
}

impl Pace {
    fn new(bytes: Heard) -> Self {
        Self {
            opened: Instant::now(),
            bytes,
            heard_ms: AtomicU64::new(0),
            message_ms: AtomicU64::new(0),
            resting: AtomicBool::new(false),
            written: Notify::new(),
            registered: OnceLock::new(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A message came whole.
    fn hear(&self) {
        let now_ms = self.now_ms();
        self.heard_ms.store(now_ms, Ordering::Relaxed);
        self.message_ms.store(now_ms, Ordering::Relaxed);
        self.bytes.take();
    }

    /// When the other side was last heard. Of bytes that are no message yet it is known only that they came since the
    /// last question.
    fn heard(&self) -> Instant {
        if self.bytes.take() {
            self.heard_ms.store(self.now_ms(), Ordering::Relaxed);
        }
        self.opened + Duration::from_millis(self.heard_ms.load(Ordering::Relaxed))
    }

    /// Whether bytes have come for too long without making a message.
    fn is_stuck(&self) -> bool {
        self.now_ms() - self.message_ms.load(Ordering::Relaxed) >= switch_limits::MESSAGE_TIMEOUT_MS
    }

    /// Reading rests for as long as this takes.
    async fn rest(&self, until: impl Future<Output = ()>) {
        self.resting.store(true, Ordering::Relaxed);
        until.await;
        self.hear();
        self.resting.store(false, Ordering::Relaxed);
    }
}

/// Serves a connection from the opening of its socket to the end.
pub(in crate::switch) async fn attend(socket: WebSocket, mut connection: Connection, heard: Heard) {
    let (mut sink, mut stream) = socket.split();
    let queue = Arc::clone(connection.queue());
    let transfers = Transfers::new(connection.queues().clone(), connection.name());
    let pace = Pace::new(heard);
    let ending = tokio::select! {
        biased;
        ending = read(&mut stream, &mut connection, &pace) => ending,
        ending = watch(&queue, &pace) => ending,
        ending = write(&mut sink, &queue, transfers, &pace) => ending,
    };
    connection.end(Ending::Gone);
    connection.leave(ending);
    // Whoever does not take part in the closing handshake is left.
    let _ = timeout(Duration::from_millis(switch_limits::CLOSE_TIMEOUT_MS), close(&mut sink, &mut stream, ending)).await;
}

/// Reads until the other side is gone. When the connection is to end for another reason, whoever writes knows.
async fn read(stream: &mut Stream, connection: &mut Connection, pace: &Pace) -> Ending {
    let deadline = Instant::now() + Duration::from_millis(REGISTRATION_TIMEOUT_MS);
    let registration = async {
        while connection.registered.is_none() {
            read_message(stream, connection, pace).await?;
        }
        Ok::<(), Ending>(())
    };
    match timeout_at(deadline, registration).await {
        Ok(Ok(())) => {}
        Ok(Err(ending)) => return ending,
        Err(_elapsed) => connection.time_out(),
    }
    if let Some(credential) = connection.registered {
        let _ = pace.registered.set(credential);
    }
    loop {
        for _ in 0..switch_limits::READS_PER_TURN {
            wait_for_room(connection, pace).await;
            if let Err(ending) = read_message(stream, connection, pace).await {
                return ending;
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn read_message(stream: &mut Stream, connection: &mut Connection, pace: &Pace) -> Result<(), Ending> {
    if connection.queue().is_ending() {
        return pending().await;
    }
    let message = stream.next().await;
    pace.hear();
    match message {
        Some(Ok(Message::Binary(frames))) => connection.receive(&frames),
        Some(Ok(Message::Text(_))) => connection.refuse(Code::BadMessage),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => connection.receive_control(),
        Some(Ok(Message::Close(_))) | None => return Err(Ending::Gone),
        Some(Err(error)) => match ending_of(error) {
            Ending::Gone => return Err(Ending::Gone),
            ending => connection.end(ending),
        },
    }
    Ok(())
}

/// Rests until the connection may be read again.
async fn wait_for_room(connection: &mut Connection, pace: &Pace) {
    if let Some(debt) = connection.allowance.debt(Instant::now()) {
        pace.rest(sleep(debt)).await;
    }
    while connection.queue().bytes() > limits::READ_PAUSE_BYTES && !connection.queue().is_ending() {
        pace.rest(pace.written.notified()).await;
    }
    if !connection.queues().has_room(connection.name()) {
        pace.rest(connection.queues().room(connection.name())).await;
    }
}

/// Ends when nothing was heard for two heartbeats, or no message came whole for too long. After one heartbeat a ping goes
/// out, which even a page in the background answers.
async fn watch(queue: &SendQueue<Outgoing>, pace: &Pace) -> Ending {
    let heartbeat = Duration::from_millis(switch_limits::HEARTBEAT_MS);
    loop {
        let heard = pace.heard();
        sleep_until(heard + heartbeat).await;
        if pace.resting.load(Ordering::Relaxed) {
            sleep(heartbeat).await;
            continue;
        }
        if pace.heard() > heard && !pace.is_stuck() {
            continue;
        }
        queue.ping();
        sleep_until(heard + 2 * heartbeat).await;
        let is_gone = pace.heard() == heard || pace.is_stuck();
        if is_gone && !pace.resting.load(Ordering::Relaxed) {
            return Ending::Refused(Code::Silent);
        }
    }
}

/// Writes what waits until the connection is to end.
async fn write(sink: &mut Sink, queue: &SendQueue<Outgoing>, mut transfers: Transfers, pace: &Pace) -> Ending {
    let mut batch = Vec::new();
    loop {
        if let Err(ending) = transfers.poll_piece() {
            return ending;
        }
        let due = if transfers.has_piece() {
            queue.take(&mut batch)
        } else {
            tokio::select! {
                biased;
                due = queue.next(&mut batch) => due,
                piece = transfers.piece() => match piece {
                    Ok(()) => continue,
                    Err(ending) => return ending,
                },
            }
        };
        let ping = match due {
            Due::Write { ping } => ping,
            Due::End(ending) => return ending,
        };
        let (message, progress) = join(&mut batch, &mut transfers);
        match timeout(Duration::from_millis(switch_limits::WRITE_TIMEOUT_MS), write_message(sink, message, ping)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ending::Gone,
            Err(_elapsed) => return Ending::Refused(Code::SlowConsumer),
        }
        pace.written.notify_one();
        if let (Some(recipient), Some(progress)) = (pace.registered.get(), progress) {
            transfers.report(*recipient, progress);
        }
        if batch.capacity() > switch_limits::KEPT_TEXTS {
            batch = Vec::new();
        }
    }
}

/// Everything that waits, and one piece of a large entry, as one message.
fn join(batch: &mut Vec<Outgoing>, transfers: &mut Transfers) -> (Vec<u8>, Option<(u64, u64)>) {
    use crate::switch::queue::Item as _;
    let piece_bytes = if transfers.has_piece() { msr_delivery::limits::PIECE_BYTES as usize + 64 } else { 0 };
    let mut message = Vec::with_capacity(batch.iter().map(Outgoing::bytes).sum::<usize>() + piece_bytes);
    for outgoing in batch.drain(..) {
        outgoing.write(&mut message);
        if let Outgoing::Large { large, .. } = outgoing {
            transfers.begin(large);
        }
    }
    let progress = transfers.write(&mut message);
    (message, progress)
}

async fn write_message(sink: &mut Sink, message: Vec<u8>, ping: bool) -> Result<(), axum::Error> {
    if !message.is_empty() {
        sink.feed(Message::Binary(message.into())).await?;
    }
    if ping {
        sink.feed(Message::Ping(bytes::Bytes::new())).await?;
    }
    sink.flush().await
}
