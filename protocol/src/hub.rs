//! A named group of peers, as the original describes it.

use crate::JsonText;

/// A group: who is in it is the server's to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hub {
    /// The address of the hub; empty until a server has given it one.
    pub id: JsonText,
    /// The name shown to people.
    pub name: JsonText,
    /// What it is about.
    pub topic: JsonText,
    /// A word that opens it, or `null`.
    pub secret: JsonText,
    /// Whether it can be found by searching.
    pub public: bool,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            id: JsonText::empty_string(),
            name: JsonText::empty_string(),
            topic: JsonText::empty_string(),
            secret: JsonText::null(),
            public: false,
        }
    }
}

impl Hub {
    /// The JSON text of the hub, members in the original's order.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(r#"{{"id":{},"name":{},"topic":{},"secret":{},"public":{}}}"#, self.id, self.name, self.topic, self.secret, self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_the_original() {
        assert_eq!(Hub::default().to_text(), r#"{"id":"","name":"","topic":"","secret":null,"public":false}"#);
    }
}
