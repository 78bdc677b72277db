//! A connection of version 2, as cheap for the generator as it can be.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use msr_protocol::v2::{Frame, SUBPROTOCOL, frames};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::frame::{self, Kind};
use crate::person::Person;
use crate::server::Server;

/// Whatever is waited for must come by then.
const WAIT: Duration = Duration::from_secs(60);

const READ_BYTES: usize = 64 * 1024;

/// One registered device.
pub(crate) struct Device {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How many entries wait for it.
    pub(crate) waiting: u64,
}

impl Device {
    /// Connects and registers a device of that person; there is one of each.
    pub(crate) async fn register(server: &Server, person: &Person) -> Result<Self> {
        timeout(WAIT, Self::open(server, person)).await.context("no registration in time")?
    }

    async fn open(server: &Server, person: &Person) -> Result<Self> {
        let mut stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
        stream.set_nodelay(true)?;
        let address = format!("{}:{}", server.host, server.port);
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = Vec::new();
        let head = loop {
            if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(stream.read_buf(&mut buffer).await? > 0, "closed before the upgrade");
        };
        ensure!(buffer.starts_with(b"HTTP/1.1 101 "), "no upgrade: {}", String::from_utf8_lossy(&buffer[..head]));
        buffer.drain(..head);
        let mut device = Self { stream, buffer, waiting: 0 };
        device.say(&person.hello()).await?;
        let mut welcomed = None;
        while welcomed.is_none() {
            device
                .hear(|frame| match frame {
                    Frame::Welcome { waiting, .. } => welcomed = Some(Ok(waiting.0)),
                    Frame::Refused { code, reason } => welcomed = Some(Err(format!("{code}: {reason}"))),
                    _ => {}
                })
                .await?;
        }
        match welcomed {
            Some(Ok(waiting)) => device.waiting = waiting,
            refused => bail!("not registered: {refused:?}"),
        }
        Ok(device)
    }

    /// Sends a run of frames.
    pub(crate) async fn say(&mut self, frames: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(&frame::client_frame(2, frames)).await?)
    }

    /// Waits for at least one binary message, and shows the frames of every one that came with it.
    pub(crate) async fn hear(&mut self, mut show: impl FnMut(Frame<'_>)) -> Result<()> {
        loop {
            let (mut at, mut heard) = (0, false);
            while let Some((kind, start, end)) = frame::server_frame(&self.buffer[at..]) {
                let payload = &self.buffer[at + start..at + end];
                match kind {
                    Kind::Binary => {
                        heard = true;
                        for frame in frames(payload) {
                            show(frame?);
                        }
                    }
                    Kind::Ping => self.stream.write_all(&frame::client_pong(payload)).await?,
                    Kind::Close => bail!("the server closed: {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default())),
                    Kind::Text | Kind::Other => {}
                }
                at += end;
            }
            self.buffer.drain(..at);
            if heard {
                return Ok(());
            }
            self.buffer.reserve(READ_BYTES);
            ensure!(timeout(WAIT, self.stream.read_buf(&mut self.buffer)).await?? > 0, "the server closed without a word");
        }
    }
}
