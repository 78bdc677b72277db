//! What a session and the keys of its device say to each other where they are apart, as the two WebAssembly modules of a
//! page are. It never goes over a network, and nobody keeps it: both ends come from one build.

use super::entry::{DeviceHeader, MessageId};
use super::field::{Bytes16, Field, FieldError, List, Reader, Rest};
use crate::Credential;

macro_rules! spoken {
    ($(#[$doc:meta])* $of:ident { $($(#[$variant_doc:meta])* $tag:literal $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $of<'a> {
            $($(#[$variant_doc])* $name { $($(#[$field_doc])* $field: $kind,)* },)*
        }

        impl<'a> Field<'a> for $of<'a> {
            fn take(reader: &mut Reader<'a>) -> Self {
                let mut tag = u8::take(reader);
                loop {
                    match tag {
                        $($tag => return Self::$name { $($field: Field::take(reader),)* },)*
                        _ => {
                            reader.fail(FieldError::Value);
                            // Something has to be given, of zeros and nothing.
                            tag = 1;
                        }
                    }
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name { $($field,)* } => {
                        out.push($tag);
                        $($field.write(out);)*
                    })*
                }
            }
        }
    };
}

spoken! {
    /// What the session wants of the keys.
    Question {
        /// Sign a connection.
        1 Prove {
            /// Whose it is.
            credential: Credential,
            /// The session's device.
            device: Bytes16,
            /// The server's challenge.
            nonce: [u8; 32],
            /// Host and port that were dialled.
            host: &'a str,
        }
        /// Seal a message for the devices of its recipients.
        2 Seal {
            /// What the answer names.
            ticket: u64,
            /// For whom.
            recipients: List<Credential>,
            /// What goes inside: see [`super::flags`].
            flags: u8,
            /// The message it answers.
            reply_to: Option<MessageId>,
            /// JSON string.
            subject: &'a str,
            /// Refused where it cannot be sealed.
            required: bool,
            /// It may go as it is to whom no keys are known of.
            allow_plain: bool,
            /// What it carries.
            payload: Rest<'a>,
        }
        /// The message of a `Seal` is gone, or what was sealed is not sent.
        3 Unseal {
            /// Which.
            ticket: u64,
        }
        /// Open a message that came.
        4 Open {
            /// What the answer names.
            tag: u64,
            /// What came beside it for this device.
            header: &'a [u8],
            /// The message, as it came.
            entry: Rest<'a>,
        }
        /// A frame about keys came.
        5 Frame {
            /// The whole frame.
            frame: Rest<'a>,
        }
        /// A message that was opened late is handled.
        6 LateHandled {
            /// Which.
            id: MessageId,
        }
    }
}

spoken! {
    /// What the keys say to the session: all at once that they have to say, the bytes of each behind their length.
    Answer {
        /// The connection is signed.
        1 Proven {
            /// Which challenge.
            nonce: [u8; 32],
            /// An encoded [`super::Proof`].
            proof: Rest<'a>,
        }
        /// It cannot be.
        2 NotProven {
            /// Which challenge.
            nonce: [u8; 32],
            /// Why, as a number.
            code: u16,
            /// Why, for a person.
            detail: &'a str,
        }
        /// A message is sealed.
        3 Sealed {
            /// Which.
            ticket: u64,
            /// What each device opens it with.
            headers: List<DeviceHeader<'a>>,
            /// The sealed body.
            payload: Rest<'a>,
        }
        /// A message goes as it is.
        4 Plain {
            /// Which.
            ticket: u64,
        }
        /// A message must not go.
        5 NotSealed {
            /// Which.
            ticket: u64,
            /// Why, as a number.
            code: u16,
            /// Why, for a person.
            detail: &'a str,
        }
        /// A message is open.
        6 Opened {
            /// Which.
            tag: u64,
            /// As its sender set them.
            flags: u8,
            /// The message it answers.
            reply_to: Option<MessageId>,
            /// JSON string.
            subject: &'a str,
            /// What it carries.
            payload: Rest<'a>,
        }
        /// A message is none of the page's business, or not yet.
        7 Silent {
            /// Which.
            tag: u64,
        }
        /// A message cannot be opened.
        8 NotOpened {
            /// Which.
            tag: u64,
            /// Why, as a number.
            code: u16,
            /// Why, for a person.
            detail: &'a str,
        }
        /// Frames for the server, if there is a connection.
        9 Frames {
            /// Whole frames.
            frames: Rest<'a>,
        }
        /// A letter of the keys themselves.
        10 Control {
            /// For whom.
            recipient: Credential,
            /// What each device opens it with.
            headers: List<DeviceHeader<'a>>,
            /// The sealed body.
            payload: Rest<'a>,
        }
        /// A message could be opened after all.
        11 Late {
            /// The message, as it came.
            entry: &'a [u8],
            /// As its sender set them.
            flags: u8,
            /// The message it answers.
            reply_to: Option<MessageId>,
            /// JSON string.
            subject: &'a str,
            /// What it carries.
            payload: Rest<'a>,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let question = Question::Seal {
            ticket: 7,
            recipients: List(vec![Credential([1; 16])]),
            flags: 2,
            reply_to: None,
            subject: "\"s\"",
            required: true,
            allow_plain: false,
            payload: Rest(b"1"),
        };
        let mut bytes = vec![];
        question.write(&mut bytes);
        assert_eq!(Question::read(&mut bytes.as_slice()), Ok(question));
        let headers = List(vec![DeviceHeader { device: [2; 16], header: b"h" }]);
        let answer = Answer::Control { recipient: Credential([1; 16]), headers, payload: Rest(b"sealed") };
        let mut bytes = vec![];
        answer.write(&mut bytes);
        assert_eq!(Answer::read(&mut bytes.as_slice()), Ok(answer));
        assert_eq!(Answer::read(&mut &[99][..]), Err(FieldError::Value));
    }
}
