//! What the page is told.

use msr_protocol::v2::{Bytes16, MessageId};
use msr_protocol::{Credential, JsonText, Message};

use super::{Failure, Inbound, State, Ticket};

/// How far a message got with one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// The server keeps it.
    Queued,
    /// A device of the recipient has so many bytes of it.
    Receiving {
        /// On the device that has most.
        bytes: u64,
    },
    /// A device of the recipient has handled it.
    Delivered,
    /// It was not delivered within its time.
    Expired,
    /// It never will be; the code, as a number, says why.
    Error(u16),
}

/// News of a message of the page with one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which message; `None` for one of an earlier run that was accepted then.
    pub ticket: Option<Ticket>,
    /// Which message, by its name.
    pub id: MessageId,
    /// Which recipient.
    pub recipient: Credential,
    /// How far it got.
    pub progress: Progress,
    /// When, by the server's clock, ms since 1970; `None` where it does not say.
    pub timestamp_ms: Option<i64>,
    /// Whether nothing about this message can change any more.
    pub settled: bool,
}

/// A device of the peer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnDevice {
    /// Its id.
    pub device: Bytes16,
    /// What a person calls it.
    pub name: String,
    /// Connected now.
    pub online: bool,
    /// When it was last connected, ms since 1970.
    pub seen_ms: i64,
    /// How many entries wait for it.
    pub waiting: u64,
    /// Whether it is this one.
    pub is_this: bool,
}

/// Something the page is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// `client.state` changed.
    State(State),
    /// `connect()` succeeded; also after each reconnect. Offset and round trip are known now.
    Registered,
    /// `connect()` failed for good, or was closed before it succeeded, or an established client gave up.
    Refused(Failure),
    /// A message for the page.
    Message(Box<Inbound>),
    /// A message of the page is on the server's disk for every recipient device that has not handled it.
    Accepted {
        /// Which.
        ticket: Ticket,
        /// Its name, for ever.
        id: MessageId,
        /// When, by the server's clock, ms since 1970.
        timestamp_ms: i64,
        /// How far it got with each recipient.
        recipients: Vec<(Credential, Progress)>,
        /// Whether it is encrypted end to end, as far as is known: of one whose acceptance an earlier run did not hear of, `false`
        /// where that cannot be told.
        encrypted: bool,
    },
    /// How far a message of the page got with one recipient. May come before [`crate::Event::Accepted`].
    Receipt(Receipt),
    /// The answer to a request; handled like any message.
    Reply {
        /// Which request.
        ticket: Ticket,
        /// The answer.
        message: Box<Inbound>,
    },
    /// A request will not be answered.
    NoReply {
        /// Which.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// A message of an earlier run waits in the outbox, and goes on under this ticket.
    Restored {
        /// Which.
        ticket: Ticket,
        /// The page's own name for it.
        id: Option<String>,
    },
    /// Messages were lost: the server's store was, or this device's, or too much waited.
    Gap,
    /// The devices of the peer; after each registration in version 2 and on each change.
    Devices {
        /// Counts the changes.
        revision: u64,
        /// Each of them.
        devices: Vec<OwnDevice>,
    },
    /// A message of the page was written to the socket, and nothing more will be heard of it: version 1, realtime.
    Sent {
        /// Which.
        ticket: Ticket,
        /// The message as the page wrote it.
        message: Message,
        /// Whether it was encrypted end to end.
        encrypted: bool,
    },
    /// A message of the page will not be sent.
    NotSent {
        /// Which.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// A search is complete.
    Found {
        /// Which.
        ticket: Ticket,
        /// The peers found, JSON objects as the server spells them.
        peers: Vec<JsonText>,
    },
    /// A search failed.
    NotFound {
        /// Which.
        ticket: Ticket,
        /// Why.
        failure: Failure,
    },
    /// How many messages wait in the outbox.
    Outbox {
        /// Their number.
        waiting: usize,
    },
    /// Something went wrong that nobody waits for: a message that was dropped, a connection that was lost.
    Trouble(Failure),
    /// The connection is lost, or an attempt failed; it is tried again after `retry_in_ms`.
    Lost {
        /// The WebSocket close code; 1006 when nobody said one, 4551 when it took too long.
        code: u16,
        /// What the server said.
        reason: String,
        /// `None` when it is not tried again.
        retry_in_ms: Option<f64>,
    },
}
