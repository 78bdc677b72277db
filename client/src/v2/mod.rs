//! Version 2 of the protocol: what a device keeps, and what it does with it. Nothing here knows of sockets or phases;
//! [`crate::Session`] does.
//!
//! | file | what |
//! | --- | --- |
//! | `profile`, `restore` | all of one device, how its parts work together, and how a run begins |
//! | `outbox`, `numbering`, `pending`, `line` | messages of the page until they are accepted |
//! | `receipts`, `known`, `requests` | what becomes of them |
//! | `inbox`, `marks`, `incoming` | messages for the page: each handled once, in order |
//! | `journal`, `record` | what is on its way to the store, and how it is spelled there |
//! | `link`, `heartbeat`, `transmit` | a connection, and what is written to it |

mod heartbeat;
mod inbox;
mod incoming;
mod journal;
mod known;
mod line;
mod link;
mod marks;
mod numbering;
mod outbox;
mod pending;
mod profile;
mod receipts;
mod record;
mod requests;
mod restore;
mod transmit;

pub(crate) use incoming::recipients_text;
pub(crate) use line::Window;
pub(crate) use link::Link;
pub(crate) use numbering::Resumed;
pub(crate) use pending::Pending;
pub(crate) use profile::{Accepting, Profile, realtime_flags};
#[cfg(feature = "native")]
pub(crate) use record::fnv_1a;
