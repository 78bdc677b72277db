//! The key of a hub, as one member's device seals with it and the others open: Megolm. Pure types, on a list of members
//! that somebody else vouches for.
//!
//! The key travels to each device as a letter of the keys ([`crate::Input::ShareGroupKey`]), and whoever that letter
//! authenticates is the sender of whatever the key opens: no server says who spoke. A key is renewed when a member or a
//! device leaves or comes, after 100 messages and after 7 days; who left never gets the next one, and who came never
//! had the one before.

use std::collections::{BTreeSet, VecDeque};

use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, Varint};
use vodozemac::megolm::{
    GroupSession, GroupSessionPickle, InboundGroupSession, InboundGroupSessionPickle, MegolmMessage, SessionConfig, SessionKey,
};
use zeroize::Zeroizing;

use super::io::SecretBytes;
use super::limits::{GROUP_AGE_MS, GROUP_KEYS, GROUP_MESSAGES};
use super::pickle::{pack, unpack};
use super::spelled::{read_whole, spell, spelled};

/// How a header that is a Megolm message begins: see `header::kind`.
const MEGOLM: u8 = 4;

spelled! {
    /// What travels to the devices of the members.
    GroupKeyText<'a> {
        /// 1.
        version: u8,
        hub: Bytes16,
        /// vodozemac's `SessionKey`.
        key: &'a [u8],
    }
    /// What a message of a group binds, and carries.
    GroupText<'a> {
        /// 1.
        version: u8,
        hub: Bytes16,
        from: Credential,
        from_device: Bytes16,
        /// Names the key.
        epoch: [u8; 32],
        /// Its place under the key.
        counter: Varint,
        text: &'a [u8],
    }
    /// How [`Group`] is kept.
    GroupRecord<'a> {
        version: u8,
        hub: Bytes16,
        made_ms: i64,
        session: &'a [u8],
    }
    /// How a key of another's is kept.
    GroupKeyRecord<'a> {
        version: u8,
        hub: Bytes16,
        credential: Credential,
        device: Bytes16,
        /// Which of its messages came, from the first on.
        came: [u8; 16],
        session: &'a [u8],
    }
}

/// A device and whose it is.
type Member = (Credential, Bytes16);

/// Why a message of a group was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// The key must be renewed and given out first.
    #[error("the key of the hub must be renewed")]
    Stale,
    /// It is no message, key or record of a group.
    #[error("not a message of a hub")]
    Malformed,
    /// Its key was not given to this device.
    #[error("the key of the hub's message is not here")]
    UnknownKey,
    /// It was sealed by somebody else than it says, or for another hub.
    #[error("the message of the hub is forged")]
    Forged,
    /// It came before.
    #[error("the message of the hub came before")]
    Replay,
}

/// What one device seals with for a hub.
pub struct Group {
    hub: Bytes16,
    me: Member,
    session: GroupSession,
    made_ms: i64,
    /// The devices that have the key.
    devices: BTreeSet<Member>,
}

impl Group {
    /// A new key, that nobody has yet.
    #[must_use]
    pub fn new(hub: Bytes16, me: Member, devices: BTreeSet<Member>, now_ms: i64) -> Self {
        Self { hub, me, session: GroupSession::new(SessionConfig::version_1()), made_ms: now_ms, devices }
    }

    /// Whether the key may not be used for these devices any more: make another.
    #[must_use]
    pub fn is_stale(&self, devices: &BTreeSet<Member>, now_ms: i64) -> bool {
        let used = u64::from(self.session.message_index());
        // A clock that was set back may not make a key last longer.
        let old = now_ms.saturating_sub(self.made_ms) >= GROUP_AGE_MS || now_ms < self.made_ms;
        self.devices != *devices || used >= GROUP_MESSAGES || old
    }

    /// What the devices are given, each over its own session.
    #[must_use]
    pub fn key(&self) -> SecretBytes {
        let key = Zeroizing::new(self.session.session_key().to_bytes());
        SecretBytes(Zeroizing::new(spell(&GroupKeyText { version: 1, hub: self.hub, key: &key })))
    }

    /// A header of kind 4, the same for every device. The group is to be kept before it leaves.
    ///
    /// # Errors
    /// [`GroupError::Stale`]; [`GroupError::Malformed`] should the key be unreadable.
    pub fn seal(&mut self, text: &[u8], devices: &BTreeSet<Member>, now_ms: i64) -> Result<Vec<u8>, GroupError> {
        if self.is_stale(devices, now_ms) {
            return Err(GroupError::Stale);
        }
        let epoch = epoch_of(&self.session.session_id()).ok_or(GroupError::Malformed)?;
        let counter = Varint(u64::from(self.session.message_index()));
        let (hub, (from, from_device)) = (self.hub, self.me);
        let text = Zeroizing::new(spell(&GroupText { version: 1, hub, from, from_device, epoch, counter, text }));
        let message = self.session.encrypt(text.as_slice());
        Ok([&[MEGOLM][..], &epoch, &message.to_bytes()].concat())
    }

    /// To be kept. Secret.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        let session = Zeroizing::new(pack(&self.session.pickle()).unwrap_or_default());
        SecretBytes(Zeroizing::new(spell(&GroupRecord { version: 1, hub: self.hub, made_ms: self.made_ms, session: &session })))
    }

    /// What [`Self::encode`] made; which devices have the key is for the caller to say.
    ///
    /// # Errors
    /// [`GroupError::Malformed`]
    pub fn decode(bytes: &[u8], me: Member, devices: BTreeSet<Member>) -> Result<Self, GroupError> {
        let record: GroupRecord<'_> = read_whole(bytes).map_err(|_| GroupError::Malformed)?;
        let pickle = unpack::<GroupSessionPickle>(record.session).filter(|_| record.version == 1).ok_or(GroupError::Malformed)?;
        Ok(Self { hub: record.hub, me, session: GroupSession::from_pickle(pickle), made_ms: record.made_ms, devices })
    }
}

fn epoch_of(session_id: &str) -> Option<[u8; 32]> {
    vodozemac::base64_decode(session_id).ok()?.try_into().ok()
}

struct GroupKey {
    hub: Bytes16,
    sender: Member,
    epoch: [u8; 32],
    session: InboundGroupSession,
    /// Bit n: message n came. A key is used for at most 100.
    came: u128,
}

/// The keys that other devices gave this one.
#[derive(Default)]
pub struct GroupKeys {
    keys: VecDeque<GroupKey>,
}

/// A message of a group, open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOpened {
    /// The hub.
    pub hub: Bytes16,
    /// Who sealed it, as the letter with its key said.
    pub sender: (Credential, Bytes16),
    /// What it carries.
    pub text: Vec<u8>,
}

impl GroupKeys {
    /// Takes a key that a letter of `sender` brought. A key that is here already is not replaced.
    ///
    /// # Errors
    /// [`GroupError::Malformed`]; [`GroupError::Forged`] for a key that another device brought before.
    pub fn accept(&mut self, sender: Member, key: &[u8]) -> Result<(), GroupError> {
        let text: GroupKeyText<'_> = read_whole(key).map_err(|_| GroupError::Malformed)?;
        let session_key = SessionKey::from_bytes(text.key).ok().filter(|_| text.version == 1).ok_or(GroupError::Malformed)?;
        let session = InboundGroupSession::new(&session_key, SessionConfig::version_1());
        let epoch = epoch_of(&session.session_id()).ok_or(GroupError::Malformed)?;
        if let Some(known) = self.keys.iter().find(|known| known.epoch == epoch) {
            return if known.sender == sender && known.hub == text.hub { Ok(()) } else { Err(GroupError::Forged) };
        }
        self.keys.push_back(GroupKey { hub: text.hub, sender, epoch, session, came: 0 });
        let surplus = self.keys.len().saturating_sub(GROUP_KEYS);
        self.keys.drain(..surplus);
        Ok(())
    }

    /// Opens a header of kind 4 for one of `members`. What came is to be kept before it is handed out.
    ///
    /// # Errors
    /// As [`GroupError`] says; nothing has changed then.
    pub fn open(&mut self, hub: Bytes16, members: &BTreeSet<Credential>, header: &[u8]) -> Result<GroupOpened, GroupError> {
        let (&kind, rest) = header.split_first().ok_or(GroupError::Malformed)?;
        let (epoch, sealed) = rest.split_first_chunk::<32>().filter(|_| kind == MEGOLM).ok_or(GroupError::Malformed)?;
        let message = MegolmMessage::from_bytes(sealed).map_err(|_| GroupError::Malformed)?;
        let key = self.keys.iter_mut().find(|key| key.epoch == *epoch).ok_or(GroupError::UnknownKey)?;
        if u64::from(message.message_index()) >= GROUP_MESSAGES || key.hub != hub || !members.contains(&key.sender.0) {
            return Err(GroupError::Forged);
        }
        let bit = 1_u128 << message.message_index();
        let opened = key.session.decrypt(&message).map_err(|_| GroupError::Forged)?;
        let plain = Zeroizing::new(opened.plaintext);
        let text: GroupText<'_> = read_whole(&plain).map_err(|_| GroupError::Malformed)?;
        let bound = text.version == 1
            && text.hub == hub
            && (text.from, text.from_device) == key.sender
            && text.epoch == *epoch
            && text.counter == Varint(u64::from(opened.message_index));
        if !bound {
            return Err(GroupError::Forged);
        }
        if key.came & bit != 0 {
            return Err(GroupError::Replay);
        }
        key.came |= bit;
        Ok(GroupOpened { hub, sender: key.sender, text: text.text.to_vec() })
    }

    /// To be kept: one record a key. Secret.
    #[must_use]
    pub fn encode(&self) -> Vec<SecretBytes> {
        let record = |key: &GroupKey| {
            let session = Zeroizing::new(pack(&key.session.pickle()).unwrap_or_default());
            let (hub, (credential, device), came) = (key.hub, key.sender, key.came.to_le_bytes());
            SecretBytes(Zeroizing::new(spell(&GroupKeyRecord { version: 1, hub, credential, device, came, session: &session })))
        };
        self.keys.iter().map(record).collect()
    }

    /// Takes back a record of [`Self::encode`].
    ///
    /// # Errors
    /// [`GroupError::Malformed`]
    pub fn restore(&mut self, record: &[u8]) -> Result<(), GroupError> {
        let record: GroupKeyRecord<'_> = read_whole(record).map_err(|_| GroupError::Malformed)?;
        let pickle = unpack::<InboundGroupSessionPickle>(record.session).filter(|_| record.version == 1).ok_or(GroupError::Malformed)?;
        let session = InboundGroupSession::from_pickle(pickle);
        let epoch = epoch_of(&session.session_id()).ok_or(GroupError::Malformed)?;
        let (sender, came) = ((record.credential, record.device), u128::from_le_bytes(record.came));
        self.keys.push_back(GroupKey { hub: record.hub, sender, epoch, session, came });
        Ok(())
    }
}
