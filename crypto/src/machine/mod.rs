//! The keys of one device, as a pure state machine: what seals its messages, and opens those of others.
//!
//! [`Machine`] has no socket, no disk and no clock. Whoever holds it feeds it [`Input`]s with the time at which they
//! happened (ms since 1970), drains [`Machine::poll_output`] until it gives `None`, and calls
//! [`Machine::handle_timeout`] when [`Machine::poll_timeout`] says so. Olm and Megolm are vodozemac's; here is who they are
//! used with, when, and that nothing is lost.
//!
//! # Promises
//!
//! - No state of a ratchet is used twice: what is sealed leaves, and what was opened is handed out, only after
//!   [`Input::Persisted`] of the state behind it. [`Input::NotPersisted`] refuses what was to be sealed, and tries the rest again.
//! - A peer whose keys were seen once never gets plain text. A list of devices is in force only when the account signed
//!   it, and none that is older than one seen, or another under the same number.
//! - A letter is opened when its header says inside what the server says outside: sender, receiver, devices, recipients,
//!   kind and body. Each is opened once.
//! - A letter that cannot be opened is kept, and its key asked for: of the device that sealed it, and of the peer's own.
//! - Whatever peers or the server can make grow has a bound in [`limits`].
//! - No sequence of inputs makes it panic, nor do damaged records: what cannot be read is told, and begun anew.
//!
//! docs/PROTOCOL-letters.md has letters and headers byte by byte, docs/decisions/encryption.md says why they are so.

mod account;
mod content;
mod control;
mod export;
mod frames;
mod group;
mod header;
mod healing;
mod io;
mod journal;
mod knowledge;
mod late;
pub mod limits;
mod link;
mod listing;
mod opening;
mod pair;
mod peers;
mod pickle;
mod pinning;
mod prekeys;
mod random;
mod records;
mod ring;
mod sealing;
mod seen;
mod sorted;
mod spelled;

use std::collections::VecDeque;

use msr_protocol::v2::{Bytes16, ListedDevice};
use msr_protocol::{Code, Credential, JsonText};

use self::account::OlmAccount;
use self::control::Control;
use self::journal::Journal;
use self::late::LateLetters;
use self::link::Link;
use self::listing::Listing;
use self::opening::WaitingOpen;
use self::pair::Pair;
use self::peers::Peers;
use self::prekeys::Prekeys;
use self::records::{Kind, PairKey};
use self::ring::Rings;
use self::sealing::{Issued, WaitingSeal};
use self::sorted::{Map, Set};
use crate::{AccountKey, DeviceKey, OwnDevice, Words};
pub use group::{Group, GroupError, GroupKeys, GroupOpened};
pub use io::*;
pub use knowledge::PeerView;
pub use random::{Random, RandomFailed, SystemRandom};

/// Whose machine it is.
#[derive(Debug)]
pub struct Own {
    /// The peer.
    pub credential: Credential,
    /// JSON string.
    pub name: JsonText,
    /// JSON string.
    pub email: JsonText,
    /// JSON string: `ed25519:` and the account's public key.
    pub secret: JsonText,
    /// This device.
    pub device: OwnDevice,
    /// The account's own key, where it is known: it signs the list of devices.
    pub account: Option<AccountKey>,
}

impl Own {
    fn words(&self) -> Words {
        Words { name: self.name.clone(), email: self.email.clone() }
    }

    fn listed(&self) -> ListedDevice {
        ListedDevice { device: self.device.device, enrolment: self.device.enrolment }
    }
}

/// The keys of one device: it seals its messages and opens those of others. An input, then outputs until there are none;
/// a time-out when one is due. docs/PROTOCOL-letters.md has what it reads and writes, the module what it promises.
pub struct Machine {
    own: Own,
    /// This device, with its peer.
    me: PairKey,
    random: Box<dyn Random>,
    now_ms: i64,
    outputs: VecDeque<Output>,
    journal: Journal,
    /// `None` when it is gone: then nothing is sealed or opened here.
    account: Option<OlmAccount>,
    account_changed: bool,
    peers: Peers,
    pairs: Map<PairKey, Box<Pair>>,
    pairs_changed: Set<PairKey>,
    /// Those of whose letters some are missing, and not told yet.
    pairs_with_gaps: Set<PairKey>,
    rings: Rings,
    late: LateLetters,
    link: Link,
    listing: Listing,
    prekeys: Prekeys,
    seals: VecDeque<WaitingSeal>,
    issued: VecDeque<Issued>,
    opens: VecDeque<WaitingOpen>,
    controls: VecDeque<Control>,
    /// Keys that devices of the peer's own asked for, of letters that are not open here yet.
    questions: VecDeque<(content::BodyHash, PairKey)>,
}

impl Machine {
    /// The machine of a device, with what was kept: every record whose key begins with `key:`.
    #[must_use]
    pub fn new(own: Own, records: Vec<(String, Vec<u8>)>, now_ms: i64) -> Self {
        Self::with_random(own, records, now_ms, Box::new(SystemRandom))
    }

    /// The same, with another source of randomness for the keys of letters.
    #[must_use]
    pub fn with_random(own: Own, records: Vec<(String, Vec<u8>)>, now_ms: i64, random: Box<dyn Random>) -> Self {
        let me = (own.credential, own.device.device);
        let mut machine = Self {
            own,
            me,
            random,
            now_ms,
            outputs: VecDeque::new(),
            journal: Journal::default(),
            account: None,
            account_changed: false,
            peers: Peers::default(),
            pairs: Map::default(),
            pairs_changed: Set::default(),
            pairs_with_gaps: Set::default(),
            rings: Rings::default(),
            late: LateLetters::default(),
            link: Link::default(),
            listing: Listing::default(),
            prekeys: Prekeys::default(),
            seals: VecDeque::new(),
            issued: VecDeque::new(),
            opens: VecDeque::new(),
            controls: VecDeque::new(),
            questions: VecDeque::new(),
        };
        machine.restore(records);
        machine
    }

    fn restore(&mut self, records: Vec<(String, Vec<u8>)>) {
        for (key, value) in records {
            let whole = match records::kind(&key) {
                Kind::Device | Kind::Other => true,
                Kind::Olm => {
                    let ours = |account: &OlmAccount| account.identity_key() == self.own.device.enrolment.identity_key;
                    self.account = OlmAccount::from_record(&value).filter(ours);
                    true
                }
                Kind::Peer(credential) => {
                    self.peers.restore(credential, value);
                    true
                }
                Kind::Pair(pair) => match Pair::from_record(&value) {
                    Some(restored) => {
                        if restored.received.iter().any(|seen| seen.due_ms().is_some()) {
                            self.pairs_with_gaps.put(pair);
                        }
                        self.pairs.insert(pair, Box::new(restored));
                        true
                    }
                    None => false,
                },
                Kind::Opened(number) => self.rings.opened.restore(number, &value),
                Kind::Sealed(number) => self.rings.sealed.restore(number, &value),
                Kind::Late(number) => self.late.restore(number, &value),
            };
            if !whole {
                self.trouble(Code::Damaged, format!("the record {key} cannot be read; it is begun anew"));
                self.journal.delete(key);
            }
        }
        if self.account.is_none() {
            self.trouble(Code::NoDeviceKeys, Code::NoDeviceKeys.reason().to_owned());
        }
        self.hand_out_late();
    }

    /// A new device of an account, and the records to be kept strictly before it is used.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn enrol(
        account: &AccountKey,
        credential: Credential,
        device: Bytes16,
        now_ms: i64,
    ) -> Result<(OwnDevice, Vec<Change>), RandomFailed> {
        let mut random = SystemRandom;
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        random.fill(&mut *seed)?;
        let key = DeviceKey::from_seed(&seed);
        let mut olm = OlmAccount::new(&mut random)?;
        olm.renew_fallback(now_ms);
        let enrolment = account.enrol(credential, device, &key.public(), olm.identity_key(), now_ms);
        let own = OwnDevice { device, key, enrolment };
        let put = |key: &str, value| Change::Put { key: key.to_owned(), value };
        let changes = vec![put(records::DEVICE, own.encode()), put(records::OLM, olm.to_record())];
        Ok((own, changes))
    }

    /// Something happened at `now_ms`, ms since 1970.
    pub fn handle_input(&mut self, input: Input, now_ms: i64) {
        self.now_ms = now_ms;
        match input {
            Input::Registered => self.registered(),
            Input::Disconnected => self.link.reset(false),
            Input::Frame(bytes) => self.frames_came(&bytes),
            Input::Seal { ticket, letter } => self.seal_asked(ticket, letter),
            Input::Unseal { ticket } => self.unseal(ticket),
            Input::Open { tag, header, entry } => self.open_asked(tag, header, entry),
            Input::LateHandled { id } => self.late_handled(id),
            Input::Persisted { ticket } => {
                let free = self.journal.persisted(ticket);
                self.outputs.extend(free);
            }
            Input::NotPersisted { ticket, reason } => {
                let refused = self.journal.not_persisted(ticket, now_ms);
                for output in &refused {
                    if let Output::Sealed { ticket, .. } = output {
                        self.unseal(*ticket);
                    }
                }
                self.outputs.extend(refused);
                self.trouble(Code::NotKept, reason);
            }
            Input::Accept { credential } => self.accept(credential),
            Input::Verify { credential, verified } => self.verify(credential, verified),
            Input::Refresh { credential } => self.link.want_list(credential),
            Input::Revoke { device } => self.revoke(device),
            Input::OwnDevices(devices) => self.listing.known = devices.into_iter().collect(),
            Input::Leave => self.leave(),
            Input::ShareGroupKey { devices, key } => self.share_group_key(devices, &key),
        }
        self.work();
    }

    /// The time of [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.work();
    }

    /// What is to be done next; `None` for nothing more.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.pairs_changed.is_empty() && !self.account_changed && self.rings.is_kept() {
            self.outputs.extend(self.journal.free());
        }
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if !self.journal.is_idle(self.now_ms) {
            return None;
        }
        self.stage();
        self.journal.begin(self.now_ms)
    }

    /// Packs what changed, for the next write.
    fn stage(&mut self) {
        for (key, value) in self.rings.changes() {
            match value {
                Some(value) => self.journal.put(key, value),
                None => self.journal.delete(key),
            }
        }
        for (key, ()) in std::mem::take(&mut self.pairs_changed) {
            if let Some(pair) = self.pairs.get_mut(&key) {
                self.journal.put(records::pair_key(key), pair.record());
            }
        }
        if std::mem::take(&mut self.account_changed)
            && let Some(account) = &self.account
        {
            self.journal.put(records::OLM.to_owned(), account.to_record());
        }
    }

    /// When [`Self::handle_timeout`] is due, ms since 1970.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<i64> {
        let always = [self.journal.retry_ms(), self.gaps_due_ms(), self.opens_due_ms(), self.late_expire_ms()];
        let registered = [
            self.link.answer_due_ms(),
            self.link.bars_end_ms(),
            self.seals_due_ms(),
            self.late_due_ms(),
            self.listing.due_ms(),
            self.prekeys_due_ms(),
            self.answers_due_ms(),
        ];
        let registered = registered.into_iter().filter(|_| self.link.registered);
        always.into_iter().chain(registered).flatten().min()
    }

    fn registered(&mut self) {
        self.link.reset(true);
        self.listing.reset();
        self.prekeys.reset();
    }

    /// Does what can be done now.
    fn work(&mut self) {
        self.keep_prekeys();
        self.keep_listed();
        self.open_waiting();
        self.seal_waiting();
        self.heal();
        self.send_controls();
        self.tell_gaps();
        if let Some(frames) = self.link.ask(self.now_ms) {
            self.outputs.push_back(Output::Frames(frames));
        }
    }

    fn event(&mut self, event: KeyEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    fn trouble(&mut self, code: Code, detail: String) {
        self.event(KeyEvent::Trouble(Failure { code, detail }));
    }

    fn alarm(&mut self, credential: Credential, kind: AlarmKind) {
        self.event(KeyEvent::Alarm { credential, kind });
    }
}
