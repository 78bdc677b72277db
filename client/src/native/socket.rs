//! One WebSocket connection: opened, written to in batches, read from.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink as _, StreamExt as _};
use msr_protocol::{Code, limits};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{ProtocolError, UrlError};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::Options;

/// Said of a connection that ended without a word (RFC 6455, 7.1.5).
const ABNORMAL_CLOSE: u16 = 1006;
/// So long the other side has to close as well.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a connection ended, or never began.
pub(super) struct Ended {
    /// A WebSocket close code.
    pub(super) code: u16,
    /// What was said.
    pub(super) reason: String,
    /// The server took none of the sub-protocols offered.
    pub(super) refused_subprotocol: bool,
}

impl Ended {
    fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), refused_subprotocol: false }
    }
}

/// What came.
pub(super) enum Frame {
    Text(Utf8Bytes),
    Binary(Vec<u8>),
    Ended(Ended),
}

/// An open connection. What is to be written waits in `outgoing` until the socket takes it.
pub(super) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    outgoing: VecDeque<Message>,
    subprotocol: Option<String>,
}

impl Socket {
    /// Connects. What trying again cannot change is told by a final close code.
    pub(super) async fn open(url: String, subprotocol: Option<&'static str>, options: Options) -> Result<Box<Self>, Ended> {
        let invalid = |detail: String| Ended::new(Code::InvalidArgument.close_code(), detail);
        let mut request = url.into_client_request().map_err(|error| invalid(error.to_string()))?;
        if let Some(origin) = &options.origin {
            let origin = HeaderValue::from_str(origin).map_err(|error| invalid(error.to_string()))?;
            request.headers_mut().insert(header::ORIGIN, origin);
        }
        if let Some(subprotocol) = subprotocol {
            request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        let config = WebSocketConfig::default().max_message_size(Some(2 * limits::MESSAGE_BYTES));
        let connector = options.tls.map(Connector::Rustls);
        match connect_async_tls_with_config(request, Some(config), true, connector).await {
            Ok((stream, response)) => {
                let chosen = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|chosen| chosen.to_str().ok());
                Ok(Box::new(Self { stream, outgoing: VecDeque::new(), subprotocol: chosen.map(str::to_owned) }))
            }
            Err(Error::Http(response)) if response.status() == StatusCode::FORBIDDEN => {
                Err(Ended::new(Code::OriginRefused.close_code(), Code::OriginRefused.reason()))
            }
            Err(error @ Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))) => {
                Err(Ended { refused_subprotocol: true, ..Ended::new(ABNORMAL_CLOSE, error.to_string()) })
            }
            Err(Error::Url(UrlError::UnableToConnect(url))) => Err(Ended::new(ABNORMAL_CLOSE, url)),
            Err(Error::Url(error)) => Err(invalid(error.to_string())),
            Err(error) => Err(Ended::new(ABNORMAL_CLOSE, error.to_string())),
        }
    }

    /// The sub-protocol that the server chose.
    pub(super) fn subprotocol(&self) -> Option<String> {
        self.subprotocol.clone()
    }

    /// Takes a message to be written; [`Socket::next`] writes it.
    pub(super) fn push(&mut self, message: Message) {
        self.outgoing.push_back(message);
    }

    /// How many messages the socket has not taken yet.
    pub(super) fn outgoing(&self) -> usize {
        self.outgoing.len()
    }

    /// Writes what is to be written until something comes. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Frame {
        poll_fn(|cx| {
            let written = self.poll_write(cx);
            // What was said before the end comes before it: a close code explains why nothing could be written.
            match (self.poll_read(cx), written) {
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Frame::Ended(Ended::new(ABNORMAL_CLOSE, error.to_string()))),
                (read, _) => read,
            }
        })
        .await
    }

    /// Writes the rest, then closes, and waits for the other side to do so too. Where that has closed first, it is answered.
    pub(super) async fn close(mut self: Box<Self>, code: u16) {
        let closing = async {
            poll_fn(|cx| self.poll_write(cx)).await?;
            self.stream.close(Some(CloseFrame { code: code.into(), reason: Utf8Bytes::default() })).await?;
            while self.stream.next().await.is_some_and(|frame| frame.is_ok_and(|frame| !frame.is_close())) {}
            Ok::<(), Error>(())
        };
        // Whoever closes has no use for an error, and the time-out is for a side that does not answer.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }

    /// Many small messages become one write.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut stream = std::pin::Pin::new(&mut self.stream);
        while !self.outgoing.is_empty() {
            ready!(stream.as_mut().poll_ready(cx))?;
            if let Some(message) = self.outgoing.pop_front() {
                stream.as_mut().start_send(message)?;
            }
        }
        stream.poll_flush(cx)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Frame> {
        loop {
            return Poll::Ready(match ready!(self.stream.poll_next_unpin(cx)) {
                Some(Ok(Message::Text(text))) => Frame::Text(text),
                Some(Ok(Message::Binary(bytes))) => Frame::Binary(bytes.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    Frame::Ended(frame.map_or(Ended::new(1005, ""), |frame| Ended::new(frame.code.into(), frame.reason.as_str())))
                }
                Some(Err(error)) => Frame::Ended(Ended::new(ABNORMAL_CLOSE, error.to_string())),
                None => Frame::Ended(Ended::new(ABNORMAL_CLOSE, "")),
            });
        }
    }
}
