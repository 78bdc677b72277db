//! A client of the original, in either dialect: it does what it is told, right or wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{Dialect, Outgoing, Received, ServerProcess, Words, within};

/// What a WebSocket runs over.
pub type Stream = Box<dyn Wire>;

/// Bytes both ways.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// How a WebSocket is opened.
#[derive(Debug, Clone)]
pub struct Opening {
    /// On 127.0.0.1.
    pub port: u16,
    /// The `Host` header.
    pub host: String,
    /// The `Origin` header.
    pub origin: Option<String>,
    /// `/` most often.
    pub path: String,
    /// What is offered as sub-protocol.
    pub protocol: Option<String>,
}

impl Opening {
    /// As a page of the server's own opens it.
    pub fn at(server: &ServerProcess) -> Self {
        let host = format!("127.0.0.1:{}", server.port);
        Self { port: server.port, origin: Some(server.origin()), path: "/".to_owned(), protocol: None, host }
    }

    /// From a page of another origin, or from none.
    pub fn origin(self, origin: Option<&str>) -> Self {
        Self { origin: origin.map(str::to_owned), ..self }
    }

    /// At another path.
    pub fn path(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Offering a sub-protocol.
    pub fn protocol(self, protocol: &str) -> Self {
        Self { protocol: Some(protocol.to_owned()), ..self }
    }

    /// Opens it.
    ///
    /// # Errors
    /// The HTTP status of the refusal.
    pub async fn open(&self) -> Result<RawClient, u16> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("the server listens");
        stream.set_nodelay(true).unwrap();
        self.open_over(Box::new(stream)).await
    }

    /// Opens it over a connection that stands.
    ///
    /// # Errors
    /// The HTTP status of the refusal.
    pub async fn open_over(&self, stream: Stream) -> Result<RawClient, u16> {
        let mut request = format!("ws://{}{}", self.host, self.path).into_client_request().unwrap();
        let headers = [("Origin", &self.origin), ("Sec-WebSocket-Protocol", &self.protocol)];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        match within("the upgrade", tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, answer)) => {
                let protocol = answer.headers().get("Sec-WebSocket-Protocol").map(|value| value.to_str().unwrap().to_owned());
                Ok(RawClient { socket, words: Words::new(Dialect::A, "Nobody"), session: String::new(), protocol })
            }
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("the upgrade failed: {error}"),
        }
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With this close code.
    Closed(u16),
    /// Without a word.
    Lost,
}

/// One connection.
pub struct RawClient {
    socket: WebSocketStream<Stream>,
    /// Who it is.
    pub words: Words,
    /// What stands in `sessid`.
    pub session: String,
    /// The sub-protocol the server answered.
    pub protocol: Option<String>,
}

impl RawClient {
    /// Connects to a server from its own page, and registers.
    pub async fn register(server: &ServerProcess, dialect: Dialect, name: &str) -> Self {
        Self::register_as(server, Words::new(dialect, name)).await
    }

    /// The same for any words.
    pub async fn register_as(server: &ServerProcess, words: Words) -> Self {
        let mut client = Self::open(server).await;
        client.sign_in(words).await;
        client
    }

    /// Connects to a server from its own page.
    pub async fn open(server: &ServerProcess) -> Self {
        Opening::at(server).open().await.unwrap_or_else(|status| panic!("refused with HTTP status {status}"))
    }

    /// Registers and gives the answer, which must be that it is done.
    pub async fn sign_in(&mut self, words: Words) -> Received {
        self.words = words;
        self.send_text(self.registration().to_text()).await;
        let answer = self.receive().await;
        let content = answer.content();
        let done = if self.words.dialect == Dialect::A { 1 } else { 200 };
        assert_eq!((answer.subject().as_str(), content["status"].as_i64()), ("register", Some(done)), "{}", answer.text);
        if let Some(session) = content["peer"]["connection"].as_str() {
            self.session = session.to_owned();
        }
        answer
    }

    /// The message that registers this peer.
    pub fn registration(&self) -> Outgoing {
        let credential = self.credential();
        let content = match self.words.dialect {
            Dialect::A => self.words.to_text(),
            Dialect::B => format!(r#"{{"peer":{},"sessid":""}}"#, self.words.to_text()),
        };
        self.message(&[&credential], "register", &content)
    }

    /// Who it is.
    pub fn credential(&self) -> String {
        self.words.credential()
    }

    /// A message of this peer, as it should be.
    pub fn message(&self, to: &[&str], subject: &str, content: &str) -> Outgoing {
        let session = (crate::quoted(&self.session), self.words.name.clone());
        Outgoing {
            to: Value::from(to).to_string(),
            from: crate::quoted(&self.credential()),
            subject: crate::quoted(subject),
            timestamp: now_ms().to_string(),
            content: content.to_owned(),
            session: (self.words.dialect == Dialect::B).then_some((session.1, session.0)),
        }
    }

    /// Sends such a message, and gives its text.
    pub async fn send(&mut self, to: &[&str], subject: &str, content: &str) -> String {
        let text = self.message(to, subject, content).to_text();
        self.send_text(text.clone()).await;
        text
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_frame(Message::text(text.into())).await;
    }

    /// Sends any frame. That the server has closed meanwhile is found by reading.
    pub async fn send_frame(&mut self, frame: Message) {
        let _ = within("the server to take a message", self.socket.send(frame)).await;
    }

    /// The next message, which must fit its checksum.
    pub async fn receive(&mut self) -> Received {
        match self.next().await {
            Ok(received) => received,
            Err(ended) => panic!("a message was due, but the connection is {ended:?}"),
        }
    }

    /// The next message, which must be about `subject`.
    pub async fn receive_about(&mut self, subject: &str) -> Received {
        let received = self.receive().await;
        assert_eq!(received.subject(), subject, "{}", received.text);
        received
    }

    /// Sends bytes past the WebSocket, as no client would.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let stream = self.socket.get_mut();
        let _ = within("the server to take bytes", stream.write_all(bytes)).await;
        let _ = within("the server to take bytes", stream.flush()).await;
    }

    /// The next message, whose checksum is that of its members as JavaScript spells them, and may not be that of its text.
    pub async fn next_unchecked(&mut self) -> Received {
        match self.next_text().await {
            Ok(text) => Received::read(text),
            Err(ended) => panic!("a message was due, but the connection is {ended:?}"),
        }
    }

    /// The next message, or how the connection ended.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn next(&mut self) -> Result<Received, Ended> {
        let received = Received::read(self.next_text().await?);
        assert!(received.fits(), "the checksum does not fit: {}", received.text);
        Ok(received)
    }

    async fn next_text(&mut self) -> Result<String, Ended> {
        loop {
            match within("a message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(Some(frame)))) => return Err(Ended::Closed(frame.code.into())),
                Some(Ok(Message::Binary(bytes))) => panic!("{} bytes of binary data came", bytes.len()),
                Some(Ok(Message::Close(None) | Message::Frame(_)) | Err(_)) | None => return Err(Ended::Lost),
            }
        }
    }

    /// Waits for the end of the connection; nothing else may come before.
    pub async fn ended(&mut self) -> Ended {
        match self.next().await {
            Ok(received) => panic!("the end was due, and this came: {}", received.text),
            Err(ended) => ended,
        }
    }

    /// Makes sure that nothing waits to be read: a message to itself is the next to come.
    pub async fn nothing_else(&mut self) {
        let own = self.credential();
        let mark = self.send(&[&own], "mark", &now_ms().to_string()).await;
        let received = self.receive().await;
        assert_eq!(received.message.content, Received::read(mark).message.content, "unexpected: {}", received.text);
    }

    /// Closes it in an orderly way.
    pub async fn close(mut self) {
        let _ = within("the closing", self.socket.close(None)).await;
        while let Some(Ok(_)) = within("the end", self.socket.next()).await {}
    }
}

/// The time on the wall, in ms since 1970.
fn now_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}
