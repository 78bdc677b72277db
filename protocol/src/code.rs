//! What can be answered, as numbers. Their range decides what a client does: 2xx done, 4xx final, 5xx try again.
//! A WebSocket close code of 4000 + n mirrors code n.

/// What a client does about a [`Code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It is done.
    Done,
    /// Trying again changes nothing.
    Final,
    /// Trying again later may work.
    Retry,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $reason:literal;)*) => {
        /// A numeric answer of the protocol, with a reason fit for a person.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $name = $number,)*
        }

        impl Code {
            /// Every code, ascending.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code of that number, if there is one.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// What they say, one a line: an address and a length for each would be a third of it.
            const REASONS: &str = concat!($($reason, "\n",)*);
        }
    };
}

codes! {
    /// Registered; also what dialect B answers for each peer found.
    Done = 200, "Registration Succeed";
    /// Nobody online matches the search.
    NoMatch = 201, "No Matched Target";
    /// The text is not a message: not JSON, a member missing or of the wrong kind.
    BadMessage = 400, "Not a message";
    /// The peer of a registration does not hash to its credential, or the registration is not its own.
    InvalidRegistration = 401, "Invalid Registration Request";
    /// A second registration on one connection.
    DuplicateRegistration = 402, "Duplicated Registration";
    /// No registration within [`crate::limits::REGISTRATION_TIMEOUT_MS`].
    RegistrationTimeout = 403, "Registration Timeout";
    /// No session with this id waits to be resumed.
    InvalidResume = 404, "Invalid Session Resume";
    /// The session was resumed before: somebody has a copy of its id, so both sides are closed.
    ResumeViolation = 405, "Session Resume Violation";
    /// `from` is not the sender's own credential; the message is dropped.
    ForgedSender = 406, "The message names another sender";
    /// The checksum does not fit the message; the message is dropped.
    BadChecksum = 407, "The checksum does not fit the message";
    /// More than [`crate::limits::RECIPIENTS`] recipients.
    TooManyRecipients = 408, "Too many recipients";
    /// Nested deeper than [`crate::limits::JSON_DEPTH`].
    TooDeep = 409, "The message nests too deep";
    /// A page of this origin may not connect (HTTP status 403, before the upgrade).
    OriginRefused = 410, "This origin may not connect";
    /// Binary data where the sub-protocol is text.
    BinaryRefused = 411, "Text is due here, not binary data";
    /// Something else than a registration came first.
    NotRegistered = 412, "Register first";
    /// Larger than [`crate::limits::MESSAGE_BYTES`].
    TooLarge = 413, "The message is too large";
    /// The same device connected again; this connection gives way.
    Displaced = 414, "This device connected again";
    /// Nobody with that credential has ever registered here.
    UnknownRecipient = 415, "No such recipient";
    /// It was not delivered within its time.
    Expired = 416, "Expired before it was delivered";
    /// Too much waits for every device of the recipient.
    QueueFull = 417, "The recipient's queues are full";
    /// The last device that held it was away for too long and has been retired.
    DeviceRetired = 418, "The recipient's device was away for too long";
    /// The recipient is connected in version 1 alone, which cannot say the message: bytes, no JSON, or too large.
    NotInVersion1 = 419, "The recipient's client cannot read this";
    /// The server takes no identity by MD5.
    KeyRequired = 420, "This server takes identities by key alone";
    /// The host in a proof is none of the server's names: it was made for another server.
    WrongHost = 421, "The proof names another server";
    /// An identity by key on version 1, which has no challenge.
    Version2Required = 422, "An identity by key needs version 2";
    /// Another peer, of other words, was registered under this credential before.
    CredentialTaken = 423, "Another peer has this credential";
    /// A device list that is not newer than the one the server has.
    ListConflict = 424, "The device list was changed by another device";
    /// A device list or a key that is not what it should be, or not signed by whom it should be.
    InvalidList = 425, "The device list or key is not valid";
    /// The device was taken off the list of its peer.
    DeviceRevoked = 426, "This device was revoked";
    /// A peer has as many devices as a server keeps queues for, or as its signed list names.
    TooManyDevices = 427, "Too many devices: revoke or retire one";
    /// The WebAssembly module is not loaded yet: `await init()` first.
    NotInitialised = 450, "Not loaded yet: await init() first";
    /// A setting or an argument is not usable.
    InvalidArgument = 451, "Not usable as given";
    /// The caller took it back.
    Aborted = 452, "Taken back by the caller";
    /// The client was closed.
    Closed = 453, "The client was closed";
    /// A handler of the page threw, or rejected.
    HandlerFailed = 454, "A handler of the page failed";
    /// What this device kept of itself cannot be read.
    Damaged = 455, "What was kept on this device is damaged";
    /// This device has nowhere to keep messages but memory.
    MemoryOnly = 456, "Messages are kept in memory alone";
    /// The keys of an identity are not derived yet: `await client.identify()` first.
    NotIdentified = 457, "Not identified yet: await client.identify() first";
    /// A recipient has no keys, so nothing can be encrypted for it.
    NoKeys = 459, "A recipient has no keys to encrypt for";
    /// A message that this device cannot open, now or ever.
    CannotOpen = 460, "The message could not be decrypted";
    /// Something that the account's own key must sign, and the secret is not known here.
    SecretRequired = 461, "This needs the secret";
    /// The server showed an older list of devices than before, or two under one number.
    ListForged = 462, "The server showed a device list that cannot be";
    /// The keys of this device are gone or cannot be used.
    NoDeviceKeys = 463, "The keys of this device cannot be used";
    /// The server is going away; another, or the same one later, will answer.
    GoingAway = 503, "The server is going away";
    /// This address has too many connections, or the server has.
    TooManyConnections = 504, "Too many connections";
    /// The receiver did not read what waited for it.
    SlowConsumer = 505, "Too much waited to be read";
    /// The other side was silent for two heartbeats.
    Silent = 506, "Nothing was heard for too long";
    /// The disk of the server is full; nothing was accepted.
    StoreFull = 507, "The server has no room";
    /// The disk of the server failed; it accepts nothing any more.
    StoreBroken = 508, "The server cannot store";
    /// The server has as many large messages under way as it takes.
    Busy = 509, "Too many large messages at once";
    /// An earlier message of the same device has not come yet.
    OutOfOrder = 520, "An earlier message is missing";
    /// The device headers are not those that the lists of the recipients ask for; the lists are sent along.
    StaleDevices = 521, "The recipients' devices have changed";
    /// More messages, faster, than one connection may send.
    RateLimited = 529, "Too many messages at once";
    /// The outbox of the client is full.
    OutboxFull = 550, "The outbox is full";
    /// Nobody answered in time; what became of the request is unknown.
    Timeout = 551, "No answer in time";
    /// No connection could be made.
    Unreachable = 552, "No connection";
    /// This device could not keep the message, so it was not sent.
    NotKept = 553, "This device could not keep the message";
}

impl Code {
    /// What it says to a person.
    #[must_use]
    pub fn reason(self) -> &'static str {
        let mut lines_before = Self::ALL.iter().take_while(|code| **code != self).count();
        let mut start = 0;
        for (end, _) in Self::REASONS.bytes().enumerate().filter(|(_, byte)| *byte == b'\n') {
            if lines_before == 0 {
                return Self::REASONS.get(start..end).unwrap_or_default();
            }
            lines_before -= 1;
            start = end + 1;
        }
        ""
    }

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    /// What a client does about it: the range of the number says. The one exception is the registration time-out,
    /// whose number is the original's: it comes of a slow network, and trying again helps.
    #[must_use]
    pub fn disposition(self) -> Disposition {
        match self.number() {
            403 => Disposition::Retry,
            200..=299 => Disposition::Done,
            500..=599 => Disposition::Retry,
            _ => Disposition::Final,
        }
    }

    /// The WebSocket close code that says so. Where RFC 6455 has one of its own, that one.
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooLarge => 1009,
            Self::BinaryRefused => 1003,
            Self::GoingAway => 1012,
            _ => 4000 + self.number(),
        }
    }

    /// The code that a WebSocket close code stands for.
    #[must_use]
    pub fn from_close_code(close_code: u16) -> Option<Self> {
        match close_code {
            1009 => Some(Self::TooLarge),
            1003 => Some(Self::BinaryRefused),
            1012 => Some(Self::GoingAway),
            4000..=4999 => Self::from_number(close_code - 4000),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_close_codes_round_trip() {
        for &code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(code));
            assert_eq!(Code::from_close_code(code.close_code()), Some(code));
        }
    }

    #[test]
    fn each_has_its_reason() {
        assert_eq!(Code::REASONS.lines().count(), Code::ALL.len());
        assert!(Code::ALL.iter().zip(Code::REASONS.lines()).all(|(code, reason)| code.reason() == reason));
        assert_eq!(Code::NotKept.reason(), "This device could not keep the message");
    }

    #[test]
    fn the_range_decides() {
        assert_eq!(Code::Done.disposition(), Disposition::Done);
        assert_eq!(Code::OriginRefused.disposition(), Disposition::Final);
        assert_eq!(Code::RegistrationTimeout.disposition(), Disposition::Retry);
        assert_eq!(Code::GoingAway.disposition(), Disposition::Retry);
    }
}
