//! A WebSocket client of a few lines, over a stream in memory: it sends what it is told, whole frames, and answers
//! nothing by itself.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::any;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use msr_protocol::{JsonText, Message, Peer, hash_secret};
use msr_server::switch::{Heard, Remote, Switch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// What the stream holds between the two sides.
const STREAM_BYTES: usize = 64 * 1024;

/// RFC 6455, section 5.2.
pub(crate) mod opcode {
    pub(crate) const CONTINUATION: u8 = 0x0;
    pub(crate) const TEXT: u8 = 0x1;
    pub(crate) const BINARY: u8 = 0x2;
    pub(crate) const CLOSE: u8 = 0x8;
    pub(crate) const PING: u8 = 0x9;
    pub(crate) const PONG: u8 = 0xa;
}

pub(crate) struct Frame {
    pub(crate) last: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Client {
    stream: DuplexStream,
}

impl Client {
    /// Connects to the switch; the socket is set up as the server does it.
    pub(crate) async fn connect(switch: &Switch) -> Self {
        let (stream, theirs) = tokio::io::duplex(STREAM_BYTES);
        let switch = switch.clone();
        let upgrade = |upgrade: WebSocketUpgrade| async move {
            let bytes = msr_protocol::limits::MESSAGE_BYTES;
            let sized = upgrade.read_buffer_size(4_096).write_buffer_size(4_096).max_message_size(bytes).max_frame_size(bytes);
            let remote = Remote { address: SocketAddr::from(([127, 0, 0, 1], 1)), place: None, heard: Heard::default() };
            sized.on_upgrade(move |socket| async move { switch.serve(socket, remote).await })
        };
        let service = TowerToHyperService::new(Router::new().route("/", any(upgrade)));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service).with_upgrades());
        let mut client = Self { stream };
        client.shake_hands().await;
        client
    }

    async fn shake_hands(&mut self) {
        let request = "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(self.stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.send(opcode::TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.send_frame(Frame { last: true, opcode, payload: payload.to_vec() }).await;
    }

    /// Sends a frame, masked with zeros. That the server does not read it to the end is its right.
    pub(crate) async fn send_frame(&mut self, frame: Frame) {
        let Frame { last, opcode, payload } = frame;
        let mut bytes = vec![opcode | if last { 0x80 } else { 0 }, 0x80 | 127];
        bytes.extend((payload.len() as u64).to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        // A frame that is too large fills the stream, because nobody reads it.
        let unread = bytes.len() > msr_protocol::limits::MESSAGE_BYTES;
        let whole = if unread { STREAM_BYTES / 2 } else { bytes.len() };
        let _ = self.stream.write_all(&bytes[..whole]).await;
    }

    /// The next frame; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.unwrap() {
            126 => u64::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap(),
            length => u64::from(length),
        };
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.unwrap();
        Some(Frame { last: first & 0x80 != 0, opcode: first & 0xf, payload })
    }

    /// The next message; pings and pongs are passed over.
    pub(crate) async fn next_text(&mut self) -> String {
        loop {
            let Frame { opcode, payload, .. } = self.next().await.expect("the stream ended");
            match opcode {
                opcode::TEXT => return String::from_utf8(payload).unwrap(),
                opcode::PING | opcode::PONG => {}
                _ => panic!("frame {opcode:#x}: {}", String::from_utf8_lossy(&payload)),
            }
        }
    }

    /// The code that the connection is closed with; all before it is passed over. Answers it, as a client does.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            let Frame { opcode, payload, .. } = self.next().await.expect("the stream ended without a close frame");
            if opcode == opcode::CLOSE {
                self.send(opcode::CLOSE, &payload[..2]).await;
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}

pub(crate) fn peer(name: &str) -> Peer {
    Peer { name: JsonText::string(name), secret: JsonText::string(&hash_secret("secret")), ..Peer::default() }
}

pub(crate) fn registration(peer: &Peer) -> String {
    message(peer, peer, "register", JsonText::from_spelled(peer.to_text()))
}

pub(crate) fn to(from: &Peer, to: &Peer, subject: &str, content: &str) -> String {
    message(from, to, subject, JsonText::string(content))
}

fn message(from: &Peer, to: &Peer, subject: &str, content: JsonText) -> String {
    let message = Message {
        to: JsonText::array_of_one(to.credential()),
        from: from.credential().into(),
        subject: JsonText::string(subject),
        timestamp: JsonText::milliseconds(0),
        content,
    };
    message.to_text()
}
