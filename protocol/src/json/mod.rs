//! JSON as text. Hashes of version 1 are over the text that JavaScript's `JSON.stringify` gives, and that text can
//! hold lone surrogates (`"\ud800"`), which a Rust string of the *value* cannot; so values stay text here.

#[cfg(feature = "json")]
pub(crate) mod canonical;
mod depth;
#[cfg(feature = "json")]
pub(crate) mod spell;
mod syntax;

use std::fmt;

pub use depth::depth;
#[cfg(feature = "json")]
pub use spell::{SpellError, spell};
pub use syntax::{is_json, string_value};

/// One JSON value, spelled as JavaScript's `JSON.stringify` spells it.
///
/// That is a promise of whoever makes one: in a page the text comes from the browser's own `JSON.stringify`, elsewhere
/// from [`spell`]. A value that breaks it hashes to something no peer will accept; nothing worse follows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JsonText(String);

impl JsonText {
    /// Takes a text that `JSON.stringify` made.
    #[must_use]
    pub fn from_spelled(text: String) -> Self {
        Self(text)
    }

    /// `""`
    #[must_use]
    pub fn empty_string() -> Self {
        Self("\"\"".to_owned())
    }

    /// `null`
    #[must_use]
    pub fn null() -> Self {
        Self("null".to_owned())
    }

    /// `{}`
    #[must_use]
    pub fn empty_object() -> Self {
        Self("{}".to_owned())
    }

    /// A string of which every character stands for itself in JSON: hex digits, names of ours.
    pub(crate) fn plain_string(text: &str) -> Self {
        Self(["\"", text, "\""].concat())
    }

    /// `["…"]` of one credential.
    #[must_use]
    pub fn array_of_one(credential: crate::Credential) -> Self {
        Self(["[\"", &credential.to_hex(), "\"]"].concat())
    }

    /// A number of milliseconds, which `JSON.stringify` writes without exponent up to 2⁵³ and beyond.
    #[must_use]
    pub fn milliseconds(value_ms: i64) -> Self {
        Self(value_ms.to_string())
    }

    /// A string of subject or name, spelled from its value.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn string(value: &str) -> Self {
        // serde_json escapes exactly what JSON.stringify escapes, in the same letters; a test holds it to that.
        Self(serde_json::Value::from(value).to_string())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<crate::Credential> for JsonText {
    fn from(credential: crate::Credential) -> Self {
        Self::plain_string(&credential.to_hex())
    }
}
