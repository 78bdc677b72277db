//! The session of a client, as a pure state machine.
//!
//! [`Session`] owns everything a client decides: when to connect and reconnect, how to register, the clock offset, the
//! outbox, what a message means. It has no socket, no clock and no randomness of its own: a driver feeds it [`Input`]s
//! with the time at which they happened, then drains [`Session::poll_output`] until it gives `None`, and calls
//! [`Session::handle_timeout`] when [`Session::poll_timeout`] says so. What the session cannot do itself is an
//! [`Output`] answered by a later [`Input`]; order is kept in between.
//!
//! The browser shell drives it with `web-sys`; the feature `native` adds a driver over tokio.
//!
//! # States
//!
//! A page knows three, [`State`]; inside there are six. An input that a row does not name changes nothing there, but for
//! `Configure` (kept for the next attempt) and what is said below about messages.
//!
//! | in (as the page sees it) | on | to | and |
//! | --- | --- | --- | --- |
//! | Idle (Closed) | `Connect` | Connecting | `OpenSocket`; a bad URL: stays, `Refused` |
//! | Connecting (Closed) | `SocketOpened` | Registering | `Transmit` of the registration |
//! | | `SocketClosed`, the 1st, 9th, 17th … in a row | Probing | `ProbeOrigin` |
//! | | `SocketClosed`, the others | *lost* | |
//! | | 20 s | *lost* | `CloseSocket` |
//! | Probing (Closed) | `OriginProbed`, refused | *refused* | code 410 |
//! | | `OriginProbed`, or 5 s | *lost* | |
//! | Registering (Opened) | an answer that accepts | Registered | `Registered`, then the outbox |
//! | | an answer that refuses for good | *refused* | `CloseSocket` |
//! | | an answer that refuses for now, or 10 s | *lost* | `CloseSocket` |
//! | | `SocketClosed` | *lost* | |
//! | Registered (Registered) | `SocketClosed` | *lost* | |
//! | | `Connect` | Registered | `Registered` |
//! | Waiting (Closed) | `Wake`, `Connect` | Connecting | not sooner than 100 ms after the last attempt began |
//! | | the wait is over | Connecting | `OpenSocket` |
//! | | `Configure` without `autoreconnect` | *lost* | |
//! | any with a socket | `SocketClosed` with a final code | *refused* | |
//! | any | `Close`, `Bye` | Idle | `CloseSocket`; `Bye` says good-bye before, where it is registered |
//!
//! *lost*: with `autoreconnect` to Waiting, `Lost` with the wait (full jitter, growing until a registration has lasted);
//! without, to Idle, with `Refused` while a `connect()` is unanswered and `Lost` without a wait after that.
//! *refused*: to Idle, with `Refused`. Which codes are final is [`msr_protocol::Code::disposition`]'s to say.
//!
//! # Promises
//!
//! - Each `connect()` is followed by [`Event::Registered`] or [`Event::Refused`]; those that meet on one attempt share it.
//!   A `Close` in between refuses it with [`msr_protocol::Code::Closed`].
//! - Each [`Ticket`] is settled once, at the latest when its time is up. Messages are written in the order of their `send`.
//! - The outbox outlives a connection, a refusal and a `Close`: what waits is written after a later registration, as the
//!   peer that was configured when it was sent. If another peer registers, it is not sent, and the page told.
//! - Searches are asked again after a reconnect; `Close` and a refusal end them.
//! - Nothing that was received is dropped without an [`Event::Trouble`], save late answers to a search that was settled.
//! - No sequence of inputs makes it panic, whatever they say, and whatever the clocks do.
//!
//! # Example
//!
//! ```
//! use msr_client::{Input, Moment, Output, Session, Settings};
//!
//! let mut session = Session::new(1);
//! let settings = Settings { server: "ws://127.0.0.1:55688".to_owned(), peer: Default::default(), autoreconnect: true };
//! let now = Moment { monotonic_ms: 0.0, wall_ms: 1_459_091_247_561.0 };
//! session.handle_input(Input::Connect(settings), now);
//! assert_eq!(session.poll_output(), Some(Output::OpenSocket { url: "ws://127.0.0.1:55688".to_owned() }));
//! assert_eq!(session.poll_output(), None);
//! assert_eq!(session.poll_timeout(), Some(20_000.0));
//! ```

mod backoff;
mod clock;
mod draft;
mod inbox;
mod io;
pub mod limits;
#[cfg(feature = "native")]
pub mod native;
mod outbox;
mod registration;
mod search;
mod session;
mod url;

pub use io::*;
pub use session::Session;
