//! What a driver tells a session, and what it is told to do.

use msr_protocol::Credential;
use msr_protocol::v2::Bytes16;

use super::{Change, DeliveryTag, Event, PersistTicket, Received, Settings, Snapshot};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The page called `connect()`.
    Connect(Settings),
    /// The page changed a setting.
    Configure(Settings),
    /// The page called `close()`.
    Close,
    /// The page called `bye()`.
    Bye,
    /// The network is back, or the page is shown again: no reason to wait any longer.
    Wake,
    /// The socket is open.
    SocketOpened {
        /// The sub-protocol that the server chose.
        subprotocol: Option<String>,
    },
    /// The socket is closed, or never opened.
    SocketClosed {
        /// The WebSocket close code; 1006 when nobody said one. A driver that knows why it did not open says so with the
        /// [`msr_protocol::Code::close_code`] of the reason: one that is final is not tried again.
        code: u16,
        /// What the other side said.
        reason: String,
    },
    /// A text message came.
    Received(Box<Received>),
    /// Something came that is no message: not JSON, a member missing, binary where text is due. Dropped, and reported.
    Unreadable,
    /// A binary message came.
    FrameReceived(Vec<u8>),
    /// The answer to [`crate::Output::ProbeOrigin`].
    OriginProbed {
        /// The server refuses this origin, for good. `false` too when nobody answered.
        refused: bool,
        /// Whether the server lists version 2 of the protocol. `Some(false)` for whoever answers without such a list,
        /// `None` when nobody answered.
        speaks_v2: Option<bool>,
    },
    /// The answer to [`crate::Output::Restore`]: what was kept, nothing for the first time.
    Restored(Snapshot),
    /// The changes are kept, whatever happens.
    Persisted {
        /// Which.
        ticket: PersistTicket,
    },
    /// None of the changes is kept.
    PersistFailed {
        /// Which.
        ticket: PersistTicket,
        /// For a person.
        reason: String,
    },
    /// The handler of a message is done with it.
    Handled(DeliveryTag),
    /// Retire a device of one's own; its queue is freed.
    Retire(Bytes16),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Open a WebSocket there; there is none open now.
    OpenSocket {
        /// `ws://…` or `wss://…`
        url: String,
        /// The sub-protocol to offer.
        subprotocol: Option<&'static str>,
    },
    /// Send this text.
    Transmit(String),
    /// Send these bytes as one binary message.
    TransmitFrames(Vec<u8>),
    /// Close the socket with this code; no [`crate::Input::SocketClosed`] is awaited, and none of its events matter any more.
    CloseSocket {
        /// 1000, or one of 4xxx.
        code: u16,
    },
    /// A connection failed before it opened: a browser does not say why. Ask the server over HTTP (`GET` this URL, JSON
    /// `{"origin":"allowed"|"refused","protocols":["msr.v2"]}`) and answer with [`crate::Input::OriginProbed`].
    ProbeOrigin {
        /// `http://…` or `https://…`
        url: String,
    },
    /// Read all that is kept for that peer, and keep what follows there. Answered by [`crate::Input::Restored`], always: a driver
    /// whose store cannot be opened hands over an empty one and keeps things in memory.
    Restore {
        /// Whose.
        credential: Credential,
    },
    /// Keep these changes, all or none of them, after those of the outputs before; in the store of the last
    /// [`crate::Output::Restore`] before this. Answered by [`crate::Input::Persisted`] or [`Input::PersistFailed`].
    Persist {
        /// What to answer with.
        ticket: PersistTicket,
        /// In this order; no key twice.
        changes: Vec<Change>,
        /// Whether a message of the page is among them, so that the answer must wait for the disk itself. Other notes may be
        /// lost with the power, and no more comes of it than that a handler is called again.
        strict: bool,
    },
    /// Tell the page.
    Event(Event),
}
