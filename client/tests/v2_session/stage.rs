//! One session of version 2 in virtual time, with a disk that does as it is told and the words of a server.
#![allow(dead_code)]

use std::collections::BTreeMap;

use msr_client::{Change, Draft, Event, Failure, Input, Moment, Output, PersistTicket, Session, Settings, Snapshot, Ticket};
use msr_protocol::v2::{Delivery, Entry, Exception, Field as _, Frame, List, MessageId, Rest, SUBPROTOCOL, Varint, frames};
use msr_protocol::{Code, Credential, JsonText, Peer};

pub(crate) const SERVER: &str = "ws://127.0.0.1:55688";
pub(crate) const OTHER: Credential = Credential([9; 16]);

pub(crate) fn settings() -> Settings {
    Settings { server: SERVER.to_owned(), peer: Peer::default(), device: "test".to_owned(), autoreconnect: true }
}

pub(crate) fn credential() -> Credential {
    Peer::default().credential()
}

pub(crate) fn failure(code: Code) -> Failure {
    Failure::from(code)
}

pub(crate) fn draft(content: &str) -> Draft {
    Draft::new(JsonText::array_of_one(OTHER), JsonText::string("test"), JsonText::from_spelled(content.to_owned()))
}

pub(crate) fn closed(code: u16) -> Input {
    Input::SocketClosed { code, reason: String::new() }
}

pub(crate) fn frame(frame: &Frame<'_>) -> Input {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    Input::FrameReceived(bytes)
}

pub(crate) fn accepted(number: u64) -> Input {
    frame(&Frame::Accepted { number: Varint(number), timestamp_ms: 5, exceptions: List(Vec::<Exception>::new()) })
}

pub(crate) fn declined(upload: u64, code: Code) -> Input {
    frame(&Frame::Declined { upload: Varint(upload), code: code.number(), reason: "" })
}

pub(crate) fn rejected(number: u64, code: Code) -> Input {
    frame(&Frame::Rejected { number: Varint(number), code: code.number(), reason: "" })
}

/// What a server says when it welcomes a device that it knows up to that number.
pub(crate) struct Welcome {
    pub(crate) queue_epoch: u64,
    pub(crate) accepted: u64,
    pub(crate) gap: bool,
    pub(crate) message_bytes: u64,
}

impl Default for Welcome {
    fn default() -> Self {
        Self { queue_epoch: 3, accepted: 0, gap: false, message_bytes: 1_000_000 }
    }
}

/// An entry of another device.
pub(crate) fn entry(number: u64, reply_to: Option<MessageId>, payload: &[u8]) -> Vec<u8> {
    let id = MessageId { device: [8; 16], outbox_epoch: 1, number: Varint(number) };
    let recipients = List(vec![credential()]);
    let payload = Rest(payload);
    let delivery = Delivery { from: OTHER, id, timestamp_ms: 1, flags: 0, recipients, reply_to, subject: "\"s\"", payload };
    let mut bytes = Vec::new();
    Entry::Message(delivery).write(&mut bytes);
    bytes
}

pub(crate) fn deliver(sequence: u64, entry: &[u8]) -> Input {
    frame(&Frame::Deliver { sequence, header: &[], entry: Rest(entry) })
}

/// A session, its clocks and its disk.
pub(crate) struct Stage {
    pub(crate) session: Session,
    pub(crate) now: Moment,
    pub(crate) disk: BTreeMap<String, Vec<u8>>,
    /// Whether writes are answered at once; if not, they wait here.
    pub(crate) keeps: bool,
    pub(crate) writes: Vec<(PersistTicket, Vec<Change>)>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(BTreeMap::new())
    }

    /// Another run, with what the disk has.
    pub(crate) fn with(disk: BTreeMap<String, Vec<u8>>) -> Self {
        let now = Moment { monotonic_ms: 5_000.0, wall_ms: 1_700_000_000_000.0 };
        Self { session: Session::new(1), now, disk, keeps: true, writes: Vec::new() }
    }

    pub(crate) fn registered() -> Self {
        let mut stage = Self::new();
        stage.input(Input::Connect(settings()));
        stage.register(Welcome::default());
        stage
    }

    /// From an `OpenSocket` on.
    pub(crate) fn register(&mut self, welcome: Welcome) -> Vec<Output> {
        self.hello();
        self.input(welcome_frame(&welcome, 77))
    }

    /// The socket opens and the server speaks; gives the client's `Hello`.
    pub(crate) fn hello(&mut self) -> (u64, Option<u64>, u64) {
        self.input(Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) });
        let outputs = self.input(frame(&Frame::Challenge { nonce: [0; 32], time_ms: 0, server: "x" }));
        let [Output::TransmitFrames(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
        let Some(Ok(Frame::Hello { outbox_epoch, queue_epoch, handled, .. })) = frames(bytes).next() else { panic!() };
        (outbox_epoch, queue_epoch, handled)
    }

    pub(crate) fn input(&mut self, input: Input) -> Vec<Output> {
        self.session.handle_input(input, self.now);
        self.drain()
    }

    pub(crate) fn send(&mut self, draft: Draft) -> (Ticket, Vec<Output>) {
        let ticket = self.session.send(draft, self.now);
        (ticket, self.drain())
    }

    pub(crate) fn cancel(&mut self, ticket: Ticket) -> Vec<Output> {
        self.session.cancel(ticket, self.now);
        self.drain()
    }

    /// The oldest write is done, or failed.
    pub(crate) fn written(&mut self, fails: bool) -> Vec<Output> {
        let (ticket, changes) = self.writes.remove(0);
        let answer = self.write(ticket, &changes, fails);
        self.input(answer)
    }

    fn write(&mut self, ticket: PersistTicket, changes: &[Change], fails: bool) -> Input {
        if fails {
            return Input::PersistFailed { ticket, reason: "full".to_owned() };
        }
        for change in changes {
            match change {
                Change::Put { key, value } => drop(self.disk.insert(key.clone(), value.clone())),
                Change::Delete { key } => drop(self.disk.remove(key)),
            }
        }
        Input::Persisted { ticket }
    }

    /// The server reads all pieces of what goes up, and answers the pings between them: gives all that is said, pings and
    /// pieces apart.
    pub(crate) fn read_pieces(&mut self, mut outputs: Vec<Output>) -> Vec<String> {
        let mut heard = Vec::new();
        while !outputs.is_empty() {
            heard.extend(said(&outputs));
            let pongs = pings(&outputs).into_iter().map(|time_ms| Frame::Pong { origin_time_ms: time_ms, receive_time_ms: 1 });
            outputs = pongs.map(|pong| frame(&pong)).collect::<Vec<_>>().into_iter().flat_map(|pong| self.input(pong)).collect();
        }
        heard.retain(|said| said != "ping" && !said.starts_with("piece"));
        heard
    }

    /// Time goes by, and what is due on the way is done.
    pub(crate) fn wait(&mut self, ms: f64) -> Vec<Output> {
        let end = self.now.monotonic_ms + ms;
        let mut outputs = Vec::new();
        while let Some(deadline) = self.session.poll_timeout().filter(|&deadline| deadline <= end) {
            self.pass((deadline - self.now.monotonic_ms).max(0.0));
            self.session.handle_timeout(self.now);
            outputs.extend(self.drain());
        }
        self.pass(end - self.now.monotonic_ms);
        outputs
    }

    pub(crate) fn pass(&mut self, ms: f64) {
        self.now.monotonic_ms += ms;
        self.now.wall_ms += ms;
    }

    /// All that is said but for the disk, which is asked and answers; `Outbox` is told too often to be looked at.
    pub(crate) fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Restore { credential } => {
                    let records = self.disk.clone().into_iter().collect();
                    let restored = Input::Restored(Snapshot { credential, records, entropy: [6; 32] });
                    self.session.handle_input(restored, self.now);
                }
                Output::Persist { ticket, changes, .. } if self.keeps => {
                    let answer = self.write(ticket, &changes, false);
                    self.session.handle_input(answer, self.now);
                }
                Output::Persist { ticket, changes, .. } => self.writes.push((ticket, changes)),
                Output::Event(Event::Outbox { .. }) => {}
                other => outputs.push(other),
            }
        }
        outputs
    }
}

pub(crate) fn welcome_frame(welcome: &Welcome, start: u64) -> Input {
    frame(&Frame::Welcome {
        origin_time_ms: 0,
        receive_time_ms: 1_700_000_000_000,
        process_time_us: Varint(0),
        queue_epoch: welcome.queue_epoch,
        start,
        accepted: Varint(welcome.accepted),
        waiting: Varint(0),
        gap: welcome.gap,
        window_entries: Varint(4),
        window_bytes: Varint(100_000),
        message_bytes: Varint(welcome.message_bytes),
        piece_bytes: Varint(10_000),
        heartbeat_ms: Varint(10_000),
    })
}

/// The times of the pings among these.
pub(crate) fn pings(outputs: &[Output]) -> Vec<i64> {
    let messages = outputs.iter().filter_map(|output| if let Output::TransmitFrames(bytes) = output { Some(bytes) } else { None });
    let ping = |frame| if let Ok(Frame::Ping { time_ms }) = frame { Some(time_ms) } else { None };
    messages.flat_map(|message| frames(message).filter_map(ping).collect::<Vec<_>>()).collect()
}

/// The frames among these, in short.
pub(crate) fn said(outputs: &[Output]) -> Vec<String> {
    let messages = outputs.iter().filter_map(|output| if let Output::TransmitFrames(bytes) = output { Some(bytes) } else { None });
    let brief = |frame: Frame<'_>| match frame {
        Frame::Send { number, .. } => format!("send {}", number.0),
        Frame::Void { number } => format!("void {}", number.0),
        Frame::Begin { upload, .. } => format!("begin {}", upload.0),
        Frame::Piece { upload, .. } => format!("piece {}", upload.0),
        Frame::Finish { upload, number } => format!("finish {} as {}", upload.0, number.0),
        Frame::Ack { sequence } => format!("ack {sequence}"),
        Frame::Ping { .. } => "ping".to_owned(),
        other => format!("{other:?}").split_whitespace().next().unwrap().to_lowercase(),
    };
    messages.flat_map(|message| frames(message).map(|frame| brief(frame.unwrap())).collect::<Vec<_>>()).collect()
}

pub(crate) fn events(outputs: &[Output]) -> Vec<Event> {
    outputs.iter().filter_map(|output| if let Output::Event(event) = output { Some(event.clone()) } else { None }).collect()
}

/// The tickets that were settled, and how.
pub(crate) fn settled(outputs: &[Output]) -> Vec<(Ticket, Result<u64, Code>)> {
    let settled = events(outputs).into_iter().filter_map(|event| match event {
        Event::Accepted { ticket, id, .. } => Some((ticket, Ok(id.number.0))),
        Event::Sent { ticket, .. } => Some((ticket, Ok(0))),
        Event::NotSent { ticket, failure } => Some((ticket, Err(failure.code))),
        _ => None,
    });
    settled.collect()
}

/// The contents that were handed over.
pub(crate) fn handed(outputs: &[Output]) -> Vec<String> {
    let messages = events(outputs).into_iter().filter_map(|event| match event {
        Event::Message(message) | Event::Reply { message, .. } => Some(message.message.content.into_string()),
        _ => None,
    });
    messages.collect()
}
