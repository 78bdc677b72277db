//! A client of version 2 that speaks frames and does what it is told, right or wrong. It knows the codec and nothing of
//! the client it stands beside: no outbox, no acknowledging by itself, no reconnecting.

mod client;

use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, DeviceHeader, Frame, List, MessageId, Receipt, Rest, Varint};

pub use client::FrameClient;

use crate::{Dialect, Words};

/// How long a message is kept unless a test says otherwise.
const KEPT_MS: u64 = 24 * 3_600_000;

/// Who connects, on which device, and what that device remembers.
#[derive(Debug, Clone)]
pub struct Device {
    /// Whose it is.
    pub words: Words,
    /// Its id.
    pub id: Bytes16,
    /// Names the numbering of what it sends.
    pub outbox_epoch: u64,
    /// The epoch of its queue, once it knows one.
    pub queue_epoch: Option<u64>,
    /// The start of the server in which it got its last entry.
    pub start: u64,
    /// The last sequence it has handled.
    pub handled: u64,
}

impl Device {
    /// A device that was never connected. Its id is made of both names.
    pub fn new(person: &str, device: &str) -> Self {
        let id = hex::decode(crate::md5(&format!("{person} {device}"))).unwrap().try_into().unwrap();
        Self { words: Words::new(Dialect::A, person), id, outbox_epoch: 1, queue_epoch: None, start: 0, handled: 0 }
    }

    /// Whose it is.
    pub fn credential(&self) -> Credential {
        Credential(hex::decode(self.words.credential()).unwrap().try_into().unwrap())
    }

    /// Connects to a server on 127.0.0.1 and registers; takes over what the welcome says.
    ///
    /// # Errors
    /// How the server refused.
    pub async fn try_connect(&mut self, port: u16) -> Result<FrameClient, Refusal> {
        let mut client = FrameClient::open(port).await?;
        client.hello(self).await?;
        Ok(client)
    }

    /// The same where nothing else will do.
    pub async fn connect(&mut self, port: u16) -> FrameClient {
        self.try_connect(port).await.unwrap_or_else(|refusal| panic!("refused: {refusal:?}"))
    }

    /// It has handled this, and everything before it.
    pub fn handle(&mut self, client: &FrameClient, sequence: u64) {
        self.handled = sequence;
        self.start = client.welcome.start;
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody listens, or the connection broke before the welcome.
    Broken,
    /// With this HTTP status, before the upgrade.
    Http(u16),
    /// With this code, and how the connection ended.
    Refused(u16),
    /// With this WebSocket close code.
    Closed(u16),
}

/// What a server says of a registration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Welcome {
    /// The epoch of the queue.
    pub queue_epoch: u64,
    /// The start of the server.
    pub start: u64,
    /// The highest number accepted.
    pub accepted: u64,
    /// How many entries wait.
    pub waiting: u64,
    /// Whether entries were lost.
    pub gap: bool,
    /// How many entries may be under way.
    pub window_entries: u64,
    /// How many bytes of them.
    pub window_bytes: u64,
    /// How large a message may be.
    pub message_bytes: u64,
    /// What is longer travels in pieces.
    pub piece_bytes: u64,
    /// How often a ping is due.
    pub heartbeat_ms: u64,
}

/// Something to send.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Its number.
    pub number: u64,
    /// For whom.
    pub to: Vec<Credential>,
    /// How long it is kept.
    pub expire_after_ms: u64,
    /// Bit 0 realtime, bit 1 request, bit 2 bytes.
    pub flags: u8,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Parcel {
    /// A message that is kept for a day.
    pub fn new(number: u64, to: &[Credential], payload: impl Into<Vec<u8>>) -> Self {
        Self { number, to: to.to_vec(), expire_after_ms: KEPT_MS, flags: 0, payload: payload.into() }
    }

    /// Appends its frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        let frame = Frame::Send {
            number: Varint(self.number),
            flags: self.flags,
            expire_after_ms: Varint(self.expire_after_ms),
            recipients: List(self.to.clone()),
            device_headers: List(Vec::<DeviceHeader<'_>>::new()),
            reply_to: None,
            subject: "\"test\"",
            payload: Rest(&self.payload),
        };
        frame.write(out);
    }

    /// Its frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its place in the queue; `None` for a realtime message.
    pub sequence: Option<u64>,
    /// Its name for ever.
    pub id: MessageId,
    /// Its sender.
    pub from: Credential,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Arrived {
    /// What it carries, as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// What a server said, beside the answers to pings and what is news of other devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The message of that number is kept; whom it is not kept for, by place, and why.
    Accepted(u64, Vec<(u64, u16)>),
    /// It is not, and why.
    Rejected(u64, u16),
    /// That upload is given up, and why.
    Declined(u64, u16),
    /// A message.
    Message(Arrived),
    /// News of a message of one's own, and its place in the queue.
    Receipt(u64, Receipt),
    /// Something was not done, and why.
    Trouble(u16),
    /// Peers that were found.
    Found(Vec<String>),
}
