//! The durable half of the router, as a pure state machine.
//!
//! An [`Exchange`] knows every device, what waits for it, what is under way to it, and which messages are in the batch
//! that is written next. It decides who gets what in which order, when a sender may be told that its message is kept,
//! and what must stand on the disk for that. It does no I/O and reads no clock: whoever drives it hands it what
//! happened with the time, and carries out the [`Effect`]s it asks for:
//!
//! ```text
//! connection ── hello, send, acknowledge ──▶ Exchange ── Effect::Frame, Effect::Entry ──▶ connection
//!     store  ── committed, fetched       ──▶          ── take_batch, Effect::Fetch    ──▶ store
//! ```
//!
//! Promises (docs/PROMISES.md) that live here: `Accepted` leaves only after [`Exchange::committed`]; a number is
//! accepted once; what one device sends another gets in that order; no arrival is used twice; what is dropped is told.

mod accept;
mod acknowledge;
mod commit;
mod deliver;
mod device;
mod effect;
mod exchange;
mod expire;
mod headers;
mod held;
mod hello;
pub mod limits;
mod lists;
mod own_devices;
mod passing;
mod recover;
mod retire;
mod sealed;
mod told;

pub use accept::Offered;
pub use commit::{Batch, CommitError, StoredDevice, StoredMark, StoredMessage};
pub use deliver::{Fetched, Wanted};
pub use device::{DeviceIndex, DeviceKey};
pub use effect::{ConnectionId, Effect, Origin};
pub use exchange::{Exchange, Now};
pub use headers::Headers;
pub use hello::{Greeting, Welcomed};
pub use lists::{DeviceList, Lists, NoLists};
pub use recover::{RecoveredMessage, Recovering, Recovery};
