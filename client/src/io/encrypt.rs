//! Whether a message is to be encrypted. There is no cryptography in this crate: whoever holds the keys is asked, and answers in
//! its own time.

/// Whether a message is to be encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encrypt {
    /// Where every recipient has keys. An identity by MD5 has none of its own, and never asks.
    #[default]
    Auto,
    /// It is, or it is not sent.
    Required,
    /// It is not.
    Off,
}
