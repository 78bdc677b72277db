//! What goes out to a connection, and who takes it.

use std::sync::Arc;
use std::task::Waker;

use msr_delivery::DeviceKey;
use msr_protocol::v2::Delivery;
use msr_protocol::{Code, Credential};

/// Something to write to a connection of version 2.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    /// This frame, encoded.
    Frame(Vec<u8>),
    /// A `Deliver` frame of this entry, whose bytes many connections share.
    Entry {
        /// Its sequence.
        arrival: u64,
        /// The encoded entry.
        entry: Arc<[u8]>,
        /// What this device alone gets.
        header: Box<[u8]>,
    },
    /// A `DeliverBegin` frame, and the entry in pieces after it.
    Large {
        /// Which.
        large: Large,
        /// What this device alone gets.
        header: Box<[u8]>,
    },
}

/// An entry that travels in pieces; its bytes are had from [`super::Queues::part`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Large {
    /// Its sequence.
    pub(crate) arrival: u64,
    /// The sending device; zeros when there is none.
    pub(crate) sender: DeviceKey,
    /// The length of the encoded entry.
    pub(crate) bytes: u32,
}

/// The way to one connection of version 2. It never waits.
pub(crate) trait Line: Send + Sync {
    /// Takes something to write; gives whom to wake for it, when no lock is held any more.
    fn take(&self, outgoing: Outgoing) -> Option<Waker>;

    /// Ends the connection with this code.
    fn close(&self, code: Code);
}

/// The connections of version 1.
pub(crate) trait Version1: Send + Sync {
    /// Hands a message to the connections of these peers; gives the peers that were reached.
    fn hand_over(&self, message: &Delivery<'_>, to: &[Credential]) -> Vec<Credential>;
}
