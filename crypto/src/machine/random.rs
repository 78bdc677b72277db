//! Where keys of letters come from. Olm's own come from the system always.

/// The system has no randomness to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct RandomFailed;

/// A source of bytes that nobody can guess.
pub trait Random: Send {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// When there are none; what is in `bytes` is then not to be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed>;
}

/// The system's: in a browser `crypto.getRandomValues`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), RandomFailed> {
        getrandom::fill(bytes).map_err(|_| RandomFailed)
    }
}
