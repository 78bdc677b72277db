//! The Olm account of this device: its own key, and the prekeys that it made.

use msr_protocol::Credential;
use msr_protocol::v2::Prekey;
use vodozemac::olm::{Account, AccountPickle};
use zeroize::Zeroizing;

use super::limits::FALLBACK_AGE_MS;
use super::pickle::{pack, unpack};
use super::random::{Random, RandomFailed};
use super::records::OlmRecord;
use super::spelled::{read_whole, spell};
use crate::OwnDevice;

/// See the [module](self).
pub(crate) struct OlmAccount {
    pub(crate) account: Account,
    /// What headers of this device for itself are sealed with.
    pub(crate) own_key: Zeroizing<[u8; 32]>,
    fallback: [u8; 32],
    fallback_ms: i64,
}

impl OlmAccount {
    pub(crate) fn new(random: &mut dyn Random) -> Result<Self, RandomFailed> {
        let mut own_key = Zeroizing::new([0; 32]);
        random.fill(&mut *own_key)?;
        Ok(Self { account: Account::new(), own_key, fallback: [0; 32], fallback_ms: 0 })
    }

    pub(crate) fn identity_key(&self) -> [u8; 32] {
        self.account.curve25519_key().to_bytes()
    }

    pub(crate) fn from_record(bytes: &[u8]) -> Option<Self> {
        let record: OlmRecord<'_> = read_whole(bytes).ok().filter(|record: &OlmRecord<'_>| record.version == 1)?;
        let account = Account::from_pickle(unpack::<AccountPickle>(record.account)?);
        Some(Self { account, own_key: Zeroizing::new(record.own_key), fallback: record.fallback, fallback_ms: record.fallback_ms })
    }

    pub(crate) fn to_record(&self) -> Vec<u8> {
        let account = Zeroizing::new(pack(&self.account.pickle()).unwrap_or_default());
        let (own_key, fallback, fallback_ms) = (*self.own_key, self.fallback, self.fallback_ms);
        spell(&OlmRecord { version: 1, own_key, fallback, fallback_ms, account: &account })
    }

    /// When another fallback key is due, ms since 1970.
    pub(crate) fn fallback_due_ms(&self) -> i64 {
        if self.fallback_ms == 0 { i64::MIN } else { self.fallback_ms.saturating_add(FALLBACK_AGE_MS) }
    }

    /// Makes another fallback key. The one before stays usable until the next is made.
    pub(crate) fn renew_fallback(&mut self, now_ms: i64) {
        self.account.generate_fallback_key();
        if let Some(key) = self.account.fallback_key().into_values().next() {
            (self.fallback, self.fallback_ms) = (key.to_bytes(), now_ms);
        }
        self.account.mark_keys_as_published();
    }

    /// The fallback key in use, signed.
    pub(crate) fn fallback(&self, device: &OwnDevice, credential: Credential) -> Prekey {
        device.key.sign_prekey(credential, device.device, self.fallback, true, self.fallback_ms)
    }

    /// New one-time keys, signed. Never offered again, whatever becomes of them: a key on the server twice would be handed
    /// out twice.
    pub(crate) fn one_time_keys(&mut self, count: usize, device: &OwnDevice, credential: Credential, now_ms: i64) -> Vec<Prekey> {
        let made = self.account.generate_one_time_keys(count);
        self.account.mark_keys_as_published();
        made.created.iter().map(|key| device.key.sign_prekey(credential, device.device, key.to_bytes(), false, now_ms)).collect()
    }
}
