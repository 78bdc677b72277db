//! What is asked of lists and prekeys. Each request is answered once: when what it changed is on disk, or cannot be.

use std::sync::Arc;

use msr_protocol::v2::PeerDevice;
use msr_protocol::{Code, Credential};

use super::check::NewKeys;
use super::desk::{Claimed, Desk, KeysLeft, ListPut};
use super::lists::KnownList;
use crate::store::StoreError;

/// Takes the answer, or why there is none.
pub(crate) type Answer<T> = Box<dyn FnOnce(Result<T, Code>) + Send>;

/// An answer that waits for the commit.
pub(super) type Settled = Box<dyn FnOnce(Result<(), Code>) + Send>;

/// Something to be done.
pub(crate) enum Request {
    /// A list, checked.
    PutList { peer: Credential, list: KnownList, answer: Answer<ListPut> },
    /// Keys of a device, checked.
    PutKeys { of: PeerDevice, keys: NewKeys, answer: Answer<KeysLeft> },
    /// One key of each of these devices, none of them twice.
    Claim { devices: Vec<PeerDevice>, answer: Answer<Claimed> },
    /// How many one-time keys a device has left.
    Left { of: PeerDevice, answer: Answer<KeysLeft> },
    /// Forgets peers that nobody knows; answered with where to go on.
    Forget { after: Option<Credential>, is_known: Arc<dyn Fn(Credential) -> bool + Send + Sync>, answer: Answer<Option<Credential>> },
    /// Everything before it is to be written, and nothing after.
    Close { answer: Answer<()> },
}

impl Request {
    /// Does it, within the transaction.
    pub(super) fn carry_out(self, desk: &mut Desk<'_, '_>) -> Result<Settled, StoreError> {
        match self {
            Self::PutList { peer, list, answer } => settle(answer, desk.put_list(peer, list)),
            Self::PutKeys { of, keys, answer } => settle(answer, desk.put_keys(of, &keys)),
            Self::Claim { devices, answer } => settle(answer, desk.claim(&devices)),
            Self::Left { of, answer } => settle(answer, desk.left(of)),
            Self::Forget { after, is_known, answer } => settle(answer, desk.forget(after, &*is_known)),
            Self::Close { answer } => settle(answer, Ok(())),
        }
    }

    /// It is not done.
    pub(super) fn refuse(self, code: Code) {
        match self {
            Self::PutList { answer, .. } => answer(Err(code)),
            Self::PutKeys { answer, .. } | Self::Left { answer, .. } => answer(Err(code)),
            Self::Claim { answer, .. } => answer(Err(code)),
            Self::Forget { answer, .. } => answer(Err(code)),
            Self::Close { answer } => answer(Err(code)),
        }
    }
}

fn settle<T: Send + 'static>(answer: Answer<T>, done: Result<T, StoreError>) -> Result<Settled, StoreError> {
    match done {
        Ok(done) => Ok(Box::new(move |committed| answer(committed.map(|()| done)))),
        Err(error) => {
            answer(Err(Code::StoreFull));
            Err(error)
        }
    }
}
