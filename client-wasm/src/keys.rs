//! What the session asks the keys, and what they answer. The keys are another WebAssembly module, which the page loads
//! when it is needed: what is said crosses the page as bytes, spelled by [`msr_protocol::v2::Question`] and
//! [`msr_protocol::v2::Answer`].

use msr_client::{DeliveryTag, Failure, Input, Letter, Moment, Opened, Opening, Output, SealTicket, Sealing, Session};
use msr_protocol::v2::{Answer, Bytes16, DeviceHeader, Field, List, MessageId, Question, Rest};
use msr_protocol::{Code, JsonText};

/// The question that an output is; `None` where it is none.
pub(crate) fn question(output: &Output) -> Option<Vec<u8>> {
    Some(match output {
        Output::Prove { credential, device, nonce, host } => {
            spelled(&Question::Prove { credential: *credential, device: *device, nonce: *nonce, host })
        }
        Output::Seal { ticket, letter } => seal(*ticket, letter),
        Output::Unseal { ticket } => spelled(&Question::Unseal { ticket: ticket.0 }),
        Output::Open { tag, header, entry } => spelled(&Question::Open { tag: tag.0, header, entry: Rest(entry) }),
        Output::Keys(frame) => spelled(&Question::Frame { frame: Rest(frame) }),
        Output::LateHandled { id } => spelled(&Question::LateHandled { id: *id }),
        Output::OpenSocket { .. }
        | Output::Transmit(_)
        | Output::TransmitFrames(_)
        | Output::CloseSocket { .. }
        | Output::ProbeOrigin { .. }
        | Output::Restore { .. }
        | Output::Persist { .. }
        | Output::Event(_) => return None,
    })
}

fn seal(ticket: SealTicket, letter: &Letter) -> Vec<u8> {
    let Letter { recipients, flags, reply_to, subject, payload, required, allow_plain } = letter;
    spelled(&Question::Seal {
        ticket: ticket.0,
        recipients: List(recipients.clone()),
        flags: *flags,
        reply_to: *reply_to,
        subject: subject.as_str(),
        required: *required,
        allow_plain: *allow_plain,
        payload: Rest(payload),
    })
}

fn spelled(question: &Question<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    question.write(&mut bytes);
    bytes
}

/// Tells the session these answers: the bytes of each behind their length.
pub(crate) fn answer(session: &mut Session, mut answers: &[u8], now: Moment) {
    while let Ok(answer) = <&[u8]>::read(&mut answers) {
        if let Some(input) = input(answer) {
            session.take_input(input, now);
        }
    }
}

/// The input that an answer is; `None` for bytes that are none.
fn input(mut answer: &[u8]) -> Option<Input> {
    Some(match Answer::read(&mut answer).ok()? {
        Answer::Proven { nonce, proof } => Input::Proven { nonce, proof: proof.0.to_vec() },
        Answer::NotProven { nonce, code, detail } => Input::NotProven { nonce, failure: failure(code, detail)? },
        Answer::Sealed { ticket, headers, payload } => {
            sealed(ticket, Sealing::Sealed { payload: payload.0.to_vec(), headers: owned(headers) })
        }
        Answer::Plain { ticket } => sealed(ticket, Sealing::Plain),
        Answer::NotSealed { ticket, code, detail } => sealed(ticket, Sealing::Refused(failure(code, detail)?)),
        Answer::Opened { tag, flags, reply_to, subject, payload } => {
            opened(tag, Opening::Opened(content(flags, reply_to, subject, payload)))
        }
        Answer::Silent { tag } => opened(tag, Opening::Silent),
        Answer::NotOpened { tag, code, detail } => opened(tag, Opening::Failed(failure(code, detail)?)),
        Answer::Frames { frames } => Input::Keys(frames.0.to_vec()),
        Answer::Control { recipient, headers, payload } => {
            Input::Control { recipient, payload: payload.0.to_vec(), headers: owned(headers) }
        }
        Answer::Late { entry, flags, reply_to, subject, payload } => {
            Input::Late { entry: entry.to_vec(), opened: content(flags, reply_to, subject, payload) }
        }
    })
}

fn sealed(ticket: u64, outcome: Sealing) -> Input {
    Input::Sealed { ticket: SealTicket(ticket), outcome }
}

fn opened(tag: u64, outcome: Opening) -> Input {
    Input::Opened { tag: DeliveryTag(tag), outcome }
}

fn content(flags: u8, reply_to: Option<MessageId>, subject: &str, payload: Rest<'_>) -> Opened {
    Opened { flags, reply_to, subject: JsonText::from_spelled(subject.to_owned()), payload: payload.0.to_vec() }
}

fn owned(headers: List<DeviceHeader<'_>>) -> Vec<(Bytes16, Vec<u8>)> {
    headers.0.into_iter().map(|DeviceHeader { device, header }| (device, header.to_vec())).collect()
}

fn failure(code: u16, detail: &str) -> Option<Failure> {
    Some(Failure { code: Code::from_number(code)?, detail: detail.to_owned() })
}
