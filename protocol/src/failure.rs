//! Why something did not happen.

use crate::Code;

/// A number, and words for a person: what an `MsrError` is made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({})", code.number())]
pub struct Failure {
    /// The number.
    pub code: Code,
    /// For a person.
    pub detail: String,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self { code, detail: code.reason().to_owned() }
    }
}
