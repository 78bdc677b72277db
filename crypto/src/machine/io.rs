//! What goes into a [`crate::Machine`] and what comes out of it.

pub use msr_protocol::Failure;
use msr_protocol::v2::{Bytes16, MessageId};
pub use msr_protocol::v2::{Letter, Opened, Opening, SealTicket, Sealing};
use msr_protocol::{Code, Credential};

/// Names a letter that is to be opened. Chosen by whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpenTag(pub u64);

/// Names one [`Output::Persist`] until it is answered; never used twice by a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PersistTicket(pub u64);

/// Bytes that `Debug` does not show, wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(pub zeroize::Zeroizing<Vec<u8>>);

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretBytes({})", self.0.len())
    }
}

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// The connection is registered, in version 2, as this machine's peer on its device.
    Registered,
    /// The connection is lost.
    Disconnected,
    /// A frame of the server: `Lists`, `ListPut`, `Keys`, `Claimed`; with its header.
    Frame(Vec<u8>),
    /// Seal a message. Answered by [`Output::Sealed`]; not while it is held.
    Seal {
        /// What the answer names.
        ticket: SealTicket,
        /// The message.
        letter: Letter,
    },
    /// The message is gone: nobody waits for the answer.
    Unseal {
        /// Which.
        ticket: SealTicket,
    },
    /// Open a letter. Answered by [`Output::Opened`].
    Open {
        /// What the answer names.
        tag: OpenTag,
        /// What this device got beside it.
        header: Vec<u8>,
        /// An encoded [`msr_protocol::v2::Entry`].
        entry: Vec<u8>,
    },
    /// A message of [`Output::Late`] is handled.
    LateHandled {
        /// Which.
        id: MessageId,
    },
    /// The changes are kept, whatever happens.
    Persisted {
        /// Which.
        ticket: PersistTicket,
    },
    /// None of the changes is kept.
    NotPersisted {
        /// Which.
        ticket: PersistTicket,
        /// For a person.
        reason: String,
    },
    /// A person accepts the keys and devices that a peer has now.
    Accept {
        /// Whose.
        credential: Credential,
    },
    /// A person compared the safety number, or takes that back.
    Verify {
        /// With whom.
        credential: Credential,
        /// Whether they are equal.
        verified: bool,
    },
    /// Ask the server for the list of a peer.
    Refresh {
        /// Whose.
        credential: Credential,
    },
    /// Revoke a device of the peer's own.
    Revoke {
        /// Which.
        device: Bytes16,
    },
    /// The devices of the peer's own that the server knows.
    OwnDevices(Vec<Bytes16>),
    /// This device goes off the peer's list: its keys are about to be no more. [`KeyEvent::Revoked`] says when it is off it,
    /// [`KeyEvent::RevokeFailed`] why not. Nothing is sealed from then on, until it is registered anew.
    Leave,
    /// Give the key of a group to devices, each over the session with it.
    ShareGroupKey {
        /// Which, with their peers.
        devices: Vec<(Credential, Bytes16)>,
        /// From [`crate::Group::key`].
        key: SecretBytes,
    },
}

/// One change of what is kept; keys and values are opaque to whoever keeps them.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Keep this, in place of what that key had.
    Put {
        /// The key: ASCII, begins with `key:`, at most 64 characters.
        key: String,
        /// The value. Secret.
        value: Vec<u8>,
    },
    /// Forget what that key has.
    Delete {
        /// The key.
        key: String,
    },
}

impl std::fmt::Debug for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Put { key, value } => f.debug_struct("Put").field("key", key).field("bytes", &value.len()).finish(),
            Self::Delete { key } => f.debug_struct("Delete").field("key", key).finish(),
        }
    }
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these frames now; drop them when not registered.
    Frames(Vec<u8>),
    /// Send a letter of the keys themselves: flags `SEALED | TARGETED`, durable, no receipt, 7 days.
    Control {
        /// Whom it is for.
        recipient: Credential,
        /// The body.
        payload: Vec<u8>,
        /// For which of its devices.
        headers: Vec<(Bytes16, Vec<u8>)>,
    },
    /// Keep these changes, all or none of them, after those of the outputs before. Answered by [`Input::Persisted`] or
    /// [`Input::NotPersisted`].
    Persist {
        /// What to answer with.
        ticket: PersistTicket,
        /// No key twice.
        changes: Vec<Change>,
        /// Whether the answer must wait for the disk itself.
        strict: bool,
    },
    /// Answers [`Input::Seal`].
    Sealed {
        /// Which.
        ticket: SealTicket,
        /// What became of it.
        outcome: Sealing,
    },
    /// Answers [`Input::Open`].
    Opened {
        /// Which.
        tag: OpenTag,
        /// What became of it.
        outcome: Opening,
    },
    /// A letter could be opened after all. Answered by [`Input::LateHandled`]; after a restart it comes again until then.
    Late {
        /// The encoded [`msr_protocol::v2::Entry`].
        entry: Vec<u8>,
        /// What was in it.
        opened: Opened,
    },
    /// Tell the page.
    Event(KeyEvent),
}

/// What changed about the keys of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerChange {
    /// Its keys are seen for the first time.
    NewPeer,
    /// Another account has its credential: only who made two peers with one MD5 on purpose can do that.
    NewKey,
    /// A device more.
    DeviceAdded(Bytes16),
    /// A device less.
    DeviceRemoved(Bytes16),
    /// A device of the peer itself that this one did not know.
    OwnDeviceAdded(Bytes16),
    /// A device of the peer itself is gone.
    OwnDeviceRemoved(Bytes16),
}

/// What a server did, or a peer, that honest ones do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmKind {
    /// An older list than one that was seen.
    Rollback,
    /// Two lists under one number.
    Fork,
    /// A list that is not the peer's, or does not hold.
    ForgedList,
    /// No list, of a peer that had one.
    ListDenied,
    /// A device that was revoked is listed again.
    Unrevoked,
    /// A key to begin a session with that the device did not sign.
    ForgedKey,
    /// An older fallback key than one that was seen.
    OldKey,
    /// A letter that says another sender, receiver or body inside than outside.
    ForgedLetter,
    /// A letter that came before.
    Replay,
}

/// Something the page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyEvent {
    /// Keys or devices of a peer changed.
    PeerChanged {
        /// Whose.
        credential: Credential,
        /// How.
        change: PeerChange,
        /// Whether messages for the peer are held until [`Input::Accept`].
        holds: bool,
    },
    /// A server or a peer is not honest. Nothing unsafe was done.
    Alarm {
        /// Whom it is about.
        credential: Credential,
        /// What it was.
        kind: AlarmKind,
    },
    /// A message waits: its recipient shows no keys.
    NoKeys {
        /// Which message.
        ticket: SealTicket,
        /// Which recipient.
        credential: Credential,
    },
    /// A message waits: keys or devices of its recipient are to be accepted first, or the server shows what cannot be.
    Held {
        /// Which message.
        ticket: SealTicket,
        /// Which recipient.
        credential: Credential,
    },
    /// A device of the peer itself was revoked, or has left.
    Revoked {
        /// Which.
        device: Bytes16,
    },
    /// A device was not revoked.
    RevokeFailed {
        /// Which.
        device: Bytes16,
        /// Why.
        code: Code,
    },
    /// Letters of a device did not come, though it sent later ones.
    Gap {
        /// Whose.
        credential: Credential,
        /// Which device.
        device: Bytes16,
        /// How many.
        missing: u64,
    },
    /// The key of a group, from a device of a member.
    GroupKey {
        /// Whose.
        credential: Credential,
        /// Which device.
        device: Bytes16,
        /// For [`crate::GroupKeys::accept`].
        key: SecretBytes,
    },
    /// Something went wrong that nobody waits for.
    Trouble(Failure),
}
