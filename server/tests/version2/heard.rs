//! What the server said, owned, to be compared.

use msr_protocol::Credential;
use msr_protocol::v2::{Entry, Field as _, Frame, MessageId};

/// What the server said, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Challenge { nonce: [u8; 32] },
    Welcome(Welcome),
    Refused { code: u16 },
    Pong { origin_time_ms: i64 },
    Accepted { number: u64, exceptions: Vec<(u64, u16)> },
    Rejected { number: u64, code: u16 },
    Declined { upload: u64, code: u16 },
    Message { sequence: u64, message: Received },
    Receipt { sequence: u64, number: u64, recipient: Credential, code: u16 },
    Realtime { message: Received },
    Begin { sequence: u64, sender: [u8; 16], bytes: u64 },
    Piece { sequence: u64, offset: u64, bytes: Vec<u8> },
    Progress { number: u64, recipient: Credential, bytes: u64 },
    Found { ticket: u64, peers: Vec<String> },
    Devices { revision: u64, devices: Vec<Listed> },
    Trouble { code: u16 },
    ListPut { ticket: u64, code: u16, list: Vec<u8> },
    Lists { ticket: u64, lists: Vec<(Credential, Vec<u8>)> },
    Keys { ticket: u64, code: u16, one_time: u64 },
    Claimed { ticket: u64, code: u16, keys: Vec<([u8; 16], Vec<u8>)> },
    Closed { code: u16 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Welcome {
    pub(crate) queue_epoch: u64,
    pub(crate) start: u64,
    pub(crate) accepted: u64,
    pub(crate) waiting: u64,
    pub(crate) gap: bool,
    pub(crate) origin_time_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) from: Credential,
    pub(crate) id: MessageId,
    pub(crate) flags: u8,
    pub(crate) recipients: Vec<Credential>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) subject: String,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) device: [u8; 16],
    pub(crate) name: String,
    pub(crate) online: bool,
    pub(crate) waiting: u64,
}

/// An entry, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entryed {
    Message(Received),
    Receipt { number: u64, recipient: Credential, code: u16 },
}

pub(crate) fn read_entry(mut bytes: &[u8]) -> Entryed {
    match Entry::read(&mut bytes).unwrap() {
        Entry::Message(message) => Entryed::Message(Received {
            from: message.from,
            id: message.id,
            flags: message.flags,
            recipients: message.recipients.0,
            reply_to: message.reply_to,
            subject: message.subject.to_owned(),
            payload: message.payload.0.to_vec(),
        }),
        Entry::Receipt(receipt) => Entryed::Receipt { number: receipt.number.0, recipient: receipt.recipient, code: receipt.code },
    }
}

/// What a frame of the server says.
pub(crate) fn heard(frame: &Frame<'_>) -> Heard {
    match frame.clone() {
        Frame::Challenge { nonce, .. } => Heard::Challenge { nonce },
        Frame::Welcome { queue_epoch, start, accepted, waiting, gap, origin_time_ms, .. } => {
            Heard::Welcome(Welcome { queue_epoch, start, accepted: accepted.0, waiting: waiting.0, gap, origin_time_ms })
        }
        Frame::Refused { code, .. } => Heard::Refused { code },
        Frame::Pong { origin_time_ms, .. } => Heard::Pong { origin_time_ms },
        Frame::Accepted { number, exceptions, .. } => {
            let exceptions = exceptions.0.iter().map(|exception| (exception.recipient.0, exception.code)).collect();
            Heard::Accepted { number: number.0, exceptions }
        }
        Frame::Rejected { number, code, .. } => Heard::Rejected { number: number.0, code },
        Frame::Declined { upload, code, .. } => Heard::Declined { upload: upload.0, code },
        Frame::Deliver { sequence, entry, .. } => match read_entry(entry.0) {
            Entryed::Message(message) => Heard::Message { sequence, message },
            Entryed::Receipt { number, recipient, code } => Heard::Receipt { sequence, number, recipient, code },
        },
        Frame::Realtime { entry, .. } => match read_entry(entry.0) {
            Entryed::Message(message) => Heard::Realtime { message },
            other => panic!("{other:?}"),
        },
        Frame::DeliverBegin { sequence, sender, total_bytes, .. } => Heard::Begin { sequence, sender, bytes: total_bytes.0 },
        Frame::DeliverPiece { sequence, offset, payload } => Heard::Piece { sequence, offset: offset.0, bytes: payload.0.to_vec() },
        Frame::Progress { number, recipient, bytes } => Heard::Progress { number: number.0, recipient, bytes: bytes.0 },
        Frame::Found { ticket, peers } => Heard::Found { ticket: ticket.0, peers: peers.0.into_iter().map(str::to_owned).collect() },
        Frame::Devices { revision, devices } => {
            let listed = devices.0.into_iter().map(|device| Listed {
                device: device.device,
                name: device.name.to_owned(),
                online: device.online,
                waiting: device.waiting.0,
            });
            Heard::Devices { revision: revision.0, devices: listed.collect() }
        }
        Frame::Trouble { code, .. } => Heard::Trouble { code },
        Frame::ListPut { ticket, code, list } => Heard::ListPut { ticket: ticket.0, code, list: list.0.to_vec() },
        Frame::Lists { ticket, lists } => {
            Heard::Lists { ticket: ticket.0, lists: lists.0.iter().map(|of| (of.peer, of.list.to_vec())).collect() }
        }
        Frame::Keys { ticket, code, one_time } => Heard::Keys { ticket: ticket.0, code, one_time: one_time.0 },
        Frame::Claimed { ticket, code, keys } => {
            Heard::Claimed { ticket: ticket.0, code, keys: keys.0.iter().map(|of| (of.device, of.key.to_vec())).collect() }
        }
        other => panic!("a server does not say {other:?}"),
    }
}
