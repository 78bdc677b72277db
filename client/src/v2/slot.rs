//! The place of a message in the outbox: how it is kept, and what number it has.

use super::pending::Pending;

/// How a message is kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeping {
    /// Its record is on its way to the store.
    Writing,
    /// Its record is in the store.
    Kept,
    /// It is taken back; its record is on its way out of the store.
    Dropping,
}

/// The number of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has none yet.
    Open,
    /// It is in the message's own record.
    Given(u64),
    /// It was given later, and the record of that is on its way to the store.
    Noting(u64),
    /// That record is in the store.
    Noted(u64),
}

impl Place {
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Open => None,
            Self::Given(number) | Self::Noting(number) | Self::Noted(number) => Some(number),
        }
    }
}

/// A message in the outbox.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) message: Pending,
    pub(super) keeping: Keeping,
    pub(super) place: Place,
}

impl Slot {
    /// Whether nobody has given it up.
    pub(super) fn is_wanted(&self) -> bool {
        self.keeping != Keeping::Dropping
    }
}
