//! What is believed of what a connection puts here.

use msr_crypto::{PublicKey, read_list, verify_prekey};
use msr_protocol::v2::{Field as _, PeerDevice, Prekey};
use msr_protocol::{Code, Credential, JsonText};

use super::limits::{LIST_BYTES, ONE_TIME_KEYS, PREKEY_BYTES};
use super::lists::KnownList;

/// Prekeys of one device, each signed by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewKeys {
    /// In place of the one before.
    pub(super) fallback: Option<Box<[u8]>>,
    /// Beside those that are left.
    pub(super) one_time: Vec<Box<[u8]>>,
}

/// A list that the peer with that credential and that secret has signed.
///
/// # Errors
/// [`Code::InvalidList`].
pub fn checked_list(peer: Credential, secret: &JsonText, signed: &[u8]) -> Result<KnownList, Code> {
    if signed.len() > LIST_BYTES {
        return Err(Code::InvalidList);
    }
    let list = read_list(signed).map_err(|error| error.code())?;
    // Two peers can be made that share a credential: each has a key of its own.
    if list.credential != peer || list.secret != *secret {
        return Err(Code::InvalidList);
    }
    KnownList::of(signed).map_err(|_| Code::InvalidList)
}

/// Prekeys that the device with that key has signed, as many as are ever kept.
///
/// # Errors
/// [`Code::InvalidList`] when one of them is not.
pub fn checked_keys(of: PeerDevice, device_key: &PublicKey, fallback: Option<&[u8]>, one_time: &[&[u8]]) -> Result<NewKeys, Code> {
    let check = |key: &[u8], is_fallback: bool| {
        let mut rest = key;
        let prekey = Prekey::read(&mut rest).map_err(|_| Code::InvalidList)?;
        let holds = rest.is_empty() && key.len() <= PREKEY_BYTES && prekey.is_fallback == is_fallback;
        let is_signed = holds && verify_prekey(of.peer, of.device, device_key, &prekey);
        is_signed.then(|| Box::from(key)).ok_or(Code::InvalidList)
    };
    let fallback = fallback.map(|key| check(key, true)).transpose()?;
    let one_time = one_time.iter().take(ONE_TIME_KEYS).map(|key| check(key, false)).collect::<Result<_, _>>()?;
    Ok(NewKeys { fallback, one_time })
}
