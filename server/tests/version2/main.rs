//! Version 2 over streams in memory, in virtual time, frame by frame: what a client gets to see of queues, windows,
//! pieces and failures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod devices;
mod disk;
mod flow;
mod heard;
mod identity;
mod keyed;
mod large;
mod lists;
mod malformed;
mod messages;
mod prekeys;
mod registration;
mod room;
mod sealed;
mod versions;
