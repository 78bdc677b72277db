//! Version 2 of the protocol: what a device keeps, and what it does with it. Nothing here knows of sockets or phases;
//! [`crate::Session`] does.
//!
//! | file | what |
//! | --- | --- |
//! | `profile`, `restore` | all of one device, how its parts work together, and how a run begins |
//! | `outbox`, `slot`, `awaiting`, `numbering`, `pending`, `line` | messages of the page until they are accepted |
//! | `sealing`, `letters` | what of them the keys are asked to seal, and letters of the keys themselves |
//! | `receipts`, `known`, `requests` | what becomes of them |
//! | `inbox`, `lanes`, `opening`, `marks`, `incoming`, `receiving` | messages for the page: each handled once, in order |
//! | `journal`, `record` | what is on its way to the store, and how it is spelled there |
//! | `link`, `heartbeat`, `transmit` | a connection, and what is written to it |

mod awaiting;
mod heartbeat;
mod inbox;
mod incoming;
mod journal;
mod known;
mod lanes;
mod letters;
mod line;
mod link;
mod marks;
mod numbering;
mod opening;
mod outbox;
mod pending;
mod profile;
mod receipts;
mod receiving;
mod record;
mod requests;
mod restore;
mod sealing;
mod slot;
mod transmit;

pub(crate) use incoming::recipients_text;
pub(crate) use letters::are_frames;
pub(crate) use line::Window;
pub(crate) use link::Link;
pub(crate) use numbering::Resumed;
pub(crate) use pending::Pending;
pub(crate) use profile::{Accepting, Profile, realtime_flags};
#[cfg(feature = "native")]
pub(crate) use record::fnv_1a;
pub(crate) use restore::Last;
pub(crate) use sealing::cover;
