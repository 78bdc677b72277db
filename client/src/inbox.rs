//! What a received message means.

use msr_protocol::v1::Subject;
use msr_protocol::{Code, Message};

use crate::{Answered, Failure, Received};

/// What a received message is, by its looks; whether an answer was expected is for the session to say.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// An answer to `register`.
    Registration(Message, Answered),
    /// An answer to `find`.
    Search(Message, Answered),
    /// Something for the page.
    Message(Message),
}

/// Checks the message against its checksum and reads its subject.
///
/// # Errors
/// [`Code::BadChecksum`]: it is dropped.
pub(crate) fn read(received: Received) -> Result<Meaning, Failure> {
    let Received { message, checksum, subject, answer } = received;
    if message.checksum().to_hex() != checksum {
        return Err(Code::BadChecksum.into());
    }
    Ok(match (subject, answer) {
        (Subject::Register, Some(answer)) => Meaning::Registration(message, answer),
        (Subject::Find, Some(answer)) => Meaning::Search(message, answer),
        (Subject::Register | Subject::Find | Subject::Bye | Subject::Other, _) => Meaning::Message(message),
    })
}
