//! The 16 bytes that name a peer, and those that guard a message, with their spelling as 32 hex digits.

use std::fmt;
use std::str::FromStr;

/// Why a text is not 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 lower-case hex digits")]
pub struct HexError;

/// Reads exactly 32 lower-case hex digits: hashes are compared as text by the original clients, so another spelling of
/// the same bytes is another text, and no credential.
fn read_hex(text: &str) -> Result<[u8; 16], HexError> {
    let mut bytes = [0; 16];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(HexError);
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| HexError)?;
    Ok(bytes)
}

macro_rules! sixteen_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// 32 hex digits, as [`fmt::Display`] spells them, without what formatting brings along.
            #[must_use]
            pub fn to_hex(self) -> String {
                hex::encode(self.0)
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                read_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

sixteen_bytes! {
    /// The address of a peer: MD5 of its name, e-mail address and secret (see [`crate::Peer::credential`]).
    Credential
}

sixteen_bytes! {
    /// The integrity check of a message: MD5 of its hashed members (see [`crate::Message::checksum`]).
    Checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let text = "2a51da84f681ebcaa4818b5f3c1e5791";
        assert_eq!(text.parse::<Credential>().unwrap().to_string(), text);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "2A51DA84F681EBCAA4818B5F3C1E5791",
            "2a51da84f681ebcaa4818b5f3c1e579",
            "zz51da84f681ebcaa4818b5f3c1e5791",
            " a51da84f681ebcaa4818b5f3c1e5791",
        ] {
            assert_eq!(text.parse::<Credential>(), Err(HexError), "{text}");
        }
    }
}
