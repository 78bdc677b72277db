//! The session of a client, as a pure state machine.
//!
//! [`Session`] owns everything a client decides: when to connect and reconnect, which version of the protocol to speak, how
//! to register, the clock offset, what waits in the outbox, what a message means and whether it was handled before. It has
//! no socket, no disk, no clock and no randomness of its own: a driver feeds it [`Input`]s with the time at which they
//! happened, then drains [`Session::poll_output`] until it gives `None`, and calls [`Session::handle_timeout`] when
//! [`Session::poll_timeout`] says so. What the session cannot do itself is an [`Output`] answered by a later [`Input`];
//! order is kept in between.
//!
//! The browser shell drives it in a page; the feature `native` adds a driver over tokio.
//!
//! # States
//!
//! A page knows three, [`State`]; inside there are nine. An input that a row does not name changes nothing there, but for
//! `Configure` (kept for the next attempt) and what is said below about messages.
//!
//! | in (as the page sees it) | on | to | and |
//! | --- | --- | --- | --- |
//! | Idle (Closed) | `Connect` | *open* | a bad URL, an identity by key in version 1 alone: stays, `Refused` |
//! | Restoring (Closed) | `Restored` | *open* | with what this device kept |
//! | | `Persisted`, `PersistFailed` of a new device | *open* | |
//! | Connecting (Closed) | `SocketOpened` with `msr.v2` | Greeting | |
//! | | `SocketOpened` without | Registering | `Transmit` of the registration, version 1 |
//! | | the same, an identity by key | *refused* | `CloseSocket`, code 422 |
//! | | `SocketClosed`, the 1st, 9th, 17th … in a row | Probing | `ProbeOrigin` |
//! | | `SocketClosed`, the others | *lost* | |
//! | | 20 s | *lost* | `CloseSocket` |
//! | Probing (Closed) | `OriginProbed`, refused | *refused* | code 410 |
//! | | `OriginProbed` of a server that speaks version 1 alone | *open* | in version 1 |
//! | | the same, an identity by key | *refused* | code 422 |
//! | | `OriginProbed`, or 5 s | *lost* | what it says of version 2 is kept |
//! | Greeting (Opened) | `Challenge` | Registering | `Hello`, version 2 |
//! | | the same, an identity by key | Proving | `Prove` |
//! | | 10 s | *lost* | `CloseSocket` |
//! | Proving (Opened) | `Proven` for the nonce of this connection | Registering | `Hello` |
//! | | `NotProven` for it | *refused* | `CloseSocket` |
//! | | 10 s since the socket opened, `SocketClosed` | *lost* | `CloseSocket` where it is open |
//! | Registering (Opened) | an answer that accepts; `Welcome` | Registered | `Registered`, then the outbox |
//! | | a `Welcome` of a server that knows other numbers | *lost* | `CloseSocket`; the outbox starts a new epoch |
//! | | an answer that refuses for good; `Refused` | *refused* | `CloseSocket` |
//! | | the same for now, or 10 s | *lost* | `CloseSocket` |
//! | | `SocketClosed` | *lost* | |
//! | Registered (Registered) | `SocketClosed` | *lost* | |
//! | | `Connect` | Registered | `Registered` |
//! | | `Wake`, version 2 | Registered | a `Ping`, to be answered within 5 s |
//! | | two heartbeats of silence, version 2 | *lost* | `CloseSocket` 4506 |
//! | | `OriginProbed`: it speaks version 2, though version 1 was tried | *lost* | `CloseSocket` |
//! | Waiting (Closed) | `Wake`, `Connect` | *open* | not sooner than 100 ms after the last attempt began |
//! | | the wait is over | *open* | |
//! | | `Configure` without `autoreconnect` | *lost* | |
//! | any in version 2 | a frame that breaks the rules | *lost* | `Trouble`, `CloseSocket` 4400 |
//! | any with a socket | `SocketClosed` with a final code, 4414 of a device that is displaced among them | *refused* | |
//! | any | `Close`, `Bye` | Idle | `CloseSocket`; `Bye` says good-bye before, where it is registered |
//!
//! *open*: to Connecting, with `OpenSocket`; but to Restoring, with `Restore`, while what this device kept for the peer is
//! not here, or its store does not know the device yet. *lost*: with `autoreconnect` to Waiting, `Lost` with the wait (full
//! jitter, growing until a registration has lasted); without, to Idle, with `Refused` while a `connect()` is unanswered and
//! `Lost` without a wait after that. *refused*: to Idle, with `Refused`. Which codes are final is
//! [`msr_protocol::Code::disposition`]'s to say.
//!
//! Version 2 is offered first. A server that is known to speak version 1 alone ([`Input::OriginProbed`], or a socket that
//! opens without the sub-protocol) is offered that until a registration was lost or `Connect` begins anew; one of which
//! nothing can be learned is offered both in turn. [`Session::version_1`] never offers version 2, and never leaves for
//! Restoring or Greeting. An identity by key, one whose `secret` is `ed25519:` and a key, is offered in version 2 alone: version 1
//! has nothing that it could sign.
//!
//! # Messages in version 2
//!
//! | message of the page | on | then |
//! | --- | --- | --- |
//! | `send` | | it has a number, and is in the next `Persist` |
//! | noted | `Persisted` | it may be written, in the order of numbers, so many under way as the server said |
//! | | `PersistFailed` | `NotSent` 553; its number is void |
//! | not written yet | `cancel`, its time is up | `NotSent` 452, 416; void, once its record is gone |
//! | written | `Accepted` | `Accepted`; its record is deleted |
//! | | `Rejected` 5xx | written again alone, after a wait, and the later ones after it |
//! | | `Rejected` 4xx | `NotSent`; void |
//! | | the connection is lost | written again after the next `Welcome`, unless that says it is accepted |
//! | accepted | receipts | `Receipt`, until each recipient's is the last |
//!
//! That is for an identity by MD5, and for messages with [`Encrypt::Off`]. Others of an identity by key are sealed before:
//!
//! | message to be sealed | on | then |
//! | --- | --- | --- |
//! | `send` | | it has no number; later ones for its recipients wait, others pass |
//! | without a number, registered | its turn, within [`limits::SEALING_AT_ONCE`] | `Seal` |
//! | asked about | `Sealed`, sealed or plain | kept, it gets its number, which is in the next `Persist`; then as above |
//! | | `Sealed`, refused; plain though it must be encrypted | `NotSent` with the reason; 459 |
//! | | no answer | it is held, and so are later ones for its recipients; nothing else is |
//! | | `cancel`, its time is up | `NotSent` 452, 416, and `Unseal` |
//! | written sealed | `Rejected` 521 | it and all later ones lose their numbers, once that is kept the server hears of the first as void; `Unseal`, and `Seal` again |
//! | numbered, and the process ends | the next `Welcome` | accepted by then: `Accepted`; else `Seal` again, and written under the same number |
//! | realtime | `send` | `Seal` at once; written when answered; `NotSent` 552 and `Unseal` when the connection is lost before |
//! | letter of the keys | `Control` | kept and numbered at once, waits for nobody, and the page hears nothing of it |
//!
//! The sealed form is in memory alone. What was sealed stays sealed across connections until it is accepted or refused with 521.
//! One thing is held up by another recipient's decision: what follows, in numbers, a message that had its number when the process
//! ended and whose recipient's keys changed meanwhile. It ends when the person accepts or takes the message back, and with its time.
//! Its number cannot be given up as after 521: what was written under it may be on its way to the server's disk still, where
//! `Welcome` does not count it yet, and a `Void` is answered like the message that is there. Under another number it could come twice.
//!
//! | message for the page | on | then |
//! | --- | --- | --- |
//! | in the queue | `Deliver`, or the last `DeliverPiece` | `Message`, unless it was handled before, or an earlier one of its sender is at it |
//! | with a handler | `Handled` | its mark and the cursor are in the next `Persist` |
//! | noted | `Persisted` | an `Ack`, after 50 ms or 16 entries |
//! | sealed, and its turn has come | | `Open`; its sender's next waits |
//! | asked about | `Opened`, opened | `Message`, or `Reply` |
//! | | `Opened`, silent or failed | as if handled; `Trouble` where it failed |
//! | opened after all | `Late` | `Message`; when it is `Handled`, `LateHandled` |
//!
//! # Promises
//!
//! - Each `connect()` is followed by [`Event::Registered`] or [`Event::Refused`]; those that meet on one attempt share it.
//!   A `Close` in between refuses it with [`msr_protocol::Code::Closed`].
//! - Each [`Ticket`] is settled once, and that of a request that was accepted once more, by its answer. Messages are
//!   written in the order of their `send`. What may have been seen by a server is never said not to be sent, save where it
//!   refused it.
//! - The outbox outlives a connection, a refusal and a `Close`, in version 2 the process as well: what waits is written after
//!   a later registration, as the peer that was configured when it was sent. If another peer registers, the page is told;
//!   what is on disk waits there for its own.
//! - In version 2 a handler is called once for each message, in the order of its sender; again only when the process ended
//!   before its end was noted. Nothing is acknowledged before.
//! - Searches are asked again after a reconnect; `Close` and a refusal end them.
//! - Nothing that was received is dropped without an [`Event::Trouble`], save late answers to a search that was settled and
//!   messages that were handled before.
//! - What must be encrypted is never written plain, whatever the keys or the server say. No number ever names two messages.
//! - No sequence of inputs makes it panic, whatever they say, and whatever the clocks do.
//!
//! # Example
//!
//! ```
//! use msr_client::{Input, Moment, Output, Session, Settings};
//!
//! let mut session = Session::version_1(1);
//! let (server, peer, device) = ("ws://127.0.0.1:55688".to_owned(), Default::default(), String::new());
//! let settings = Settings { server, peer, device, autoreconnect: true };
//! let now = Moment { monotonic_ms: 0.0, wall_ms: 1_459_091_247_561.0 };
//! session.handle_input(Input::Connect(settings), now);
//! assert_eq!(session.poll_output(), Some(Output::OpenSocket { url: "ws://127.0.0.1:55688".to_owned(), subprotocol: None }));
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
mod queue;
mod registration;
mod search;
mod session;
mod sorted;
mod url;
mod v2;

pub use io::*;
pub use session::Session;
