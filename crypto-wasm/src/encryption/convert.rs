//! The session's questions as inputs of the machine, its outputs as answers.

use msr_crypto::{Failure, Input, Letter, OpenTag, Opened, Opening, SealTicket, Sealing};
use msr_protocol::JsonText;
use msr_protocol::v2::{Answer, Bytes16, DeviceHeader, Field, List, Question, Rest};

/// The input that a question is; `None` for `Prove`, which the machine has no part in.
pub(super) fn input(question: Question<'_>) -> Option<Input> {
    Some(match question {
        Question::Prove { .. } => return None,
        Question::Seal { ticket, recipients, flags, reply_to, subject, required, allow_plain, payload } => {
            let subject = JsonText::from_spelled(subject.to_owned());
            let payload = payload.0.to_vec();
            let letter = Letter { recipients: recipients.0, flags, reply_to, subject, payload, required, allow_plain };
            Input::Seal { ticket: SealTicket(ticket), letter }
        }
        Question::Unseal { ticket } => Input::Unseal { ticket: SealTicket(ticket) },
        Question::Open { tag, header, entry } => Input::Open { tag: OpenTag(tag), header: header.to_vec(), entry: entry.0.to_vec() },
        Question::Frame { frame } => Input::Frame(frame.0.to_vec()),
        Question::LateHandled { id } => Input::LateHandled { id },
    })
}

pub(super) fn sealed(ticket: SealTicket, outcome: &Sealing) -> Vec<u8> {
    let SealTicket(ticket) = ticket;
    spelled(&match outcome {
        Sealing::Sealed { payload, headers } => Answer::Sealed { ticket, headers: listed(headers), payload: Rest(payload) },
        Sealing::Plain => Answer::Plain { ticket },
        Sealing::Refused(Failure { code, detail }) => Answer::NotSealed { ticket, code: code.number(), detail },
    })
}

pub(super) fn opened(tag: OpenTag, outcome: &Opening) -> Vec<u8> {
    let OpenTag(tag) = tag;
    spelled(&match outcome {
        Opening::Opened(Opened { flags, reply_to, subject, payload }) => {
            Answer::Opened { tag, flags: *flags, reply_to: *reply_to, subject: subject.as_str(), payload: Rest(payload) }
        }
        Opening::Silent => Answer::Silent { tag },
        Opening::Failed(Failure { code, detail }) => Answer::NotOpened { tag, code: code.number(), detail },
    })
}

pub(super) fn late(entry: &[u8], opened: &Opened) -> Vec<u8> {
    let Opened { flags, reply_to, subject, payload } = opened;
    spelled(&Answer::Late { entry, flags: *flags, reply_to: *reply_to, subject: subject.as_str(), payload: Rest(payload) })
}

/// Device headers, as they stand in a frame.
pub(super) fn listed(headers: &[(Bytes16, Vec<u8>)]) -> List<DeviceHeader<'_>> {
    List(headers.iter().map(|(device, header)| DeviceHeader { device: *device, header }).collect())
}

pub(super) fn spelled(answer: &Answer<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    answer.write(&mut bytes);
    bytes
}
