//! The devices of a peer, as its account signed them: reading a list, and what the next one says.

use msr_protocol::limits::PEER_FIELD_BYTES;
use msr_protocol::v2::{Bytes16, Enrolment, Field, List, ListedDevice, ListedDevices, SignedList, list_text};
use msr_protocol::{Code, Credential, JsonText, is_json};

use crate::limits::{DEVICES_PER_LIST, REVOKED_PER_LIST};
use crate::{Identity, PublicKey, Words, account_key_of, verify_enrolment};

/// Why bytes are not the list of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// The bytes are no list, or more than one.
    #[error("not a list of devices")]
    Malformed,
    /// More devices or revoked ids than a list can have.
    #[error("too many devices")]
    TooMany,
    /// Name and e-mail address are not JSON strings, or the secret is not a key in its one spelling.
    #[error("the words are not those of an identity by key")]
    Words,
    /// The words give another credential.
    #[error("the words are not those of the credential")]
    Credential,
    /// The account did not sign the list.
    #[error("the account did not sign the list")]
    Signature,
    /// Lists count from 1.
    #[error("a list has no number")]
    Counter,
    /// The ids are not in order, stand there twice, or are both listed and revoked.
    #[error("the devices are not in order")]
    Order,
    /// The account did not enrol a device that is listed.
    #[error("the account did not enrol a device of the list")]
    Enrolment,
}

impl ListError {
    /// What the other end is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Malformed
            | Self::TooMany
            | Self::Words
            | Self::Credential
            | Self::Signature
            | Self::Counter
            | Self::Order
            | Self::Enrolment => Code::InvalidList,
        }
    }
}

/// Why there is no next list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NextListError {
    /// A list names 64 devices at most.
    #[error("the list of devices is full")]
    Full,
    /// It remembers 256 revoked ids at most.
    #[error("no more devices can be revoked")]
    Spent,
    /// The device was revoked, and never is one again.
    #[error("the device was revoked")]
    Revoked,
    /// There is no number above that of the list.
    #[error("the list cannot be followed by another")]
    Last,
}

impl NextListError {
    /// What the page is told.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::Revoked => Code::DeviceRevoked,
            Self::Full => Code::TooManyDevices,
            Self::Spent | Self::Last => Code::InvalidList,
        }
    }
}

/// The devices of a peer, from a list that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceList {
    /// Whose.
    pub credential: Credential,
    /// The name and e-mail address that give the credential.
    pub words: Words,
    /// The secret that gives the credential, a JSON string: the account key.
    pub secret: JsonText,
    /// The same, as a key.
    pub account: PublicKey,
    /// Which of the peer's lists it is: 1 and up.
    pub counter: u64,
    /// When it was signed, by the clock of the device that did, ms since 1970.
    pub signed_ms: i64,
    /// What messages are sealed for, in the order of their ids.
    pub devices: Vec<ListedDevice>,
    /// Ids that are never a device again, in order.
    pub revoked: Vec<Bytes16>,
    /// The encoded [`SignedList`].
    pub bytes: Vec<u8>,
}

fn is_spelled_string(text: &str) -> bool {
    text.len() <= PEER_FIELD_BYTES && text.starts_with('"') && text.ends_with('"') && is_json(text)
}

/// Whether the ids ascend, so that none stands there twice.
fn ascend<'a>(ids: impl Iterator<Item = &'a Bytes16>) -> bool {
    ids.is_sorted_by(|one, next| one < next)
}

/// Reads an encoded [`SignedList`], of whomever it is. The list holds by itself: words, key and credential belong
/// together and the account signed all of it. Whether it is the newest is for the caller to know.
///
/// # Errors
/// As [`ListError`] says.
pub fn read_list(bytes: &[u8]) -> Result<DeviceList, ListError> {
    let mut rest = bytes;
    let SignedList { signature, body } = SignedList::read(&mut rest).map_err(|_| ListError::Malformed)?;
    let mut unread = body;
    let list = ListedDevices::read(&mut unread).map_err(|_| ListError::Malformed)?;
    if !rest.is_empty() || !unread.is_empty() {
        return Err(ListError::Malformed);
    }
    let ListedDevices { credential, name, email, secret, counter, signed_ms, devices: List(devices), revoked: List(revoked) } = list;
    if devices.len() > DEVICES_PER_LIST || revoked.len() > REVOKED_PER_LIST {
        return Err(ListError::TooMany);
    }
    let account = account_key_of(secret).ok_or(ListError::Words)?;
    if !is_spelled_string(name) || !is_spelled_string(email) {
        return Err(ListError::Words);
    }
    let [name, email, secret] = [name, email, secret].map(|text| JsonText::from_spelled(text.to_owned()));
    let words = Words { name, email };
    if words.credential(&secret) != credential {
        return Err(ListError::Credential);
    }
    if !account.signed(&list_text(body), &signature) {
        return Err(ListError::Signature);
    }
    if counter == 0 {
        return Err(ListError::Counter);
    }
    let both = devices.iter().any(|listed| revoked.binary_search(&listed.device).is_ok());
    if !ascend(devices.iter().map(|listed| &listed.device)) || !ascend(revoked.iter()) || both {
        return Err(ListError::Order);
    }
    let enrolled = |listed: &ListedDevice| verify_enrolment(&account, credential, listed.device, &listed.enrolment).is_some();
    if !devices.iter().all(enrolled) {
        return Err(ListError::Enrolment);
    }
    Ok(DeviceList { credential, words, secret, account, counter, signed_ms, devices, revoked, bytes: bytes.to_owned() })
}

impl DeviceList {
    /// A peer's first list, of one device, to be signed with [`crate::AccountKey::sign_list`]. `secret` is the JSON string.
    #[must_use]
    pub fn first<'a>(words: &'a Words, secret: &'a JsonText, device: ListedDevice, signed_ms: i64) -> ListedDevices<'a> {
        ListedDevices {
            credential: words.credential(secret),
            name: words.name.as_str(),
            email: words.email.as_str(),
            secret: secret.as_str(),
            counter: 1,
            signed_ms,
            devices: List(vec![device]),
            revoked: List(vec![]),
        }
    }

    /// What a safety number is made of.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { credential: self.credential, account: self.account }
    }

    /// How the account enrolled a device, if it is listed.
    #[must_use]
    pub fn enrolment(&self, device: Bytes16) -> Option<&Enrolment> {
        let place = self.devices.binary_search_by_key(&device, |listed| listed.device).ok()?;
        self.devices.get(place).map(|listed| &listed.enrolment)
    }

    /// Whether a device was revoked.
    #[must_use]
    pub fn is_revoked(&self, device: Bytes16) -> bool {
        self.revoked.binary_search(&device).is_ok()
    }

    /// The next list, with one device more, or with that device enrolled anew.
    ///
    /// # Errors
    /// As [`NextListError`] says.
    pub fn with_device(&self, device: ListedDevice, signed_ms: i64) -> Result<ListedDevices<'_>, NextListError> {
        self.with_device_in_place(device, |_| true, signed_ms)
    }

    /// The next list, without a device, which is revoked for good, listed before or not.
    ///
    /// # Errors
    /// As [`NextListError`] says.
    pub fn without(&self, device: Bytes16, signed_ms: i64) -> Result<ListedDevices<'_>, NextListError> {
        let mut next = self.next(signed_ms)?;
        next.devices.0.retain(|listed| listed.device != device);
        match next.revoked.0.binary_search(&device) {
            Ok(_) => {}
            Err(_) if next.revoked.0.len() >= REVOKED_PER_LIST => return Err(NextListError::Spent),
            Err(place) => next.revoked.0.insert(place, device),
        }
        Ok(next)
    }

    /// The next list, without a device whose keys are no more, so that it need not be remembered as revoked.
    ///
    /// # Errors
    /// As [`NextListError`] says.
    pub fn without_lost(&self, device: Bytes16, signed_ms: i64) -> Result<ListedDevices<'_>, NextListError> {
        let mut next = self.next(signed_ms)?;
        next.devices.0.retain(|listed| listed.device != device);
        Ok(next)
    }

    /// The next list, with one device more; where there is no room for it, in place of the one enrolled longest ago of those that
    /// `is_known` knows nothing of.
    ///
    /// # Errors
    /// As [`NextListError`] says.
    pub fn with_device_in_place(
        &self,
        device: ListedDevice,
        is_known: impl Fn(Bytes16) -> bool,
        signed_ms: i64,
    ) -> Result<ListedDevices<'_>, NextListError> {
        if self.is_revoked(device.device) {
            return Err(NextListError::Revoked);
        }
        let mut next = self.next(signed_ms)?;
        let List(devices) = &mut next.devices;
        match devices.binary_search_by_key(&device.device, |listed| listed.device) {
            Ok(place) => devices[place] = device,
            Err(place) => devices.insert(place, device),
        }
        make_room(devices, device.device, is_known)?;
        Ok(next)
    }

    fn next(&self, signed_ms: i64) -> Result<ListedDevices<'_>, NextListError> {
        Ok(ListedDevices {
            credential: self.credential,
            name: self.words.name.as_str(),
            email: self.words.email.as_str(),
            secret: self.secret.as_str(),
            counter: self.counter.checked_add(1).ok_or(NextListError::Last)?,
            signed_ms,
            devices: List(self.devices.clone()),
            revoked: List(self.revoked.clone()),
        })
    }
}

/// Takes those enrolled longest ago of which `is_known` knows nothing from too long a list, never one's `own`.
pub(crate) fn make_room(devices: &mut Vec<ListedDevice>, own: Bytes16, is_known: impl Fn(Bytes16) -> bool) -> Result<(), NextListError> {
    while devices.len() > DEVICES_PER_LIST {
        let unknown = devices.iter().filter(|listed| listed.device != own && !is_known(listed.device));
        let lost = unknown.min_by_key(|listed| listed.enrolment.enrolled_ms).ok_or(NextListError::Full)?.device;
        devices.retain(|listed| listed.device != lost);
    }
    Ok(())
}
