//! Machines of several peers and devices, a server that knows no key, and virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod chaos;
mod device;
mod groups;
mod healing;
mod hostile;
mod hostile_letters;
mod leaving;
mod messages;
mod server;
mod world;
