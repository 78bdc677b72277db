//! The session of a client, as a pure state machine.
//!
//! [`Session`] owns everything a client decides: when to connect and reconnect, how to register, the clock offset, the
//! outbox, what a message means. It has no socket, no clock and no randomness of its own: a driver feeds it [`Input`]s
//! with the time at which they happened, then drains [`Session::poll_output`] until it gives `None`, and calls
//! [`Session::handle_timeout`] when [`Session::poll_timeout`] says so. What the session cannot do itself is an
//! [`Output`] answered by a later [`Input`]; order is kept in between.
//!
//! The browser shell drives it with `web-sys`; the feature `native` adds a driver over tokio.

mod io;

pub use io::*;
