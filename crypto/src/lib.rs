//! Identities by key, and the devices that have them.
//!
//! An [`AccountKey`] comes from a name, an e-mail address and a secret, and from nothing else; its public half stands in
//! the peer's `secret` on the wire, so that the credential names its own key. It signs which devices are its own
//! ([`AccountKey::enrol`]) and the list of them that others seal messages for ([`DeviceList`]). A [`DeviceKey`] signs
//! each connection and the keys with which sessions begin. What is signed is spelled in [`msr_protocol::v2`]; here is
//! who signs, and verifying, which is strict: one spelling of each key and signature, and no key that fits every text.
//!
//! With the feature `encryption` there is [`Machine`] too: the keys of one device, which seal and open its messages.
//!
//! This crate does no I/O and knows neither a clock nor a source of randomness: both are arguments. What is secret is
//! wiped from memory when dropped, and `Debug` never shows it. docs/PROTOCOL-identity.md has all of it byte by byte.

mod account;
mod backup;
mod device;
mod key;
pub mod limits;
mod list;
#[cfg(feature = "encryption")]
mod machine;
mod phrase;
mod safety;
mod stretch;
mod verify;

pub use account::{AccountKey, Words, derive_seed};
pub use backup::{BackupError, backup_key, backup_salt, open_backup, seal_backup};
pub use device::{DamagedDevice, DeviceKey, OwnDevice};
pub use key::{PublicKey, account_key_of};
pub use list::{DeviceList, ListError, NextListError, read_list};
#[cfg(feature = "encryption")]
pub use machine::{
    AlarmKind, Change, Failure, Group, GroupError, GroupKeys, GroupOpened, Input, KeyEvent, Letter, Machine, OpenTag, Opened, Opening,
    Output, Own, PeerChange, PeerView, PersistTicket, Random, RandomFailed, SealTicket, Sealing, SecretBytes, SystemRandom,
    limits as machine_limits,
};
pub use phrase::{pass_phrase, strength_bits};
pub use safety::{Identity, check_qr, qr_text, safety_number};
pub use stretch::StretchError;
pub use verify::{ProofError, Verified, verify_enrolment, verify_prekey, verify_proof};

#[cfg(test)]
mod tests;
