//! The msgsrouter server: who may connect, who is who, and what goes to whom.
//!
//! [`switch`] routes between connections, [`store`] remembers peers over a restart. Neither knows HTTP or TLS: those
//! are the outside of the server, which hands each accepted connection to the switch.

pub mod store;
pub mod switch;
