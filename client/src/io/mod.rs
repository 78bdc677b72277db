//! What goes into a [`crate::Session`] and what comes out of it.

mod driver;
mod encrypt;
mod event;
mod message;
mod records;

use msr_protocol::{Credential, Peer};

pub use driver::{Input, Output};
pub use encrypt::Encrypt;
pub use event::{Event, OwnDevice, Progress, Receipt};
pub use message::{Answered, Content, DeliveryTag, Draft, Inbound, Received};
pub use msr_protocol::Failure;
pub use msr_protocol::v2::{Letter, Opened, Opening, SealTicket, Sealing};
pub use records::{Change, PersistTicket, Snapshot};

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
    /// `ws://…` or `wss://…`. An identity by key signs the host and port that stand here: a driver that dials another spelling of
    /// it (a browser's `URL` turns some into others) hands over that one.
    pub server: String,
    /// Who registers.
    pub peer: Peer,
    /// What a person calls this device; version 1 has no use for it.
    pub device: String,
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
