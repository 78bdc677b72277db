//! What is to be kept, of the keys and of the session, one for one.

use msr_client as client;
use msr_crypto as crypto;

pub(super) fn changes(changes: Vec<crypto::Change>) -> Vec<client::Change> {
    let change = |change| match change {
        crypto::Change::Put { key, value } => client::Change::Put { key, value },
        crypto::Change::Delete { key } => client::Change::Delete { key },
    };
    changes.into_iter().map(change).collect()
}
