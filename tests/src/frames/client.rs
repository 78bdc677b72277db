//! One connection of a [`Device`].

use std::collections::{BTreeMap, VecDeque};

use futures_util::{SinkExt as _, StreamExt as _};
use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, Delivery, Entry, Field as _, Frame, Receipt, Rest, SUBPROTOCOL, Varint, frames};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

use super::{Arrived, Device, Heard, Parcel, Refusal, Welcome};
use crate::{Ended, Stream, within};

/// A large entry of which not all has come.
struct Half {
    sender: Bytes16,
    bytes: Vec<u8>,
    total: usize,
    /// What came after it of the same sender, and waits for it.
    behind: Vec<Heard>,
}

/// One connection.
pub struct FrameClient {
    socket: WebSocketStream<Stream>,
    /// What the server said of the registration.
    pub welcome: Welcome,
    heard: VecDeque<Heard>,
    /// How many messages went in pieces.
    uploads: u64,
    /// Large entries of which pieces have come, by sequence.
    halves: BTreeMap<u64, Half>,
    /// How the connection ended, once it has.
    ended: Option<Ended>,
    /// How many bytes of devices lists, pongs and progress have come.
    pub other_frames: usize,
}

impl FrameClient {
    /// Opens a WebSocket as the server's own page would, and says nothing.
    ///
    /// # Errors
    /// When there is no WebSocket.
    pub async fn open(port: u16) -> Result<Self, Refusal> {
        let stream = within("a connection", TcpStream::connect(("127.0.0.1", port))).await.map_err(|_| Refusal::Broken)?;
        stream.set_nodelay(true).unwrap();
        Self::open_over(port, port, Box::new(stream)).await
    }

    /// The same through whoever listens on another port; the server is named by its own.
    ///
    /// # Errors
    /// When there is no WebSocket.
    pub async fn open_over(port: u16, origin: u16, stream: Stream) -> Result<Self, Refusal> {
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
        let origin = format!("http://127.0.0.1:{origin}");
        request.headers_mut().insert("Origin", HeaderValue::from_str(&origin).unwrap());
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        match within("the upgrade", tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, answer)) => {
                assert_eq!(answer.headers()["Sec-WebSocket-Protocol"], SUBPROTOCOL);
                let (heard, halves) = (VecDeque::new(), BTreeMap::new());
                Ok(Self { socket, welcome: Welcome::default(), heard, uploads: 0, halves, ended: None, other_frames: 0 })
            }
            Err(Error::Http(answer)) => Err(Refusal::Http(answer.status().as_u16())),
            Err(_) => Err(Refusal::Broken),
        }
    }

    /// Registers a device.
    ///
    /// # Errors
    /// How the server refused.
    pub async fn hello(&mut self, device: &mut Device) -> Result<(), Refusal> {
        let (words, credential) = (device.words.clone(), device.credential());
        let secret = crate::quoted(&words.secret);
        let hello = Frame::Hello {
            credential,
            device: device.id,
            device_name: "test",
            name: &words.name,
            email: &words.email,
            secret: &secret,
            location: &words.location,
            publish: words.publish,
            time_ms: 0,
            outbox_epoch: device.outbox_epoch,
            queue_epoch: device.queue_epoch,
            start: device.start,
            handled: device.handled,
            proof: b"",
        };
        self.say(&hello).await;
        self.welcomed().await?;
        let Welcome { queue_epoch, start, gap, .. } = self.welcome;
        if device.queue_epoch != Some(queue_epoch) || gap {
            device.handled = 0;
        }
        (device.queue_epoch, device.start) = (Some(queue_epoch), start);
        Ok(())
    }

    /// Reads until the welcome.
    async fn welcomed(&mut self) -> Result<(), Refusal> {
        let mut refused = None;
        loop {
            let bytes = match self.next_message().await {
                Ok(bytes) => bytes,
                Err(Ended::Closed(code)) => return Err(refused.unwrap_or(Refusal::Closed(code))),
                Err(Ended::Lost) => return Err(refused.unwrap_or(Refusal::Broken)),
            };
            let mut all = frames(&bytes);
            while let Some(frame) = all.next() {
                match frame.unwrap() {
                    Frame::Challenge { .. } => {}
                    Frame::Refused { code, .. } => refused = Some(Refusal::Refused(code)),
                    Frame::Welcome {
                        queue_epoch,
                        start,
                        accepted,
                        waiting,
                        gap,
                        window_entries,
                        window_bytes,
                        message_bytes,
                        piece_bytes,
                        heartbeat_ms,
                        ..
                    } => {
                        self.welcome = Welcome {
                            queue_epoch,
                            start,
                            accepted: accepted.0,
                            waiting: waiting.0,
                            gap,
                            window_entries: window_entries.0,
                            window_bytes: window_bytes.0,
                            message_bytes: message_bytes.0,
                            piece_bytes: piece_bytes.0,
                            heartbeat_ms: heartbeat_ms.0,
                        };
                        all.map(|frame| self.take(frame.unwrap())).for_each(drop);
                        return Ok(());
                    }
                    other => panic!("before the welcome came {other:?}"),
                }
            }
        }
    }

    /// Sends one frame.
    pub async fn say(&mut self, frame: &Frame<'_>) {
        let mut out = Vec::new();
        frame.write(&mut out);
        self.say_bytes(out).await;
    }

    /// Sends any bytes as one binary message. That the server has closed meanwhile is found by reading.
    pub async fn say_bytes(&mut self, bytes: Vec<u8>) {
        let _ = within("the server to take a message", self.socket.send(Message::Binary(Bytes::from(bytes)))).await;
    }

    /// Sends any WebSocket message.
    pub async fn say_message(&mut self, message: Message) {
        let _ = within("the server to take a message", self.socket.send(message)).await;
    }

    /// Sends a message: a small one in one frame.
    pub async fn send(&mut self, number: u64, to: &[Credential], payload: impl Into<Vec<u8>>) {
        self.send_parcel(&Parcel::new(number, to, payload)).await;
    }

    /// Sends a message: a large one in pieces, each a WebSocket message of its own.
    pub async fn send_parcel(&mut self, parcel: &Parcel) {
        let whole = parcel.to_bytes();
        let piece_bytes = usize::try_from(self.welcome.piece_bytes).unwrap();
        let body = &whole[msr_protocol::v2::HEADER_BYTES..];
        if body.len() <= piece_bytes {
            return self.say_bytes(whole).await;
        }
        let whole = Parcel { number: 0, ..parcel.clone() }.to_bytes();
        let body = &whole[msr_protocol::v2::HEADER_BYTES..];
        self.uploads += 1;
        let upload = Varint(self.uploads);
        self.say(&Frame::Begin { upload, total_bytes: Varint(body.len() as u64) }).await;
        for (place, piece) in body.chunks(piece_bytes).enumerate() {
            let offset = Varint((place * piece_bytes) as u64);
            self.say(&Frame::Piece { upload, offset, payload: Rest(piece) }).await;
        }
        self.say(&Frame::Finish { upload, number: Varint(parcel.number) }).await;
    }

    /// Sends many small messages in as few WebSocket messages as will do.
    pub async fn send_all(&mut self, parcels: &[Parcel]) {
        let mut out = Vec::new();
        for parcel in parcels {
            parcel.write(&mut out);
            if out.len() > 256 * 1024 {
                self.say_bytes(std::mem::take(&mut out)).await;
            }
        }
        self.say_bytes(out).await;
    }

    /// Says that everything up to this is handled.
    pub async fn ack(&mut self, sequence: u64) {
        self.say(&Frame::Ack { sequence }).await;
    }

    /// The next of what was said, or how the connection ended.
    ///
    /// # Errors
    /// How the connection ended.
    pub async fn next(&mut self) -> Result<Heard, Ended> {
        self.take_first(|_| true).await
    }

    /// The next of what was said; the connection must stand.
    pub async fn hear(&mut self) -> Heard {
        self.expect("anything", |_| true).await
    }

    /// The next message. What is no message and came before it can still be asked for; so with all that follow.
    pub async fn message(&mut self) -> Arrived {
        match self.expect("a message", |heard| matches!(heard, Heard::Message(_))).await {
            Heard::Message(arrived) => arrived,
            other => unreachable!("{other:?}"),
        }
    }

    /// The next receipt, and its place in the queue.
    pub async fn receipt(&mut self) -> (u64, Receipt) {
        match self.expect("a receipt", |heard| matches!(heard, Heard::Receipt(..))).await {
            Heard::Receipt(sequence, receipt) => (sequence, receipt),
            other => unreachable!("{other:?}"),
        }
    }

    /// Waits until the message of that number is accepted for all its recipients. Answers to earlier ones are passed over.
    pub async fn accepted(&mut self, number: u64) {
        let exceptions = self.answered(number).await.unwrap_or_else(|code| panic!("message {number} was rejected with {code}"));
        assert_eq!(exceptions, [], "message {number} is not for everybody");
        self.heard.retain(|heard| !matches!(heard, Heard::Accepted(earlier, exceptions) if *earlier < number && exceptions.is_empty()));
    }

    /// Waits until the message of that number is answered: accepted, with its exceptions, or rejected, with a code.
    pub async fn answered(&mut self, number: u64) -> Result<Vec<(u64, u16)>, u16> {
        let is_answer = |heard: &Heard| matches!(heard, Heard::Accepted(of, _) | Heard::Rejected(of, _) if *of == number);
        match self.expect(&format!("the answer to message {number}"), is_answer).await {
            Heard::Accepted(_, exceptions) => Ok(exceptions),
            Heard::Rejected(_, code) => Err(code),
            other => unreachable!("{other:?}"),
        }
    }

    async fn expect(&mut self, what: &str, fits: impl Fn(&Heard) -> bool) -> Heard {
        match within(what, self.take_first(fits)).await {
            Ok(heard) => heard,
            Err(ended) => panic!("{what} was due, but the connection is {ended:?}; before that came {:?}", self.heard),
        }
    }

    /// The first that fits; the others stay.
    async fn take_first(&mut self, fits: impl Fn(&Heard) -> bool) -> Result<Heard, Ended> {
        let mut looked_at = 0;
        loop {
            if let Some(place) = self.heard.iter().skip(looked_at).position(&fits)
                && let Some(heard) = self.heard.remove(looked_at + place)
            {
                return Ok(heard);
            }
            looked_at = self.heard.len();
            let bytes = self.next_message().await?;
            for frame in frames(&bytes) {
                let frame = frame.unwrap_or_else(|error| panic!("the server sent what is no frame: {error}"));
                self.take(frame);
            }
        }
    }

    /// Makes sure that nothing of consequence waits to be read: the answer to a ping is the next to come.
    pub async fn nothing_else(&mut self) {
        let more = self.until_pong().await;
        assert_eq!(more, [], "nothing more was due");
    }

    /// Everything that comes before the answer to a ping, which is sent now.
    pub async fn until_pong(&mut self) -> Vec<Heard> {
        let token = fastrand::i64(..);
        self.say(&Frame::Ping { time_ms: token }).await;
        let mut before: Vec<Heard> = self.heard.drain(..).collect();
        loop {
            let bytes = self.next_message().await.unwrap_or_else(|ended| panic!("a pong was due, but the connection is {ended:?}"));
            let mut is_there = false;
            for frame in frames(&bytes) {
                match frame.unwrap() {
                    Frame::Pong { origin_time_ms, .. } if origin_time_ms == token => is_there = true,
                    other => self.take(other),
                }
            }
            before.extend(self.heard.drain(..));
            if is_there {
                return before;
            }
        }
    }

    /// The next refusal of a registration; `None` when the connection ends first.
    pub async fn next_refusal(&mut self) -> Option<u16> {
        while let Ok(bytes) = self.next_message().await {
            for frame in frames(&bytes) {
                if let Frame::Refused { code, .. } = frame.unwrap() {
                    return Some(code);
                }
            }
        }
        None
    }

    /// The server's clock, as its first frame says.
    pub async fn challenge_time_ms(&mut self) -> i64 {
        let bytes = self.next_message().await.unwrap();
        match frames(&bytes).next() {
            Some(Ok(Frame::Challenge { time_ms, .. })) => time_ms,
            other => panic!("a challenge comes first, not {other:?}"),
        }
    }

    /// Waits for the end of the connection; what comes before is passed over.
    pub async fn ended(&mut self) -> Ended {
        loop {
            if let Err(ended) = self.next().await {
                return ended;
            }
        }
    }

    /// Signs out and waits for the end.
    pub async fn bye(mut self) {
        self.say(&Frame::Bye {}).await;
        self.ended().await;
    }

    /// The bytes below the WebSocket.
    pub fn stream(&mut self) -> &mut Stream {
        self.socket.get_mut()
    }

    async fn next_message(&mut self) -> Result<Bytes, Ended> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        let next = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(Some(frame)))) => return Err(Ended::Closed(frame.code.into())),
                    Some(Ok(Message::Text(text))) => panic!("text came: {text}"),
                    Some(Ok(Message::Close(None) | Message::Frame(_)) | Err(_)) | None => return Err(Ended::Lost),
                }
            }
        };
        // Pings keep coming where nothing else does: they do not make a wait longer.
        let ended = match within("a message", next).await {
            Ok(bytes) => return Ok(bytes),
            Err(ended) => ended,
        };
        // Reading on answers a close.
        let _ = within("the end", async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
        self.ended = Some(ended.clone());
        Err(ended)
    }

    fn take(&mut self, frame: Frame<'_>) {
        let heard = match frame {
            Frame::Accepted { number, exceptions, .. } => {
                Heard::Accepted(number.0, exceptions.0.iter().map(|exception| (exception.recipient.0, exception.code)).collect())
            }
            Frame::Rejected { number, code, .. } => Heard::Rejected(number.0, code),
            Frame::Declined { upload, code, .. } => Heard::Declined(upload.0, code),
            Frame::Deliver { sequence, entry, .. } => return self.in_order(read(Some(sequence), entry.0)),
            Frame::Realtime { entry, .. } => read(None, entry.0),
            Frame::DeliverBegin { sequence, sender, total_bytes, .. } => {
                let total = usize::try_from(total_bytes.0).unwrap();
                self.halves.insert(sequence, Half { sender, bytes: Vec::new(), total, behind: Vec::new() });
                return;
            }
            Frame::DeliverPiece { sequence, offset, payload } => return self.piece(sequence, offset.0, payload.0),
            Frame::Trouble { code, .. } => Heard::Trouble(code),
            Frame::Found { peers, .. } => Heard::Found(peers.0.iter().map(ToString::to_string).collect()),
            Frame::Pong { .. } | Frame::Devices { .. } | Frame::Progress { .. } => {
                self.other_frames += 1;
                return;
            }
            // The first frame, and the reason of a close that follows.
            Frame::Challenge { .. } | Frame::Refused { .. } => return,
            other => panic!("a server does not send {other:?} here"),
        };
        self.heard.push_back(heard);
    }

    fn piece(&mut self, sequence: u64, offset: u64, bytes: &[u8]) {
        let half = self.halves.get_mut(&sequence).expect("a piece of an entry that has begun");
        assert_eq!(offset, half.bytes.len() as u64, "each piece goes on where the one before ended");
        half.bytes.extend_from_slice(bytes);
        if half.bytes.len() >= half.total {
            let half = self.halves.remove(&sequence).unwrap();
            assert_eq!(half.bytes.len(), half.total);
            self.in_order(read(Some(sequence), &half.bytes));
            half.behind.into_iter().for_each(|heard| self.in_order(heard));
        }
    }

    /// What one device sent keeps its order: later entries wait for a large one before them.
    fn in_order(&mut self, heard: Heard) {
        let before = match &heard {
            Heard::Message(arrived) => self
                .halves
                .iter_mut()
                .rev()
                .find(|(sequence, half)| half.sender == arrived.id.device && arrived.sequence.is_some_and(|own| **sequence < own)),
            _ => None,
        };
        match before {
            Some((_, half)) => half.behind.push(heard),
            None => self.heard.push_back(heard),
        }
    }
}

fn read(sequence: Option<u64>, mut entry: &[u8]) -> Heard {
    match Entry::read(&mut entry).unwrap_or_else(|error| panic!("the server sent what is no entry: {error}")) {
        Entry::Message(Delivery { from, id, payload, .. }) => Heard::Message(Arrived { sequence, id, from, payload: payload.0.to_vec() }),
        Entry::Receipt(receipt) => Heard::Receipt(sequence.expect("receipts are queued"), receipt),
    }
}
