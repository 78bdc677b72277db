//! Which version of the protocol to offer a server: the second, until it is known not to speak it.
//!
//! A browser fails a connection whose server takes none of the sub-protocols offered, and does not say why; the server's
//! own list, asked for over HTTP, does. A server of which nothing can be learned is offered both in turn, unless the device
//! was served in version 2 before: then only a server that says so is spoken to in version 1.

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// JSON text.
    One,
    /// Binary frames.
    Two,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knowledge {
    /// This client speaks version 1 alone.
    Fixed,
    /// Nothing is known; the next offer is a guess.
    None(Version),
    /// The server said so, or spoke it.
    Certain(Version),
}

/// What is known of one server.
#[derive(Debug)]
pub(super) struct Dialect {
    server: String,
    knowledge: Knowledge,
}

impl Dialect {
    /// Version 1, whatever the server speaks.
    pub(super) fn version_1() -> Self {
        Self { server: String::new(), knowledge: Knowledge::Fixed }
    }

    /// Version 2 where the server speaks it.
    pub(super) fn newest() -> Self {
        Self { server: String::new(), knowledge: Knowledge::None(Version::Two) }
    }

    /// Whether version 2 is never spoken.
    pub(super) fn is_version_1(&self) -> bool {
        self.knowledge == Knowledge::Fixed
    }

    /// What to offer that server now.
    pub(super) fn offer(&mut self, server: &str) -> Version {
        if self.server != server {
            server.clone_into(&mut self.server);
            self.ask_again();
            if let Knowledge::Certain(_) = self.knowledge {
                self.knowledge = Knowledge::None(Version::Two);
            }
        }
        match self.knowledge {
            Knowledge::Fixed => Version::One,
            Knowledge::None(version) | Knowledge::Certain(version) => version,
        }
    }

    /// A new series of attempts: who spoke version 1 may have learned.
    pub(super) fn ask_again(&mut self) {
        if let Knowledge::None(_) | Knowledge::Certain(Version::One) = self.knowledge {
            self.knowledge = Knowledge::None(Version::Two);
        }
    }

    /// The server speaks it.
    pub(super) fn learned(&mut self, version: Version) {
        if self.knowledge != Knowledge::Fixed {
            self.knowledge = Knowledge::Certain(version);
        }
    }

    /// A connection that offered this did not open.
    pub(super) fn failed(&mut self, offered: Version) {
        if let Knowledge::None(_) = self.knowledge {
            self.knowledge = Knowledge::None(if offered == Version::Two { Version::One } else { Version::Two });
        }
    }

    /// Whether version 1 is spoken though nobody said that version 2 is not.
    pub(super) fn is_guess(&self) -> bool {
        self.knowledge == Knowledge::None(Version::One)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_in_turn_until_something_is_known() {
        let mut dialect = Dialect::newest();
        for expected in [Version::Two, Version::One, Version::Two] {
            assert_eq!(dialect.offer("a"), expected);
            dialect.failed(expected);
        }
        dialect.learned(Version::Two);
        dialect.failed(Version::Two);
        assert_eq!(dialect.offer("a"), Version::Two, "it is away, that is all");
        dialect.learned(Version::One);
        assert_eq!(dialect.offer("a"), Version::One);
        dialect.ask_again();
        assert_eq!(dialect.offer("a"), Version::Two);
        dialect.learned(Version::One);
        assert_eq!(dialect.offer("b"), Version::Two, "another server");
    }

    #[test]
    fn version_1_alone() {
        let mut dialect = Dialect::version_1();
        dialect.learned(Version::Two);
        dialect.ask_again();
        assert_eq!((dialect.offer("a"), dialect.is_guess()), (Version::One, false));
    }
}
