//! What makes guessing a secret slow: Argon2id (RFC 9106), with one cost for everything and everybody.
//!
//! Other parameters would give another key, so another peer: these are fixed for ever.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize, Zeroizing};

/// In KiB, which is in [`Block`]s.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Why no key came of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum StretchError {
    /// There are no 64 MiB to be had.
    Memory,
    /// The secret has more bytes than Argon2 takes: 2³² - 1.
    Length,
}

impl StretchError {
    /// What it says to a person; a page gets it without the formatting that `Display` brings along.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Memory => "64 MiB of memory are needed for a moment",
            Self::Length => "the secret is too long",
        }
    }
}

/// 32 bytes that take a guesser 64 MiB and three passes a try.
pub(crate) fn stretch(secret: &str, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, StretchError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| StretchError::Memory)?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| StretchError::Memory)?;
    memory.resize(params.block_count(), Block::new());
    let mut out = Zeroizing::new([0; 32]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let result = argon.hash_password_into_with_memory(secret.as_bytes(), salt, out.as_mut(), &mut memory);
    memory.iter_mut().for_each(Zeroize::zeroize);
    result.map(|()| out).map_err(|_| StretchError::Length)
}
