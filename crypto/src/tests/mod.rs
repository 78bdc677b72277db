//! What is refused, and why.

use msr_protocol::v2::{Bytes16, ListedDevice};
use msr_protocol::{Credential, JsonText};

use crate::{AccountKey, DeviceKey, OwnDevice, Words};

mod key;
mod list;
mod proof;
mod vectors;

/// A peer with its key, whose words are told apart by a number.
struct Account {
    key: AccountKey,
    words: Words,
    secret: JsonText,
    credential: Credential,
}

impl Account {
    fn new(number: u8) -> Self {
        let words = Words { name: JsonText::string(&format!("peer {number}")), email: JsonText::string("peer@example.org") };
        let key = AccountKey::from_seed(&[number; 32]);
        let secret = key.secret_text();
        let credential = words.credential(&secret);
        Self { key, words, secret, credential }
    }

    fn device(&self, device: Bytes16) -> OwnDevice {
        let key = DeviceKey::from_seed(&[device[0] ^ 0xa5; 32]);
        let enrolment = self.key.enrol(self.credential, device, &key.public(), [device[1]; 32], 1_700_000_000_000);
        OwnDevice { device, key, enrolment }
    }

    fn listed(&self, device: Bytes16) -> ListedDevice {
        ListedDevice { device, enrolment: self.device(device).enrolment }
    }
}
