//! The device's own keys: found among what was kept, or made.

use msr_crypto::{AccountKey, Change, Failure, Machine, Own, OwnDevice, account_key_of, verify_enrolment};
use msr_protocol::v2::Bytes16;
use msr_protocol::{Code, Credential, JsonText, Peer};

/// Where the device's own keys are kept.
const DEVICE: &str = "key:device";

/// Whose keys they are.
pub(super) struct Owner {
    pub(super) name: JsonText,
    pub(super) email: JsonText,
    pub(super) secret: JsonText,
    /// The account's own key, where it is known.
    pub(super) account: Option<AccountKey>,
}

/// How a device came to have its keys.
pub(super) enum Found {
    /// It had them: here they are twice, for signing connections and for the machine.
    Kept(Box<[OwnDevice; 2]>),
    /// They are new, and in these changes, which are to be kept before they are used.
    Made(Vec<Change>),
}

impl Owner {
    pub(super) fn credential(&self) -> Credential {
        let Self { name, email, secret, account: _ } = self;
        Peer { name: name.clone(), email: email.clone(), secret: secret.clone(), ..Peer::default() }.credential()
    }

    /// Whose words these are, JSON texts; a seed that is another account's is none.
    pub(super) fn new([name, email, secret]: [JsonText; 3], seed: Option<&[u8]>) -> Self {
        let account = seed.and_then(|seed| seed.try_into().ok()).map(AccountKey::from_seed);
        let account = account.filter(|account| account.secret_text() == secret);
        Self { name, email, secret, account }
    }

    /// Takes the keys of that device out of what was kept, or makes new ones where there are none that hold.
    pub(super) fn device(&self, device: Bytes16, records: &[(String, Vec<u8>)], now_ms: i64) -> Result<Found, Failure> {
        if let (Some(signer), Some(own)) = (self.kept(device, records), self.kept(device, records)) {
            return Ok(Found::Kept(Box::new([signer, own])));
        }
        let account = self.account.as_ref().ok_or(Code::SecretRequired)?;
        let (_, kept) = Machine::enrol(account, self.credential(), device, now_ms).map_err(|_| Code::NoDeviceKeys)?;
        let isnt_kept = |key: &String| !kept.iter().any(|change| matches!(change, Change::Put { key: other, .. } if other == key));
        // What was of another device, or is damaged, fits no new keys.
        let old = records.iter().map(|(key, _)| key).filter(|key| isnt_kept(key));
        let forgotten = old.map(|key| Change::Delete { key: key.clone() }).collect::<Vec<_>>();
        Ok(Found::Made(forgotten.into_iter().chain(kept).collect()))
    }

    fn kept(&self, device: Bytes16, records: &[(String, Vec<u8>)]) -> Option<OwnDevice> {
        let (_, record) = records.iter().find(|(key, _)| key == DEVICE)?;
        let own = OwnDevice::decode(record).ok().filter(|own| own.device == device)?;
        let account = account_key_of(self.secret.as_str())?;
        verify_enrolment(&account, self.credential(), device, &own.enrolment).map(|_| own)
    }

    /// What the machine is told of its owner.
    pub(super) fn own(&self, device: OwnDevice) -> Own {
        let Self { name, email, secret, account } = self;
        let (name, email, secret) = (name.clone(), email.clone(), secret.clone());
        let account = account.as_ref().map(|account| AccountKey::from_seed(&account.seed()));
        Own { credential: self.credential(), name, email, secret, device, account }
    }
}

/// The records as they are once these changes are kept.
pub(super) fn changed(mut records: Vec<(String, Vec<u8>)>, changes: &[Change]) -> Vec<(String, Vec<u8>)> {
    for change in changes {
        let (Change::Put { key, .. } | Change::Delete { key }) = change;
        records.retain(|(other, _)| other != key);
        if let Change::Put { key, value } = change {
            records.push((key.clone(), value.clone()));
        }
    }
    records
}
