//! Sends back what comes: for suites that check how well a server speaks WebSocket. No server has it that is built for
//! use; `examples/echo.rs` does. Reads errors and closes as connections of the switch do.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;

use super::ending::Ending;
use super::limits::CLOSE_TIMEOUT_MS;
use super::websocket::{Sink, Stream, close, ending_of};

/// Echoes until the other side is gone or breaks the protocol.
pub async fn echo(socket: WebSocket) {
    let (mut sink, mut stream) = socket.split();
    let ending = echo_all(&mut sink, &mut stream).await;
    let _ = timeout(Duration::from_millis(CLOSE_TIMEOUT_MS), close(&mut sink, &mut stream, ending)).await;
}

async fn echo_all(sink: &mut Sink, stream: &mut Stream) -> Ending {
    loop {
        match stream.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if sink.send(message).await.is_err() {
                    return Ending::Gone;
                }
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_))) | None => return Ending::Gone,
            Some(Err(error)) => return ending_of(error),
        }
    }
}
