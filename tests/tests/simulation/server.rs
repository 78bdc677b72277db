//! The server while it runs: the exchange, the batch on its way to the disk, and the wires of its connections.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::AddAssign;
use std::rc::Rc;

use msr_delivery::{Batch, ConnectionId, Effect, Exchange, Greeting, Now, Offered, limits};
use msr_protocol::v2::flags::SEALED;
use msr_protocol::v2::{DeviceHeader, Entry, Field as _, Frame, List, MessageId, Rest, Varint, frames};
use msr_protocol::{Code, Credential};

use crate::desk::Desk;
use crate::history::Text;
use crate::keys::Sealed;
use crate::store::Store;

/// What comes down a wire.
#[derive(Debug, Clone)]
pub(crate) enum Down {
    Message(Vec<u8>),
    Close(u16),
}

/// What goes up a wire.
#[derive(Debug, Clone)]
pub(crate) enum Up {
    Message(Vec<u8>),
    Closed,
}

#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) up: VecDeque<Up>,
    pub(crate) down: VecDeque<Down>,
    /// The large message that arrives: its upload, its length and its bytes.
    upload: Option<(u64, usize, Vec<u8>)>,
    last_upload: u64,
    /// Whether it is gone for the exchange.
    is_closed: bool,
    outbox: Option<([u8; 16], u64)>,
    peer: Option<Credential>,
    /// Nothing travels on it any more, and nobody was told.
    pub(crate) is_mute: bool,
}

/// An entry that goes down in pieces.
struct Large {
    connection: ConnectionId,
    arrival: u64,
    offset: usize,
}

pub(crate) struct Server {
    pub(crate) exchange: Exchange,
    pub(crate) writing: Option<Batch>,
    pub(crate) wires: BTreeMap<ConnectionId, Wire>,
    large: VecDeque<Large>,
    pub(crate) fetches: VecDeque<(msr_delivery::DeviceIndex, Vec<msr_delivery::Wanted>)>,
    desk: Rc<RefCell<Desk>>,
    /// What sealed bodies say; `None` where nobody has keys.
    sealed: Option<Sealed>,
    /// What every number said that came.
    pub(crate) offered: BTreeMap<MessageId, Text>,
    pub(crate) counts: Counts,
}

/// How often something happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) refused: usize,
    /// Messages in pieces that were finished, declined, taken back.
    pub(crate) uploaded: usize,
    pub(crate) declined: usize,
    pub(crate) taken_back: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.uploaded += other.uploaded;
        self.declined += other.declined;
        self.taken_back += other.taken_back;
    }
}

impl Server {
    pub(crate) fn new(exchange: Exchange, desk: Rc<RefCell<Desk>>, sealed: Option<Sealed>) -> Self {
        Self {
            exchange,
            desk,
            sealed,
            writing: None,
            wires: BTreeMap::new(),
            large: VecDeque::new(),
            fetches: VecDeque::new(),
            offered: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// A socket is open: the server speaks first.
    pub(crate) fn opened(&mut self, connection: ConnectionId, now: Now) {
        self.wires.insert(connection, Wire::default());
        self.write(connection, &Frame::Challenge { nonce: [7; 32], time_ms: now.wall_ms, server: "sim" });
    }

    /// Carries out what the exchange asks for; what goes to a connection that is gone is lost.
    pub(crate) fn drain(&mut self) {
        while let Some(effect) = self.exchange.poll_effect() {
            match effect {
                Effect::Frame { connection, frame } => {
                    if matches!(frames(&frame).next(), Some(Ok(Frame::Rejected { .. }))) {
                        self.counts.refused += 1;
                    }
                    self.tell(connection, Down::Message(frame));
                }
                Effect::Entry { connection, arrival, entry, header } => {
                    self.write(connection, &Frame::Deliver { sequence: arrival, header: &header, entry: Rest(&entry) });
                }
                Effect::Large { connection, arrival, sender, bytes, header } => {
                    self.write(
                        connection,
                        &Frame::DeliverBegin { sequence: arrival, sender, total_bytes: Varint(u64::from(bytes)), header: &header },
                    );
                    self.large.push_back(Large { connection, arrival, offset: 0 });
                }
                Effect::Fetch { device, wanted } => self.fetches.push_back((device, wanted)),
                Effect::Version1 { .. } => panic!("nobody is here in version 1"),
                Effect::Close { connection, code } => {
                    if let Some(wire) = self.wires.get_mut(&connection) {
                        wire.is_closed = true;
                    }
                    self.tell(connection, Down::Close(code.close_code()));
                }
            }
        }
    }

    fn write(&mut self, connection: ConnectionId, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.tell(connection, Down::Message(bytes));
    }

    /// Frames that follow on each other share a message, as a real server's do.
    fn tell(&mut self, connection: ConnectionId, down: Down) {
        let Some(wire) = self.wires.get_mut(&connection).filter(|wire| !wire.is_mute) else { return };
        match (wire.down.back_mut(), down) {
            (Some(Down::Message(last)), Down::Message(next)) if last.len() < 500 => last.extend(next),
            (_, down) => wire.down.push_back(down),
        }
    }

    /// The next message of a connection, if there is one.
    pub(crate) fn hear(&mut self, connection: ConnectionId, now: Now, fresh_epoch: u64) -> bool {
        let Some(wire) = self.wires.get_mut(&connection).filter(|wire| !wire.is_mute) else { return false };
        let Some(up) = wire.up.pop_front() else { return false };
        match up {
            Up::Message(_) if wire.is_closed => {}
            Up::Message(message) => {
                for frame in frames(&message) {
                    self.frame(connection, &frame.expect("a client writes frames"), now, fresh_epoch);
                }
            }
            Up::Closed => self.gone(connection, now),
        }
        self.drain();
        true
    }

    /// The connection is no more.
    pub(crate) fn gone(&mut self, connection: ConnectionId, now: Now) {
        self.wires.remove(&connection);
        self.exchange.disconnected(connection, now);
        self.drain();
    }

    fn frame(&mut self, connection: ConnectionId, frame: &Frame<'_>, now: Now, fresh_epoch: u64) {
        match frame {
            Frame::Hello { .. } => self.hello(connection, frame, now, fresh_epoch),
            Frame::Send { .. } => self.send(connection, frame, now),
            Frame::Begin { upload, total_bytes } => {
                let wire = self.wires.get_mut(&connection).unwrap();
                assert!(upload.0 > wire.last_upload && wire.upload.is_none(), "one at a time, each with a name of its own");
                wire.last_upload = upload.0;
                wire.upload = Some((upload.0, total_bytes.0 as usize, Vec::new()));
            }
            Frame::Piece { upload, offset, payload } => {
                let wire = self.wires.get_mut(&connection).unwrap();
                assert!(payload.0.len() <= limits::PIECE_BYTES as usize && upload.0 <= wire.last_upload);
                let Some((_, total, bytes)) = wire.upload.as_mut().filter(|(begun, ..)| *begun == upload.0) else { return };
                assert_eq!(bytes.len() as u64, offset.0, "pieces follow on each other");
                bytes.extend_from_slice(payload.0);
                assert!(bytes.len() <= *total);
                // Now and then there is no room for it.
                if fresh_epoch.is_multiple_of(12) {
                    wire.upload = None;
                    self.counts.declined += 1;
                    self.write(connection, &Frame::Declined { upload: *upload, code: Code::Busy.number(), reason: "" });
                }
            }
            Frame::Finish { upload, number } => self.finish(connection, upload.0, *number, now),
            Frame::Void { number } => self.offer(connection, number.0, 0, 0, &[], &[], None, b"", now),
            Frame::Ack { sequence } => self.exchange.acknowledge(connection, *sequence, now),
            Frame::Ping { time_ms } => {
                self.write(connection, &Frame::Pong { origin_time_ms: *time_ms, receive_time_ms: now.wall_ms });
            }
            Frame::Bye {} => {
                self.exchange.disconnected(connection, now);
                self.tell(connection, Down::Close(1000));
            }
            Frame::Find { ticket, .. } => self.write(connection, &Frame::Found { ticket: *ticket, peers: List(Vec::new()) }),
            keys => self.keys(connection, keys),
        }
    }

    fn keys(&mut self, connection: ConnectionId, frame: &Frame<'_>) {
        let wire = &self.wires[&connection];
        let (Some(peer), Some((device, _))) = (wire.peer, wire.outbox) else { panic!("before it is registered: {frame:?}") };
        let (answer, push) = self.desk.borrow_mut().answer(peer, device, frame);
        self.tell(connection, Down::Message(answer));
        let others: Vec<_> =
            self.wires.iter().filter(|(other, wire)| **other != connection && wire.peer == Some(peer)).map(|(other, _)| *other).collect();
        for other in others {
            push.iter().for_each(|push| self.tell(other, Down::Message(push.clone())));
        }
    }

    fn finish(&mut self, connection: ConnectionId, upload: u64, number: Varint, now: Now) {
        let wire = self.wires.get_mut(&connection).unwrap();
        let whole = wire.upload.take_if(|(begun, ..)| *begun == upload).filter(|(_, total, bytes)| bytes.len() == *total);
        match whole {
            _ if number.0 == 0 => self.counts.taken_back += 1,
            None => {
                self.counts.refused += 1;
                self.write(connection, &Frame::Rejected { number, code: Code::Timeout.number(), reason: "" });
            }
            Some((_, _, body)) => {
                let length = (body.len() as u32).to_le_bytes();
                let whole = [&[0x10, length[0], length[1], length[2]], body.as_slice()].concat();
                let mut frame = frames(&whole).next().unwrap().expect("pieces make a frame");
                let Frame::Send { number: place, .. } = &mut frame else { panic!("{frame:?}") };
                assert_eq!(std::mem::replace(place, number), Varint(0), "it has no number before it is finished");
                self.counts.uploaded += 1;
                self.send(connection, &frame, now);
            }
        }
    }

    fn hello(&mut self, connection: ConnectionId, frame: &Frame<'_>, now: Now, fresh_epoch: u64) {
        let &Frame::Hello { credential, device, time_ms, outbox_epoch, queue_epoch, start, handled, .. } = frame else { return };
        let greeting = Greeting { credential, device, name: String::new(), outbox_epoch, queue_epoch, start, handled, fresh_epoch };
        match self.exchange.hello(connection, &greeting, now) {
            Ok(welcomed) => {
                self.drain();
                let wire = self.wires.get_mut(&connection).unwrap();
                (wire.outbox, wire.peer) = (Some((device, outbox_epoch)), Some(credential));
                let welcome = Frame::Welcome {
                    origin_time_ms: time_ms,
                    receive_time_ms: now.wall_ms,
                    process_time_us: Varint(0),
                    queue_epoch: welcomed.queue_epoch,
                    start: welcomed.start,
                    accepted: Varint(welcomed.accepted),
                    waiting: Varint(welcomed.waiting as u64),
                    gap: welcomed.gap,
                    window_entries: Varint(limits::WINDOW_ENTRIES as u64),
                    window_bytes: Varint(100_000),
                    message_bytes: Varint(limits::MESSAGE_BYTES as u64),
                    piece_bytes: Varint(u64::from(limits::PIECE_BYTES)),
                    heartbeat_ms: Varint(10_000),
                };
                self.write(connection, &welcome);
                if self.sealed.is_some() {
                    let greeting = self.desk.borrow_mut().greeting(credential, device);
                    self.tell(connection, Down::Message(greeting));
                }
                self.exchange.ready(connection);
            }
            Err(code) => {
                self.write(connection, &Frame::Refused { code: code.number(), reason: code.reason() });
                self.tell(connection, Down::Close(code.close_code()));
            }
        }
    }

    fn send(&mut self, connection: ConnectionId, frame: &Frame<'_>, now: Now) {
        let Frame::Send { number, flags, expire_after_ms, recipients, device_headers, reply_to, payload, .. } = frame else {
            panic!("{frame:?}")
        };
        self.offer(connection, number.0, *flags, expire_after_ms.0, &recipients.0, &device_headers.0, *reply_to, payload.0, now);
    }

    #[allow(clippy::too_many_arguments)]
    fn offer(
        &mut self,
        connection: ConnectionId,
        number: u64,
        flags: u8,
        expire_after_ms: u64,
        recipients: &[Credential],
        device_headers: &[DeviceHeader<'_>],
        reply_to: Option<MessageId>,
        payload: &[u8],
        now: Now,
    ) {
        let sealed = self.sealed.as_ref().and_then(|sealed| sealed.borrow().get(payload).copied());
        let text = sealed.or_else(|| std::str::from_utf8(payload).ok().and_then(Text::read));
        assert!(self.sealed.is_none() || number == 0 || payload.is_empty() || flags & SEALED != 0, "in plain text");
        if let (Some((device, outbox_epoch)), Some(text)) = (self.wires[&connection].outbox, text)
            && number > 0
        {
            let id = MessageId { device, outbox_epoch, number: Varint(number) };
            let before = self.offered.insert(id, text);
            assert!(before.is_none_or(|before| before == text), "{id:?} was {before:?} and is {text:?}");
        }
        let live = BTreeSet::new();
        let mut device_headers = device_headers.to_vec();
        device_headers.sort_by_key(|header| header.device);
        let offered = Offered {
            number,
            flags,
            expire_after_ms,
            recipients: recipients.to_vec(),
            device_headers,
            reply_to,
            subject: "\"s\"",
            payload,
            live: &live,
            sayable_in_version_1: false,
        };
        self.exchange.offer(connection, &offered, &*self.desk.borrow(), now);
    }

    /// The next piece of some large entry.
    pub(crate) fn piece(&mut self, store: &Store, now: Now) -> bool {
        let Some(Large { connection, arrival, offset }) = self.large.pop_front() else { return false };
        if self.wires.get(&connection).is_none_or(|wire| wire.is_closed || wire.is_mute) {
            return true;
        }
        let kept = store.messages.get(&arrival).map(|message| message.entry.clone());
        // Gone when it was taken back because the disk was full, or has expired.
        let Some(entry) = self.exchange.uncommitted(arrival).or(kept) else {
            self.tell(connection, Down::Close(Code::StoreFull.close_code()));
            self.exchange.disconnected(connection, now);
            self.wires.get_mut(&connection).unwrap().is_closed = true;
            self.drain();
            return true;
        };
        let end = entry.len().min(offset + limits::PIECE_BYTES as usize);
        let offset_on_wire = Varint(offset as u64);
        self.write(connection, &Frame::DeliverPiece { sequence: arrival, offset: offset_on_wire, payload: Rest(&entry[offset..end]) });
        if let Ok(Entry::Message(delivery)) = Entry::read(&mut &entry[..]) {
            self.exchange.progress(delivery.recipients.0[0], arrival, end as u64);
        }
        if end < entry.len() {
            self.large.push_back(Large { connection, arrival, offset: end });
        }
        self.drain();
        true
    }
}
