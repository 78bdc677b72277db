//! What happens to a device, as lines of text.

use std::fmt;
use std::str::FromStr;

/// A device of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(pub u32);

/// A peer of the test; it has one device or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(pub u32);

/// A message: which device sent it, and its place among what that device sent. It travels as the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The sender.
    pub sender: DeviceId,
    /// Counts up from 1.
    pub number: u64,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.sender.0, self.number)
    }
}

/// A text that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl FromStr for Name {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let read = || {
            let (sender, number) = text.split_once(':')?;
            Some(Self { sender: DeviceId(sender.parse().ok()?), number: number.parse().ok()? })
        };
        read().ok_or_else(|| Unreadable(text.to_owned()))
    }
}

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is about to send its message of that number. Written down before the message goes anywhere.
    Sent {
        /// The number.
        number: u64,
        /// For whom.
        to: Vec<PeerId>,
    },
    /// It was told that the message is kept.
    Accepted(u64),
    /// It was told that the message does not reach a peer, or not all of its devices.
    Reported {
        /// The message.
        number: u64,
        /// Whom it does not reach.
        peer: PeerId,
        /// Why.
        code: u16,
    },
    /// Its handler is called.
    Called(Name),
    /// It will never call its handler for that again: the mark is kept.
    Settled(Name),
    /// It was killed, with everything it had not kept.
    Killed,
    /// It was told that messages were lost. In no history here may that happen unless the test says so.
    Gap,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { number, to } => {
                let to: Vec<_> = to.iter().map(|peer| peer.0.to_string()).collect();
                write!(f, "sent {number} {}", to.join(","))
            }
            Self::Accepted(number) => write!(f, "accepted {number}"),
            Self::Reported { number, peer, code } => write!(f, "reported {number} {} {code}", peer.0),
            Self::Called(name) => write!(f, "called {name}"),
            Self::Settled(name) => write!(f, "settled {name}"),
            Self::Killed => write!(f, "killed"),
            Self::Gap => write!(f, "gap"),
        }
    }
}

impl FromStr for Event {
    type Err = Unreadable;

    fn from_str(line: &str) -> Result<Self, Unreadable> {
        let read = || {
            let words: Vec<&str> = line.split(' ').collect();
            Some(match words.as_slice() {
                ["sent", number, to] => {
                    let to = to.split(',').map(|peer| peer.parse().ok().map(PeerId)).collect::<Option<_>>()?;
                    Self::Sent { number: number.parse().ok()?, to }
                }
                ["accepted", number] => Self::Accepted(number.parse().ok()?),
                ["reported", number, peer, code] => {
                    Self::Reported { number: number.parse().ok()?, peer: PeerId(peer.parse().ok()?), code: code.parse().ok()? }
                }
                ["called", name] => Self::Called(name.parse().ok()?),
                ["settled", name] => Self::Settled(name.parse().ok()?),
                ["killed"] => Self::Killed,
                ["gap"] => Self::Gap,
                _ => return None,
            })
        };
        read().ok_or_else(|| Unreadable(line.to_owned()))
    }
}
