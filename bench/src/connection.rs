//! One registered WebSocket, as cheap for the generator as it can be.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::frame::{self, Kind};
use crate::person::Person;
use crate::server::Server;

/// Opening and registering must be done by then.
const OPENING: Duration = Duration::from_secs(30);

/// What is read at once; idle connections have not even that.
const READ_BYTES: usize = 64 * 1024;

/// The side that sends; shared with the reader, which answers pings.
pub(crate) type Sender = Arc<Mutex<OwnedWriteHalf>>;

/// The side that receives.
pub(crate) struct Receiver {
    stream: OwnedReadHalf,
    pongs: Sender,
    /// What was read, and where what is not looked at yet begins.
    buffer: Vec<u8>,
    at: usize,
}

/// Connects and registers.
pub(crate) async fn register(server: &Server, person: &Person) -> Result<(Sender, Receiver)> {
    timeout(OPENING, open(server, person)).await.context("no registration in time")?
}

async fn open(server: &Server, person: &Person) -> Result<(Sender, Receiver)> {
    let mut stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    stream.set_nodelay(true)?;
    let address = format!("{}:{}", server.host, server.port);
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Nothing comes behind the head before the client has spoken, so that reading byte by byte costs little here.
        head.push(stream.read_u8().await.context("closed before the upgrade")?);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101 "), "no upgrade: {}", String::from_utf8_lossy(&head).lines().next().unwrap_or_default());
    let (read, write) = stream.into_split();
    let sender = Arc::new(Mutex::new(write));
    let mut receiver = Receiver { stream: read, pongs: Arc::clone(&sender), buffer: Vec::new(), at: 0 };
    sender.lock().await.write_all(&frame::client_text(&person.registration())).await?;
    let mut answer = String::new();
    receiver.batch(|text| answer = String::from_utf8_lossy(text).into_owned()).await?;
    ensure!(answer.contains(r#""subject":"register""#) && answer.contains(r#""status":1,"#), "not registered: {answer}");
    receiver.buffer = Vec::new();
    Ok((sender, receiver))
}

impl Receiver {
    /// Waits for at least one text, and shows every one that came with it; gives their number.
    pub(crate) async fn batch(&mut self, mut show: impl FnMut(&[u8])) -> Result<u64> {
        loop {
            let mut texts = 0;
            while let Some((kind, start, end)) = frame::server_frame(&self.buffer[self.at..]) {
                let payload = &self.buffer[self.at + start..self.at + end];
                match kind {
                    Kind::Text => {
                        show(payload);
                        texts += 1;
                    }
                    Kind::Ping => self.pongs.lock().await.write_all(&frame::client_pong(payload)).await?,
                    Kind::Close => bail!("the server closed with {}", close_code(payload)),
                    Kind::Binary | Kind::Other => {}
                }
                self.at += end;
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            if texts > 0 {
                return Ok(texts);
            }
            self.stream.readable().await?;
            self.buffer.reserve(READ_BYTES);
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the server closed without a word");
        }
    }

    /// Answers pings until the server ends the connection. Keeps no buffer meanwhile.
    pub(crate) async fn idle(mut self) -> Result<()> {
        loop {
            self.batch(|_| {}).await?;
            self.buffer = Vec::new();
        }
    }
}

fn close_code(payload: &[u8]) -> String {
    match payload {
        [high, low, reason @ ..] => format!("{} {}", u16::from_be_bytes([*high, *low]), String::from_utf8_lossy(reason)),
        _ => "no code".to_owned(),
    }
}
