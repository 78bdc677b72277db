//! What an [`crate::Exchange`] asks its driver to do.

use std::sync::Arc;

use msr_protocol::{Code, Credential};

use crate::{DeviceIndex, DeviceKey, Wanted};

/// Names a message for ever: the device that sent it, its outbox, its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The sending device.
    pub device: DeviceIndex,
    /// Its outbox epoch.
    pub outbox_epoch: u64,
    /// Its number.
    pub number: u64,
}

/// Names one connection for as long as the process runs; chosen by the driver, never used twice, and higher for one that
/// began later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Something to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write this frame.
    Frame {
        /// Where.
        connection: ConnectionId,
        /// The frame, encoded.
        frame: Vec<u8>,
    },
    /// Write a `Deliver` frame of this entry; the bytes are shared by all who get it.
    Entry {
        /// Where.
        connection: ConnectionId,
        /// Its sequence.
        arrival: u64,
        /// The encoded entry.
        entry: Arc<[u8]>,
        /// What this device alone gets.
        header: Box<[u8]>,
    },
    /// Write a `DeliverBegin` frame, then this entry in pieces, with other frames between them. Its bytes are had from
    /// [`crate::Exchange::uncommitted`], else from the store.
    Large {
        /// Where.
        connection: ConnectionId,
        /// Its sequence.
        arrival: u64,
        /// The sending device; zeros when there is none.
        sender: DeviceKey,
        /// The length of the encoded entry.
        bytes: u32,
        /// What this device alone gets.
        header: Box<[u8]>,
    },
    /// Read this from the store and hand it to [`crate::Exchange::fetched`].
    Fetch {
        /// For whom.
        device: DeviceIndex,
        /// What, ascending.
        wanted: Vec<Wanted>,
    },
    /// An accepted message is for peers that were connected in version 1 when it came: hand it to them, and say for each
    /// recipient that was reached so with [`crate::Exchange::reached_version_1`].
    Version1 {
        /// Which message.
        origin: Origin,
        /// The encoded entry.
        entry: Arc<[u8]>,
        /// Recipients, and the sender when its own connections of version 1 get a copy.
        live: Vec<Credential>,
    },
    /// Close the connection with this code; it is forgotten here already.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        code: Code,
    },
}
