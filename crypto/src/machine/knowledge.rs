//! What a page asks of peers that the machine knows.

use super::Machine;
use crate::{DeviceList, Identity, account_key_of};
use msr_protocol::Credential;

/// A peer as it is known.
#[derive(Debug, Clone, Copy)]
pub struct PeerView<'a> {
    /// The list in force.
    pub list: &'a DeviceList,
    /// A newer one that waits for a person.
    pub held: Option<&'a DeviceList>,
    /// Whether a person compared the safety number.
    pub verified: bool,
    /// Whether nothing is sealed for it now.
    pub holds: bool,
}

impl Machine {
    /// A peer whose list was seen.
    #[must_use]
    pub fn peer(&mut self, credential: Credential) -> Option<PeerView<'_>> {
        let peer = self.peers.get(credential).ok()??;
        let list = peer.list.as_ref()?;
        Some(PeerView { list, held: peer.held.as_ref(), verified: peer.verified, holds: peer.holds() })
    }

    /// Who this peer and that one are, as far as safety numbers go: the account that waits for a person counts.
    #[must_use]
    pub fn identities(&mut self, credential: Credential) -> Option<[Identity; 2]> {
        let own = Identity { credential: self.me.0, account: account_key_of(self.own.secret.as_str())? };
        let PeerView { list, held, .. } = self.peer(credential)?;
        Some([own, Identity { credential, account: held.unwrap_or(list).account }])
    }
}
