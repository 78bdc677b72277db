//! The key of one browser profile or process: what it signs, and how it is kept.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use msr_protocol::v2::{Bytes16, Enrolment, Field, Prekey, Proof, connection_text, prekey_text};
use msr_protocol::{Code, Credential};
use zeroize::Zeroizing;

use crate::PublicKey;

/// The key that a device signs its connections and prekeys with. Wiped from memory when dropped.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key of 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What [`Self::from_seed`] takes.
    #[must_use]
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey::from(&self.0)
    }

    /// Signs a connection. `host` is what was dialled, lower-case and with its port, never what a server said.
    #[must_use]
    pub fn sign_connection(&self, nonce: &[u8; 32], host: &str, credential: Credential, device: Bytes16) -> [u8; 64] {
        self.0.sign(&connection_text(nonce, host, credential, device)).to_bytes()
    }

    /// A key with which others can begin a session with this device.
    #[must_use]
    pub fn sign_prekey(&self, credential: Credential, device: Bytes16, key: [u8; 32], is_fallback: bool, made_ms: i64) -> Prekey {
        let mut prekey = Prekey { key, is_fallback, made_ms, signature: [0; 64] };
        prekey.signature = self.0.sign(&prekey_text(credential, device, &prekey)).to_bytes();
        prekey
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DeviceKey").field(&self.public()).finish()
    }
}

/// Bytes that were no device of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the keys of this device are damaged")]
pub struct DamagedDevice;

impl DamagedDevice {
    /// What the page is told.
    #[must_use]
    pub fn code(self) -> Code {
        Code::NoDeviceKeys
    }
}

/// How [`OwnDevice::encode`] spells it.
const VERSION: u8 = 1;

/// What a device keeps of itself: its id, its key, and the account's word that it belongs to it.
#[derive(Debug)]
pub struct OwnDevice {
    /// Its id.
    pub device: Bytes16,
    /// Its key.
    pub key: DeviceKey,
    /// The account's word.
    pub enrolment: Enrolment,
}

impl OwnDevice {
    /// To be kept as the record `key:device`. Secret.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        VERSION.write(&mut out);
        self.device.write(&mut out);
        self.key.seed().write(&mut out);
        self.enrolment.write(&mut out);
        out
    }

    /// What [`Self::encode`] made. Whose device it is stands not in it: see [`crate::verify_enrolment`].
    ///
    /// # Errors
    /// When the bytes are damaged.
    pub fn decode(mut bytes: &[u8]) -> Result<Self, DamagedDevice> {
        let bytes = &mut bytes;
        let version = u8::read(bytes).map_err(|_| DamagedDevice)?;
        let device = Bytes16::read(bytes).map_err(|_| DamagedDevice)?;
        let seed = Zeroizing::new(<[u8; 32]>::read(bytes).map_err(|_| DamagedDevice)?);
        let enrolment = Enrolment::read(bytes).map_err(|_| DamagedDevice)?;
        let key = DeviceKey::from_seed(&seed);
        let whole = version == VERSION && bytes.is_empty() && key.public().to_bytes() == enrolment.device_key;
        whole.then_some(Self { device, key, enrolment }).ok_or(DamagedDevice)
    }

    /// What `Hello` carries: an encoded [`Proof`] for the connection with that nonce. `host` as in
    /// [`DeviceKey::sign_connection`].
    #[must_use]
    pub fn proof(&self, nonce: &[u8; 32], host: &str, credential: Credential) -> Vec<u8> {
        let signature = self.key.sign_connection(nonce, host, credential, self.device);
        let mut out = Vec::new();
        Proof { host, enrolment: self.enrolment, signature }.write(&mut out);
        out
    }
}
