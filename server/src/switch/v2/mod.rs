//! Version 2: what is sent waits in the durable queues of its recipients' devices.
//!
//! A WebSocket message is a run of frames; `socket` reads and writes them, `connection` judges each, `registration` says
//! who a device is, `keys` takes and gives lists of devices and prekeys, `sending` takes messages in (large ones through
//! `uploads`, sealed ones past `headers`), `transfers` hands large entries out, in pieces, and `version_1` reaches peers of
//! the older version. What is decided about a message, and when, is [`crate::delivery`]'s.

mod connection;
mod headers;
mod keys;
pub mod limits;
mod line;
mod registration;
mod sending;
mod socket;
mod transfers;
mod uploads;
mod version_1;

pub(super) use connection::Connection;
pub(super) use socket::attend;
pub(super) use uploads::UploadBudget;
