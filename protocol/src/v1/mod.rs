//! Version 1 of the wire: one JSON object a WebSocket text message, in the two dialects of the original's clients.
//! docs/PROTOCOL.md has it in full.

#[cfg(feature = "json")]
mod answer;
#[cfg(feature = "json")]
mod incoming;
#[cfg(feature = "json")]
mod registration;
#[cfg(feature = "json")]
mod search;

#[cfg(feature = "json")]
pub use answer::{Answer, FoundPeer, RegistrationAnswer, SearchAnswer};
#[cfg(feature = "json")]
pub use incoming::{Incoming, Relayed};
#[cfg(feature = "json")]
pub use registration::Registration;
#[cfg(feature = "json")]
pub use search::{Search, plain_text};

/// Which of the original's two spellings a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The seed document: `email`, `publish`, five hashed members.
    A,
    /// As last published: `contact`, `hidden`, seven hashed members, sessions.
    B,
}

/// What a message is for, by its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `register`: the sender says who it is.
    Register,
    /// `find` (and `query`): the sender looks for peers.
    Find,
    /// `bye`: the sender signs out.
    Bye,
    /// Any other: to be routed.
    Other,
}

impl Subject {
    /// Reads a spelled JSON string.
    #[must_use]
    pub fn of(spelled: &str) -> Self {
        match spelled {
            "\"register\"" => Self::Register,
            "\"find\"" | "\"query\"" => Self::Find,
            "\"bye\"" => Self::Bye,
            _ => Self::Other,
        }
    }
}
