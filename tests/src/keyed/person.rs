//! Who has an identity by key, and where its devices live.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use msr_client::Settings;
use msr_client::native::{Client, Options, SharedKeys, Storage};
use msr_crypto::{AccountKey, Words};
use msr_protocol::{Credential, JsonText, Peer};
use tempfile::TempDir;

use super::{Ring, Running};
use crate::within;

/// A peer with an account key.
#[derive(Clone)]
pub struct Person {
    seed: [u8; 32],
    words: Words,
}

impl Person {
    /// With a key that is the MD5 of the name, twice: where it comes from matters to few tests, and deriving takes its time.
    pub fn new(name: &str) -> Self {
        let half = hex::decode(crate::md5(name)).unwrap();
        let seed = [half.as_slice(), half.as_slice()].concat().try_into().unwrap();
        let email = format!("{}@example.org", name.replace(' ', "."));
        Self { seed, words: Words { name: JsonText::string(name), email: JsonText::string(&email) } }
    }

    /// With the key that comes from the three words.
    pub fn derived(name: &str, email: &str, secret: &str) -> Self {
        let words = Words { name: JsonText::string(name), email: JsonText::string(email) };
        let seed = *AccountKey::derive(&words, secret).unwrap().seed();
        Self { seed, words }
    }

    /// The account key.
    pub fn account(&self) -> AccountKey {
        AccountKey::from_seed(&self.seed)
    }

    /// The secret of the account key.
    pub fn seed(&self) -> [u8; 32] {
        self.seed
    }

    /// Name and e-mail address.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// What registers.
    pub fn peer(&self) -> Peer {
        let Words { name, email } = self.words.clone();
        Peer { name, email, secret: self.account().secret_text(), publish: true, ..Peer::default() }
    }

    /// Its name for all.
    pub fn credential(&self) -> Credential {
        self.peer().credential()
    }
}

/// Where one device of a person lives: a folder, as a browser profile or a process has it.
pub struct Slot {
    /// Whose.
    pub person: Person,
    folder: TempDir,
    /// The origin to name: the port of the server itself, when it is dialled through another.
    origin: u16,
}

impl Slot {
    /// A new one. `server` is the server's own port.
    pub fn new(person: &Person, server: u16) -> Self {
        Self { person: person.clone(), folder: TempDir::new().unwrap(), origin: server }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a client as a process would: all it knows it has from the folder. It dials `port`.
    pub fn start(&self, port: u16) -> Running {
        let ring = Arc::new(Mutex::new(Ring::open(&self.person, self.path())));
        let heard = ring.lock().unwrap().watch();
        let settings =
            Settings { server: format!("ws://127.0.0.1:{port}"), peer: self.person.peer(), device: "test".to_owned(), autoreconnect: true };
        let options = Options {
            seed: fastrand::u64(..),
            origin: Some(format!("http://127.0.0.1:{}", self.origin)),
            storage: Storage::Folder(self.path().to_owned()),
            by_hand: true,
            keys: Some(SharedKeys::new(ring.clone())),
            ..Options::default()
        };
        Running::new(Client::new(settings, options), ring, heard)
    }

    /// Waits until no client runs on the folder any more.
    pub async fn is_free(&self) {
        let credential = self.person.credential();
        for folder in [self.path().to_owned(), self.path().join("keys")] {
            let lock = folder.join(format!("{credential}.lock"));
            within("the folder to be free", async {
                while lock.exists() && !std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok()) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
        }
    }
}
