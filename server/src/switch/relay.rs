//! One message on its way: spelled at most once for each dialect, however many recipients it has.

use msr_protocol::v1::{Dialect, Incoming, Relayed};
use msr_protocol::{Code, JsonText};

use super::{Text, limits};

/// A message being passed on.
pub(super) struct Relay<'a> {
    incoming: &'a Incoming<'a>,
    as_it_came: &'a Text,
    sender_name: &'a JsonText,
    for_a: Option<Text>,
    for_b: Option<Text>,
}

impl<'a> Relay<'a> {
    pub(super) fn new(incoming: &'a Incoming<'a>, as_it_came: &'a Text, sender_name: &'a JsonText) -> Self {
        Self { incoming, as_it_came, sender_name, for_a: None, for_b: None }
    }

    /// The text for a recipient that speaks `dialect`; a clone shares its bytes.
    pub(super) fn text_for(&mut self, dialect: Dialect) -> Result<Text, Code> {
        let spelled = match dialect {
            Dialect::A => &mut self.for_a,
            Dialect::B => &mut self.for_b,
        };
        if let Some(text) = spelled {
            return Ok(text.clone());
        }
        let text = match self.incoming.relayed(dialect, self.sender_name)? {
            Relayed::AsItCame => kept(self.as_it_came),
            Relayed::Anew(text) if text.len() > limits::RESPELLED_BYTES => return Err(Code::TooLarge),
            Relayed::Anew(text) => Text::from(text),
        };
        Ok(spelled.insert(text).clone())
    }
}

/// The text, fit to wait in queues: a short one must not keep alive the read buffer that it is a slice of.
fn kept(text: &Text) -> Text {
    if text.len() < limits::COPY_BELOW_BYTES { Text::from(text.as_str()) } else { text.clone() }
}

#[cfg(test)]
mod tests {
    use msr_protocol::{Credential, Message, MessageB};

    use super::*;

    fn message() -> Message {
        let credential = Credential([1; 16]);
        Message {
            to: JsonText::array_of_one(credential),
            from: credential.into(),
            subject: JsonText::string("test"),
            timestamp: JsonText::milliseconds(5),
            content: JsonText::string("hello"),
        }
    }

    #[test]
    fn once_for_each_dialect() {
        let text = Text::from(message().to_text());
        let (incoming, name) = (Incoming::read(&text).unwrap(), JsonText::string("Ann"));
        let mut relay = Relay::new(&incoming, &text, &name);
        assert_eq!(relay.text_for(Dialect::A).unwrap(), text);
        let for_b = relay.text_for(Dialect::B).unwrap();
        let expected = MessageB { base: message(), signature: name.clone(), sessid: JsonText::empty_string() };
        assert_eq!(for_b.as_str(), expected.to_text());
        assert_eq!(for_b.as_ptr(), relay.text_for(Dialect::B).unwrap().as_ptr(), "the bytes are shared");
    }

    #[test]
    fn a_session_id_is_never_passed_on() {
        let signature = JsonText::string("Bob");
        let sent = MessageB { base: message(), signature: signature.clone(), sessid: JsonText::string("secret") };
        let text = Text::from(sent.to_text());
        let incoming = Incoming::read(&text).unwrap();
        let mut relay = Relay::new(&incoming, &text, &signature);
        for dialect in [Dialect::A, Dialect::B] {
            assert!(!relay.text_for(dialect).unwrap().contains("secret"), "{dialect:?}");
        }
    }

    #[test]
    fn a_long_text_is_shared_and_a_short_one_copied() {
        let long = Text::from("x".repeat(limits::COPY_BELOW_BYTES));
        assert_eq!(kept(&long).as_ptr(), long.as_ptr());
        let short = Text::from("x".repeat(limits::COPY_BELOW_BYTES - 1));
        assert_ne!(kept(&short).as_ptr(), short.as_ptr());
    }
}
