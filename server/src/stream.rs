//! One accepted connection: TCP or TLS over it, counted for as long as it is open.
//!
//! The permit lives in the stream, not in the task that accepted it, because an upgrade hands the stream on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::admission::Permit;
use crate::switch::Heard;

/// What bytes go through.
pub enum Transport {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS; boxed, because its state is fifty times as large.
    Tls(Box<TlsStream<TcpStream>>),
}

/// An accepted connection.
pub struct Stream {
    transport: Transport,
    heard: Heard,
    _permit: Permit,
}

impl Stream {
    /// Counts under `permit` until it is dropped.
    #[must_use]
    pub fn new(transport: Transport, permit: Permit) -> Self {
        Self { transport, heard: Heard::default(), _permit: permit }
    }

    /// Where it notes that bytes came.
    #[must_use]
    pub fn heard(&self) -> &Heard {
        &self.heard
    }
}

macro_rules! delegate {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match &mut $stream.get_mut().transport {
            Transport::Plain(inner) => Pin::new(inner).$method($($argument),*),
            Transport::Tls(inner) => Pin::new(inner.as_mut()).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let filled = buf.filled().len();
        let polled = delegate!(self.as_mut(), poll_read(cx, buf));
        if buf.filled().len() > filled {
            self.heard.note();
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(inner) => inner.is_write_vectored(),
            Transport::Tls(inner) => inner.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown(cx))
    }
}
