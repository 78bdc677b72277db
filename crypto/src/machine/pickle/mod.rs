//! How vodozemac's states are written down: a part of CBOR (RFC 8949) that is as small in code as in bytes.
//!
//! vodozemac describes its states to serde. Structures and tuples are arrays, without the names of fields; a variant of an
//! enumeration is a map of its index to what it holds; nothing is left out and nothing has no length. So reading never
//! compares names, and the compiler leaves out what would. Names would let a later vodozemac read what moved: instead, a test
//! holds states that were written earlier against the vodozemac that is built with.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt::{self, Display, Formatter};

use serde::de::{DeserializeOwned, Expected, Unexpected};
use serde::{Serialize, de, ser};

use read::Reader;
use write::Writer;

/// How deep arrays and maps are in each other at the most.
const DEPTH: u8 = 12;

/// The upper three bits of a first byte.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const SIMPLE: u8 = 7;
}

/// Simple values.
mod simple {
    pub(super) const FALSE: u64 = 20;
    pub(super) const TRUE: u64 = 21;
    pub(super) const NULL: u64 = 22;
}

/// What vodozemac's state becomes.
pub(crate) fn pack(pickle: &impl Serialize) -> Option<Vec<u8>> {
    let mut writer = Writer::new();
    pickle.serialize(&mut writer).ok()?;
    Some(writer.bytes)
}

/// What [`pack`] packed.
pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let mut reader = Reader::new(bytes);
    let pickle = T::deserialize(&mut reader).ok()?;
    reader.is_at_end().then_some(pickle)
}

/// Why not: nobody asks, and wording it would be half of the code.
#[derive(Debug)]
struct Unfit;

impl Display for Unfit {
    fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Unfit {}

impl ser::Error for Unfit {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl de::Error for Unfit {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}
