//! A stage for identities by key: the words of their keys.
#![allow(dead_code)]

use msr_client::{Draft, Encrypt, Input, Letter, Output, SealTicket, Sealing, Settings};
use msr_protocol::v2::{Frame, SUBPROTOCOL, frames};
use msr_protocol::{Credential, JsonText, Peer};

use crate::stage::{Stage, Welcome, frame, settings, welcome_frame};

pub(crate) const BOB: Credential = crate::stage::OTHER;
pub(crate) const CAROL: Credential = Credential([10; 16]);
pub(crate) const NONCE: [u8; 32] = [7; 32];

pub(crate) fn peer() -> Peer {
    let secret = JsonText::from_spelled(format!("\"ed25519:{}\"", "A".repeat(43)));
    Peer { secret, ..Peer::default() }
}

pub(crate) fn keyed() -> Settings {
    Settings { peer: peer(), ..settings() }
}

pub(crate) fn challenge(nonce: [u8; 32]) -> Input {
    frame(&Frame::Challenge { nonce, time_ms: 0, server: "never what is signed" })
}

pub(crate) fn to(recipient: Credential, content: &str) -> Draft {
    Draft::new(JsonText::array_of_one(recipient), JsonText::string("test"), JsonText::from_spelled(content.to_owned()))
}

pub(crate) fn required(draft: Draft) -> Draft {
    Draft { encrypt: Encrypt::Required, ..draft }
}

pub(crate) fn off(draft: Draft) -> Draft {
    Draft { encrypt: Encrypt::Off, ..draft }
}

/// From an `OpenSocket` on.
pub(crate) fn register(stage: &mut Stage, welcome: Welcome) -> Vec<Output> {
    stage.input(Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) });
    stage.input(challenge(NONCE));
    stage.input(Input::Proven { nonce: NONCE, proof: b"proof".to_vec() });
    stage.input(welcome_frame(&welcome, 77))
}

pub(crate) fn connect(stage: &mut Stage, welcome: Welcome) -> Vec<Output> {
    let mut outputs = stage.input(Input::Connect(keyed()));
    outputs.extend(register(stage, welcome));
    outputs
}

pub(crate) fn registered() -> Stage {
    let mut stage = Stage::new();
    connect(&mut stage, Welcome::default());
    stage
}

/// The letters that are to be sealed.
pub(crate) fn letters(outputs: &[Output]) -> Vec<(SealTicket, Letter)> {
    let letter = |output: &Output| if let Output::Seal { ticket, letter } = output { Some((*ticket, letter.clone())) } else { None };
    outputs.iter().filter_map(letter).collect()
}

/// What those say.
pub(crate) fn asked(outputs: &[Output]) -> Vec<String> {
    letters(outputs).into_iter().map(|(_, letter)| String::from_utf8(letter.payload).unwrap()).collect()
}

pub(crate) fn unasked(outputs: &[Output]) -> Vec<SealTicket> {
    outputs.iter().filter_map(|output| if let Output::Unseal { ticket } = output { Some(*ticket) } else { None }).collect()
}

/// Sealed by a toy.
pub(crate) fn xor(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x55).collect()
}

pub(crate) fn sealed(ticket: SealTicket, letter: &Letter) -> Input {
    let outcome = Sealing::Sealed { payload: xor(&letter.payload), headers: vec![([8; 16], b"header".to_vec())] };
    Input::Sealed { ticket, outcome }
}

/// All that is asked is sealed, in order.
pub(crate) fn seal(stage: &mut Stage, outputs: &[Output]) -> Vec<Output> {
    letters(outputs).into_iter().flat_map(|(ticket, letter)| stage.input(sealed(ticket, &letter))).collect()
}

/// What of a `Send` frame a server can read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) flags: u8,
    pub(crate) headers: usize,
    pub(crate) has_reply_to: bool,
    pub(crate) subject: String,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn seen(outputs: &[Output]) -> Vec<Seen> {
    let messages = outputs.iter().filter_map(|output| if let Output::TransmitFrames(bytes) = output { Some(bytes) } else { None });
    let read = |frame: Frame<'_>| match frame {
        Frame::Send { number, flags, device_headers, reply_to, subject, payload, .. } => Some(Seen {
            number: number.0,
            flags,
            headers: device_headers.0.len(),
            has_reply_to: reply_to.is_some(),
            subject: subject.to_owned(),
            payload: payload.0.to_vec(),
        }),
        _ => None,
    };
    messages.flat_map(|message| frames(message).filter_map(|frame| read(frame.unwrap())).collect::<Vec<_>>()).collect()
}
