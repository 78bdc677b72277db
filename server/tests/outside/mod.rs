//! A server in this process, and a client that writes HTTP by hand: what it sends is exactly what a test says.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use msr_server::config::Config;
use msr_server::server::Server;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A generous bound on anything that must end.
pub async fn deadline<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("took too long")
}

/// Everybody may connect.
pub fn open_to_all() -> Config {
    Config { origins: Some("ANY".parse().unwrap()), ..Config::default() }
}

/// A server on a free port with a store of its own.
pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    _store: tempfile::TempDir,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        let store = tempfile::tempdir().unwrap();
        let server = Server::bind(Config { port: 0, store: store.path().to_owned(), ..config }).await.unwrap();
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            server.run(stopped).await.unwrap();
        });
        Self { address, stop: Some(stop), task, _store: store }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn stop(&mut self) {
        self.stop.take();
    }

    pub async fn ended(&mut self) {
        (&mut self.task).await.unwrap();
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One connection.
pub struct Client<S = TcpStream>(pub S);

impl Client {
    pub async fn try_connect(server: &Running) -> std::io::Result<Self> {
        TcpStream::connect(server.address).await.map(Self)
    }

    pub async fn connect(server: &Running) -> Self {
        Self::try_connect(server).await.unwrap()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn write_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub async fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes()).await;
    }

    pub async fn close_own_side(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        deadline(self.0.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// Everything until the server closes; a reset is an end too.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes).await;
        bytes
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[]).await
    }

    pub async fn try_get(&mut self, path: &str) -> Option<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.ok()?;
        self.0.flush().await.ok()?;
        self.try_answer(false).await
    }

    pub async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text.push_str("Host: test\r\n");
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.write(&text).await;
        self.answer(method == "HEAD").await
    }

    pub async fn upgrade(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let handshake = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        self.request("GET", path, &[&handshake, headers].concat()).await
    }

    pub async fn answer(&mut self, head_only: bool) -> Answer {
        self.try_answer(head_only).await.expect("an answer")
    }

    async fn try_answer(&mut self, head_only: bool) -> Option<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(deadline(self.0.read_u8()).await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !head_only && status != 304 {
            answer.body = String::from_utf8(self.read_exactly(length).await).unwrap();
        }
        Some(answer)
    }
}
