//! What goes into a [`crate::Session`] and what comes out of it.

use msr_protocol::v1::Subject;
use msr_protocol::{Code, Credential, JsonText, Message, Peer};

/// When something happened: both clocks of the driver, read together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// A clock that never jumps, in ms since some start; time-outs and round trips run on it.
    pub monotonic_ms: f64,
    /// The clock on the wall, in ms since 1970; timestamps and the offset are made of it.
    pub wall_ms: f64,
}

/// What a connection needs to know. Taken over at the next (re)connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ws://…` or `wss://…`
    pub server: String,
    /// Who registers.
    pub peer: Peer,
    /// Whether a lost connection is made anew.
    pub autoreconnect: bool,
}

/// Names one `send` or `find` of the page until it is settled. Chosen by the session, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u32);

/// `client.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// No connection.
    Closed = 0,
    /// Connected, not registered yet.
    Opened = 1,
    /// Registered: messages flow.
    Registered = 2,
}

/// A message the page wants sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The recipients: an array of strings.
    pub to: JsonText,
    /// A string.
    pub subject: JsonText,
    /// Any value.
    pub content: JsonText,
    /// Dropped, and the sender told, when it could not be written by then; ms after `send`, 7 days if it does not say.
    pub expire_after_ms: Option<f64>,
    /// Never waits: written now, or refused.
    pub realtime: bool,
}

/// A text message from the socket, its members read by whoever has a JSON reader at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The members, respelled as `JSON.stringify` does.
    pub message: Message,
    /// The checksum as it came.
    pub checksum: String,
    /// What the subject says it is for.
    pub subject: Subject,
    /// What stands in the content of an answer to `register` or `find`; `None` for every other message.
    pub answer: Option<Answered>,
}

/// The members of an answer's content that the session acts on; what is missing there is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answered {
    /// 1 or 200 for done.
    pub status: Option<f64>,
    /// The timestamp of the request, in ms.
    pub origin_time_ms: Option<f64>,
    /// How long the server took, in ms.
    pub process_time_ms: Option<f64>,
    /// The peer found, any JSON object.
    pub peer: Option<JsonText>,
    /// How many peers were found in all.
    pub total: Option<f64>,
}

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
    SocketOpened,
    /// The socket is closed, or never opened.
    SocketClosed {
        /// The WebSocket close code; 1006 when nobody said one. A driver that knows why it did not open says so with the
        /// [`Code::close_code`] of the reason: one that is final is not tried again.
        code: u16,
        /// What the other side said.
        reason: String,
    },
    /// A text message came.
    Received(Box<Received>),
    /// Something came that is no message: not JSON, a member missing, binary. Dropped, and reported.
    Unreadable,
    /// The answer to [`Output::ProbeOrigin`]: whether the server refuses this origin. `false` too when nobody answered.
    OriginProbed {
        /// Refused for good.
        refused: bool,
    },
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Open a WebSocket there; there is none open now.
    OpenSocket {
        /// `ws://…` or `wss://…`
        url: String,
    },
    /// Send this text.
    Transmit(String),
    /// Close the socket with this code; no [`Input::SocketClosed`] is awaited, and none of its events matter any more.
    CloseSocket {
        /// 1000, or one of 4xxx.
        code: u16,
    },
    /// A connection failed before it opened: a browser does not say why. Ask the server over HTTP (`GET` this URL, JSON
    /// `{"origin":"allowed"|"refused"}`) and answer with [`Input::OriginProbed`].
    ProbeOrigin {
        /// `http://…` or `https://…`
        url: String,
    },
    /// Tell the page.
    Event(Event),
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
    Message(Message),
    /// A message of the page was written to the socket, with the checksum it went with.
    Sent {
        /// Which.
        ticket: Ticket,
        /// The message as written.
        message: Message,
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

/// Why something did not happen: what an `MsrError` is made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({})", code.number())]
pub struct Failure {
    /// The number.
    pub code: Code,
    /// For a person.
    pub detail: String,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self { code, detail: code.reason().to_owned() }
    }
}

/// What can be read off a session at any time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// `client.state`
    pub state: State,
    /// How far this clock is ahead of the server's, in ms; 0 until known.
    pub offset_ms: f64,
    /// The last round trip measured, in ms.
    pub round_trip_ms: Option<f64>,
    /// How many messages wait in the outbox.
    pub waiting: usize,
    /// Who is registered.
    pub credential: Option<Credential>,
}
