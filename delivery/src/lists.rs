//! The lists of devices that peers have signed, as the server has them: what the headers of a sealed message must fit.
//! Who signs, checks and keeps them is not this crate's.

use std::sync::Arc;

use msr_protocol::Credential;

use crate::DeviceKey;

/// Where the lists are looked up, while a message is being taken in: it answers from memory, and at once. A list that was
/// put before a message is offered is the one that the message must fit.
pub trait Lists {
    /// The list of a peer as it is now; `None` when it has none.
    fn list(&self, peer: Credential) -> Option<Arc<DeviceList>>;
}

/// What counts here of one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceList {
    /// The devices on it, each once.
    pub devices: Vec<DeviceKey>,
    /// Those it revokes.
    pub revoked: Vec<DeviceKey>,
    /// The whole list, encoded and signed: [`msr_protocol::v2::SignedList`].
    pub encoded: Vec<u8>,
}

/// Nobody has a list.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLists;

impl Lists for NoLists {
    fn list(&self, _peer: Credential) -> Option<Arc<DeviceList>> {
        None
    }
}
