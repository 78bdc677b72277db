//! What a driver tells a session, and what it is told to do.

use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, MessageId};

use super::{
    Change, DeliveryTag, Event, Failure, Letter, Opened, Opening, PersistTicket, Received, SealTicket, Sealing, Settings, Snapshot,
};

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
    /// The answer to [`crate::Output::Prove`].
    Proven {
        /// The nonce of the question; an answer to an earlier one means nothing.
        nonce: [u8; 32],
        /// An encoded [`msr_protocol::v2::Proof`].
        proof: Vec<u8>,
    },
    /// There is no proof: `connect()` is refused for good.
    NotProven {
        /// As in [`crate::Input::Proven`].
        nonce: [u8; 32],
        /// Why.
        failure: Failure,
    },
    /// The answer to [`crate::Output::Seal`].
    Sealed {
        /// Which.
        ticket: SealTicket,
        /// What became of it.
        outcome: Sealing,
    },
    /// The answer to [`crate::Output::Open`].
    Opened {
        /// Which.
        tag: DeliveryTag,
        /// What became of it.
        outcome: Opening,
    },
    /// The keys have something to say to the server: whole frames, written now where an identity by key is registered, else
    /// dropped. Whoever asks asks again after [`crate::Event::Registered`].
    Keys(Vec<u8>),
    /// A letter of the keys themselves, sealed already: kept and sent like a message, to those devices alone that have a header.
    /// The page hears nothing of it.
    Control {
        /// Whose devices those are.
        recipient: Credential,
        /// What all devices get.
        payload: Vec<u8>,
        /// What each device gets beside it.
        headers: Vec<(Bytes16, Vec<u8>)>,
    },
    /// A message could be opened after all that was answered with [`crate::Opening::Silent`]. It comes to the page now; when it
    /// is handled, [`crate::Output::LateHandled`] says so.
    Late {
        /// As in [`crate::Output::Open`].
        entry: Vec<u8>,
        /// What was in it.
        opened: Opened,
    },
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
    /// Prove that this device is the peer's, for this connection; for identities by key alone. Answered by
    /// [`crate::Input::Proven`] or [`crate::Input::NotProven`].
    Prove {
        /// Whose.
        credential: Credential,
        /// Which device.
        device: Bytes16,
        /// What the server wants to see signed.
        nonce: [u8; 32],
        /// Host and port that were dialled, lower-case, the port always there.
        host: String,
    },
    /// Seal this. Answered by [`crate::Input::Sealed`] when it can be, in any order: while it waits for a decision of the person,
    /// it is simply not answered. Messages for other recipients pass.
    Seal {
        /// What to answer with.
        ticket: SealTicket,
        /// What to seal.
        letter: Letter,
    },
    /// The message of that question is gone, or what was sealed is not sent: forget it.
    Unseal {
        /// Which question.
        ticket: SealTicket,
    },
    /// Open this. Answered by [`crate::Input::Opened`], always: until then the sender's next message waits.
    Open {
        /// What to answer with.
        tag: DeliveryTag,
        /// What this device got beside the message; empty where there was nothing for it.
        header: Vec<u8>,
        /// The message, an encoded [`msr_protocol::v2::Entry`].
        entry: Vec<u8>,
    },
    /// A whole frame for the keys, unread: `Lists`, `ListPut`, `Keys` or `Claimed`.
    Keys(Vec<u8>),
    /// The handler of a message of [`crate::Input::Late`] is done with it.
    LateHandled {
        /// Which.
        id: MessageId,
    },
    /// Tell the page.
    Event(Event),
}
