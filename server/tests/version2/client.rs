//! A client of version 2 of a few lines, over a stream in memory: it sends the frames it is told to send and gives those
//! it gets. It answers nothing by itself.

use std::collections::VecDeque;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::any;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use msr_protocol::v2::{Frame, List, Rest, Varint, frames};
use msr_protocol::{Credential, JsonText, Peer, hash_secret};
use msr_server::switch::{Remote, Switch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};

pub(crate) use crate::heard::{Entryed, Heard, Listed, Received, Welcome};
use crate::heard::{heard, read_entry};

/// What the stream holds between the two sides.
const STREAM_BYTES: usize = 64 * 1024;

/// RFC 6455, section 5.2.
pub(crate) mod opcode {
    pub(crate) const TEXT: u8 = 0x1;
    pub(crate) const BINARY: u8 = 0x2;
    pub(crate) const CLOSE: u8 = 0x8;
    pub(crate) const PING: u8 = 0x9;
    pub(crate) const PONG: u8 = 0xa;
}

/// A device, and what it remembers while it is away.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) peer: Peer,
    pub(crate) device: [u8; 16],
    pub(crate) outbox_epoch: u64,
    pub(crate) queue_epoch: Option<u64>,
    pub(crate) start: u64,
    pub(crate) handled: u64,
    pub(crate) proof: Vec<u8>,
}

impl Device {
    /// The device of that number of the peer of that name.
    pub(crate) fn new(name: &str, number: u8) -> Self {
        let mut device = [number; 16];
        device[..name.len()].copy_from_slice(name.as_bytes());
        Self { peer: peer(name), device, outbox_epoch: 1, queue_epoch: None, start: 0, handled: 0, proof: Vec::new() }
    }

    pub(crate) fn credential(&self) -> Credential {
        self.peer.credential()
    }

    pub(crate) fn hello(&self) -> Vec<u8> {
        encoded(&Frame::Hello {
            credential: self.credential(),
            device: self.device,
            device_name: "test",
            name: self.peer.name.as_str(),
            email: self.peer.email.as_str(),
            secret: self.peer.secret.as_str(),
            location: self.peer.location.0.as_str(),
            publish: true,
            time_ms: 77,
            outbox_epoch: self.outbox_epoch,
            queue_epoch: self.queue_epoch,
            start: self.start,
            handled: self.handled,
            proof: &self.proof,
        })
    }

    /// Remembers what it was welcomed with.
    pub(crate) fn knows(&mut self, welcome: &Welcome) {
        self.queue_epoch = Some(welcome.queue_epoch);
        self.start = welcome.start;
    }

    /// A message as a frame.
    pub(crate) fn message(&self, number: u64, to: &[Credential], payload: &[u8]) -> Vec<u8> {
        message(number, 0, 1_000_000, to, payload)
    }
}

pub(crate) fn message(number: u64, flags: u8, expire_after_ms: u64, to: &[Credential], payload: &[u8]) -> Vec<u8> {
    encoded(&Frame::Send {
        number: Varint(number),
        flags,
        expire_after_ms: Varint(expire_after_ms),
        recipients: List(to.to_vec()),
        device_headers: List(Vec::new()),
        reply_to: None,
        subject: "\"test\"",
        payload: Rest(payload),
    })
}

pub(crate) fn peer(name: &str) -> Peer {
    Peer { name: JsonText::string(name), secret: JsonText::string(&hash_secret("secret")), ..Peer::default() }
}

pub(crate) fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    bytes
}

/// One connection.
pub(crate) struct Client {
    incoming: ReadHalf<DuplexStream>,
    outgoing: WriteHalf<DuplexStream>,
    heard: VecDeque<Heard>,
}

impl Client {
    /// Connects with this sub-protocol; the socket is set up as the server does it.
    pub(crate) async fn connect_as(switch: &Switch, protocol: &str) -> Self {
        let (stream, theirs) = tokio::io::duplex(STREAM_BYTES);
        let switch = switch.clone();
        let upgrade = |upgrade: WebSocketUpgrade| async move {
            let bytes = msr_protocol::limits::MESSAGE_BYTES;
            let sized = upgrade.read_buffer_size(4_096).write_buffer_size(4_096).max_message_size(bytes).max_frame_size(bytes);
            let remote =
                Remote { address: SocketAddr::from(([127, 0, 0, 1], 1)), place: None, heard: msr_server::switch::Heard::default() };
            sized.protocols(["msr.v2", "null"]).on_upgrade(move |socket| async move { switch.serve(socket, remote).await })
        };
        let service = TowerToHyperService::new(Router::new().route("/", any(upgrade)));
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(theirs), service).with_upgrades());
        let (incoming, outgoing) = tokio::io::split(stream);
        let mut client = Self { incoming, outgoing, heard: VecDeque::new() };
        client.shake_hands(protocol).await;
        client
    }

    /// Connects and takes the challenge.
    pub(crate) async fn connect(switch: &Switch) -> Self {
        Self::challenged(switch).await.0
    }

    /// Connects, and gives the challenge.
    pub(crate) async fn challenged(switch: &Switch) -> (Self, [u8; 32]) {
        let mut client = Self::connect_as(switch, "msr.v2").await;
        let Heard::Challenge { nonce } = client.next().await else { panic!("no challenge") };
        (client, nonce)
    }

    /// Connects and registers.
    pub(crate) async fn register(switch: &Switch, device: &mut Device) -> (Self, Welcome) {
        let mut client = Self::connect(switch).await;
        client.send(&device.hello()).await;
        let Heard::Welcome(welcome) = client.next().await else { panic!("not welcome") };
        device.knows(&welcome);
        (client, welcome)
    }

    async fn shake_hands(&mut self, protocol: &str) {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        );
        self.outgoing.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(self.incoming.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    }

    /// Sends frames as one WebSocket message.
    pub(crate) async fn send(&mut self, frames: &[u8]) {
        self.send_message(opcode::BINARY, frames).await;
    }

    /// Sends a WebSocket message, masked with zeros. That the server does not read it is its right.
    pub(crate) async fn send_message(&mut self, opcode: u8, payload: &[u8]) {
        let mut bytes = vec![opcode | 0x80, 0x80 | 127];
        bytes.extend((payload.len() as u64).to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        let _ = self.outgoing.write_all(&bytes).await;
    }

    pub(crate) async fn acknowledge(&mut self, sequence: u64) {
        self.send(&encoded(&Frame::Ack { sequence })).await;
    }

    /// Sends the frame of a message without number in pieces, as that upload; `between` goes between them.
    pub(crate) async fn upload(&mut self, upload: u64, frame: &[u8], between: &[Vec<u8>]) {
        let body = &frame[msr_protocol::v2::HEADER_BYTES..];
        let (upload, total_bytes) = (Varint(upload), Varint(body.len() as u64));
        self.send(&encoded(&Frame::Begin { upload, total_bytes })).await;
        let mut between = between.iter();
        for (place, piece) in body.chunks(32 * 1024).enumerate() {
            let offset = Varint(place as u64 * 32 * 1024);
            self.send(&encoded(&Frame::Piece { upload, offset, payload: Rest(piece) })).await;
            if let Some(between) = between.next() {
                self.send(between).await;
            }
        }
    }

    /// Gives an upload its number.
    pub(crate) async fn finish(&mut self, upload: u64, number: u64) {
        self.send(&encoded(&Frame::Finish { upload: Varint(upload), number: Varint(number) })).await;
    }

    /// What the server says next; pings and what devices there are are passed over.
    pub(crate) async fn next(&mut self) -> Heard {
        loop {
            match self.next_of_all().await {
                Heard::Devices { .. } => {}
                heard => return heard,
            }
        }
    }

    /// What the server says next about the devices of the peer.
    pub(crate) async fn next_devices(&mut self) -> (u64, Vec<Listed>) {
        match self.next_of_all().await {
            Heard::Devices { revision, devices } => (revision, devices),
            other => panic!("{other:?}"),
        }
    }

    /// What the server says next; a close is answered, as a client does.
    pub(crate) async fn next_of_all(&mut self) -> Heard {
        while self.heard.is_empty() {
            let (opcode, payload) = self.next_message().await.expect("the stream ended");
            match opcode {
                opcode::BINARY => self.heard.extend(frames(&payload).map(|frame| heard(&frame.unwrap()))),
                opcode::CLOSE => {
                    self.send_message(opcode::CLOSE, &payload[..2]).await;
                    return Heard::Closed { code: u16::from_be_bytes([payload[0], payload[1]]) };
                }
                opcode::PING | opcode::PONG => {}
                _ => panic!("message {opcode:#x}: {}", String::from_utf8_lossy(&payload)),
            }
        }
        self.heard.pop_front().unwrap()
    }

    /// What was heard out of turn is heard next.
    pub(crate) fn hear_again(&mut self, mut heard: Vec<Heard>) {
        while let Some(last) = heard.pop() {
            self.heard.push_front(last);
        }
    }

    /// The next WebSocket message; `None` when the stream has ended.
    pub(crate) async fn next_message(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.incoming.read_u8().await.ok()?;
        let length = match self.incoming.read_u8().await.unwrap() {
            126 => u64::from(self.incoming.read_u16().await.unwrap()),
            127 => self.incoming.read_u64().await.unwrap(),
            length => u64::from(length),
        };
        let mut payload = vec![0; length as usize];
        self.incoming.read_exact(&mut payload).await.unwrap();
        Some((first & 0xf, payload))
    }

    /// The next text of version 1.
    pub(crate) async fn next_text(&mut self) -> String {
        loop {
            let (opcode, payload) = self.next_message().await.expect("the stream ended");
            match opcode {
                opcode::TEXT => return String::from_utf8(payload).unwrap(),
                opcode::PING => {}
                _ => panic!("message {opcode:#x}"),
            }
        }
    }

    /// The code that the connection is closed with; all before it is passed over.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            if let Heard::Closed { code } = self.next_of_all().await {
                return code;
            }
        }
    }

    /// The next entry, which must be a message.
    pub(crate) async fn next_delivery(&mut self) -> (u64, Received) {
        match self.next().await {
            Heard::Message { sequence, message } => (sequence, message),
            other => panic!("{other:?}"),
        }
    }

    /// The next entry must be a receipt, which is acknowledged.
    pub(crate) async fn next_receipt(&mut self) -> (u64, Credential, u16) {
        match self.next().await {
            Heard::Receipt { sequence, number, recipient, code } => {
                self.acknowledge(sequence).await;
                (number, recipient, code)
            }
            other => panic!("{other:?}"),
        }
    }

    /// The next frame must say that this number is accepted for all.
    pub(crate) async fn accepted(&mut self, number: u64) {
        assert_eq!(self.next().await, Heard::Accepted { number, exceptions: Vec::new() });
    }

    /// The same, with receipts before it, as they may come when the recipient is quicker than the disk.
    pub(crate) async fn accepted_among_receipts(&mut self, number: u64) {
        loop {
            match self.next().await {
                Heard::Receipt { sequence, .. } => self.acknowledge(sequence).await,
                heard => return assert_eq!(heard, Heard::Accepted { number, exceptions: Vec::new() }),
            }
        }
    }

    /// Makes sure that nothing else waits to be read.
    pub(crate) async fn nothing_else(&mut self) {
        static MARK: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1);
        let time_ms = MARK.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.send(&encoded(&Frame::Ping { time_ms })).await;
        assert_eq!(self.next().await, Heard::Pong { origin_time_ms: time_ms });
    }

    /// The pieces of one entry, put together; everything else that came between them.
    pub(crate) async fn next_large(&mut self) -> (u64, Entryed, Vec<Heard>) {
        let Heard::Begin { sequence, bytes: total, .. } = self.next().await else { panic!("not large") };
        let (mut entry, mut between) = (Vec::new(), Vec::new());
        while (entry.len() as u64) < total {
            match self.next().await {
                Heard::Piece { sequence: of, offset, bytes } => {
                    assert_eq!((of, offset), (sequence, entry.len() as u64));
                    assert!(bytes.len() <= 32 * 1024);
                    entry.extend(bytes);
                }
                other => between.push(other),
            }
        }
        (sequence, read_entry(&entry), between)
    }
}
