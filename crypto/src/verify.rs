//! Whether to believe what a peer or device says of itself.

use msr_protocol::v2::{Bytes16, Enrolment, Field, Prekey, Proof, connection_text, enrolment_text, prekey_text};
use msr_protocol::{Code, Credential};

use crate::limits::HOST_BYTES;
use crate::{PublicKey, account_key_of};

/// Why a connection is not whose it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The bytes are no proof, or more than one.
    #[error("not a proof")]
    Malformed,
    /// The peer's `secret` is not a key in its one spelling.
    #[error("the secret is not an account key")]
    Secret,
    /// The account did not sign that this is a device of that credential, or the device's key is none.
    #[error("the account did not enrol this device")]
    Enrolment,
    /// The device did not sign this connection: another nonce, host, credential or device.
    #[error("the device did not sign this connection")]
    Signature,
}

impl ProofError {
    /// What the other end is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Malformed | Self::Secret | Self::Enrolment | Self::Signature => Code::InvalidRegistration,
        }
    }
}

/// A proof that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The host and port that the client dialled. Whether they are one's own is for the server to check.
    pub host: String,
    /// The device's keys.
    pub enrolment: Enrolment,
}

/// Whether an account says that a device of that credential has these keys; gives the device's key.
#[must_use]
pub fn verify_enrolment(account: &PublicKey, credential: Credential, device: Bytes16, enrolment: &Enrolment) -> Option<PublicKey> {
    let device_key = PublicKey::from_bytes(&enrolment.device_key)?;
    account.signed(&enrolment_text(credential, device, enrolment), &enrolment.signature).then_some(device_key)
}

/// Whether an encoded [`Proof`] shows that whoever was sent `nonce` is that device of the peer with that credential and
/// `secret`, a JSON string. That credential and secret belong together, and that the nonce is used once, is for the
/// caller to see to.
///
/// # Errors
/// As [`ProofError`] says.
pub fn verify_proof(
    mut proof: &[u8],
    nonce: &[u8; 32],
    credential: Credential,
    secret_text: &str,
    device: Bytes16,
) -> Result<Verified, ProofError> {
    let account = account_key_of(secret_text).ok_or(ProofError::Secret)?;
    let Proof { host, enrolment, signature } = Proof::read(&mut proof).map_err(|_| ProofError::Malformed)?;
    if !proof.is_empty() || host.len() > HOST_BYTES {
        return Err(ProofError::Malformed);
    }
    let device_key = verify_enrolment(&account, credential, device, &enrolment).ok_or(ProofError::Enrolment)?;
    if !device_key.signed(&connection_text(nonce, host, credential, device), &signature) {
        return Err(ProofError::Signature);
    }
    Ok(Verified { host: host.to_owned(), enrolment })
}

/// Whether a prekey is that device's, whose key is `device_key`.
#[must_use]
pub fn verify_prekey(credential: Credential, device: Bytes16, device_key: &PublicKey, prekey: &Prekey) -> bool {
    device_key.signed(&prekey_text(credential, device, prekey), &prekey.signature)
}
