//! Between a WebSocket and its [`Connection`]: frames in, texts out, pings and time-outs. All that waits is here.
//!
//! Three things go on in the one task of a connection: reading, writing, and watching that somebody is there. What is
//! read is judged at once, frame after frame while there are any; what waits in the queue is fed to the socket and
//! flushed once. Reading goes on while a write is stuck, so that a good-bye is heard.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use msr_protocol::Code;
use msr_protocol::limits::REGISTRATION_TIMEOUT_MS;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tungstenite::error::ProtocolError;

use super::connection::Connection;
use super::ending::Ending;
use super::heard::Heard;
use super::limits;
use super::queue::{Due, SendQueue};

/// A text that many queues share.
pub(super) type Text = Utf8Bytes;

pub(super) type Sink = SplitSink<WebSocket, Message>;
pub(super) type Stream = SplitStream<WebSocket>;

/// What was heard of a connection.
struct HeardOf {
    bytes: Heard,
    /// Whole messages, pings and pongs.
    messages: Heard,
}

/// Serves a connection from the opening of its socket to the end.
pub(super) async fn attend(socket: WebSocket, mut connection: Connection, heard: Heard) {
    let (mut sink, mut stream) = socket.split();
    let queue = Arc::clone(connection.queue());
    let heard = HeardOf { bytes: heard, messages: Heard::default() };
    let ending = tokio::select! {
        biased;
        ending = read(&mut stream, &mut connection, &heard) => ending,
        ending = watch(&queue, &heard) => ending,
        ending = write(&mut sink, &queue) => ending,
    };
    // Nothing more may come in; what waited and was not written is lost.
    connection.end(Ending::Gone);
    connection.leave(ending);
    // Whoever does not take part in the closing handshake is left.
    let _ = timeout(Duration::from_millis(limits::CLOSE_TIMEOUT_MS), close(&mut sink, &mut stream, ending)).await;
}

/// Reads until the other side is gone. When the connection is to end for another reason, whoever writes knows.
async fn read(stream: &mut Stream, connection: &mut Connection, heard: &HeardOf) -> Ending {
    let deadline = Instant::now() + Duration::from_millis(REGISTRATION_TIMEOUT_MS);
    let registration = async {
        while !connection.is_registered() {
            read_frame(stream, connection, heard).await?;
        }
        Ok::<(), Ending>(())
    };
    match timeout_at(deadline, registration).await {
        Ok(Ok(())) => {}
        Ok(Err(ending)) => return ending,
        Err(_elapsed) => connection.time_out(),
    }
    loop {
        for _ in 0..limits::READS_PER_TURN {
            if let Err(ending) = read_frame(stream, connection, heard).await {
                return ending;
            }
        }
        tokio::task::yield_now().await;
    }
}

async fn read_frame(stream: &mut Stream, connection: &mut Connection, heard: &HeardOf) -> Result<(), Ending> {
    if connection.queue().is_ending() {
        return pending().await;
    }
    let frame = stream.next().await;
    heard.bytes.note();
    heard.messages.note();
    match frame {
        Some(Ok(Message::Text(text))) => connection.receive(&text),
        Some(Ok(Message::Binary(_))) => connection.refuse(Code::BinaryRefused),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => connection.receive_control(),
        Some(Ok(Message::Close(_))) | None => return Err(Ending::Gone),
        Some(Err(error)) => match ending_of(error) {
            Ending::Gone => return Err(Ending::Gone),
            ending => connection.end(ending),
        },
    }
    Ok(())
}

/// What an error while reading means for the connection.
pub(super) fn ending_of(error: axum::Error) -> Ending {
    let Ok(error) = error.into_inner().downcast::<tungstenite::Error>() else { return Ending::Gone };
    match *error {
        tungstenite::Error::Capacity(_) => Ending::Refused(Code::TooLarge),
        tungstenite::Error::Utf8(_) => Ending::Broken { close_code: 1007 },
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ending::Gone,
        tungstenite::Error::Protocol(_) => Ending::Broken { close_code: 1002 },
        _ => Ending::Gone,
    }
}

/// Pings now and then; ends when nothing was heard for two heartbeats, or no message came whole for too long.
async fn watch(queue: &SendQueue, heard: &HeardOf) -> Ending {
    let heartbeats_of_a_message = limits::MESSAGE_TIMEOUT_MS / limits::HEARTBEAT_MS;
    let (mut silent, mut without_message) = (0, 0);
    loop {
        sleep(Duration::from_millis(limits::HEARTBEAT_MS)).await;
        silent = if heard.bytes.take() { 0 } else { silent + 1 };
        without_message = if heard.messages.take() { 0 } else { without_message + 1 };
        if silent == 2 || without_message == heartbeats_of_a_message {
            return Ending::Refused(Code::Silent);
        }
        queue.ping();
    }
}

/// Writes what waits until the connection is to end.
async fn write(sink: &mut Sink, queue: &SendQueue) -> Ending {
    let mut batch = Vec::new();
    loop {
        let ping = match queue.next(&mut batch).await {
            Due::Write { ping } => ping,
            Due::End(ending) => return ending,
        };
        match timeout(Duration::from_millis(limits::WRITE_TIMEOUT_MS), write_batch(sink, &mut batch, ping)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ending::Gone,
            Err(_elapsed) => return Ending::Refused(Code::SlowConsumer),
        }
        if batch.capacity() > limits::KEPT_TEXTS {
            batch = Vec::new();
        }
    }
}

/// Many messages, one flush.
async fn write_batch(sink: &mut Sink, batch: &mut Vec<Text>, ping: bool) -> Result<(), axum::Error> {
    for text in batch.drain(..) {
        sink.feed(Message::Text(text)).await?;
    }
    if ping {
        sink.feed(Message::Ping(bytes::Bytes::new())).await?;
    }
    sink.flush().await
}

/// The closing handshake: says why, or answers who said so first, and reads to the end.
pub(super) async fn close(sink: &mut Sink, stream: &mut Stream, ending: Ending) -> Result<(), axum::Error> {
    match ending.close_frame() {
        Some((code, reason)) => sink.send(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }))).await?,
        None => return sink.close().await,
    }
    if ending == Ending::Refused(Code::TooLarge) {
        // What is too large is never read, and a socket closed with unread bytes takes the close frame with it: leave
        // the other side the time to see it.
        return pending().await;
    }
    while let Some(frame) = stream.next().await {
        frame?;
    }
    Ok(())
}
