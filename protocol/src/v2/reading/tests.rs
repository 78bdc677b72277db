use super::*;
use crate::Credential;
use crate::v2::{DeviceHeader, List, MessageId, Rest, Varint};

fn send() -> Frame<'static> {
    Frame::Send {
        number: Varint(300),
        flags: 1,
        expire_after_ms: Varint(604_800_000),
        recipients: List(vec![Credential([7; 16]), Credential([9; 16])]),
        device_headers: List(vec![DeviceHeader { device: [1; 16], header: b"key" }]),
        reply_to: Some(MessageId { device: [2; 16], outbox_epoch: 5, number: Varint(1) }),
        subject: "\"test\"",
        payload: Rest(b"{\"mydata\":\"something\"}"),
    }
}

#[test]
fn several_share_a_message() {
    let ping = Frame::Ping { time_ms: -1 };
    let mut message = Vec::new();
    for frame in [&ping, &send(), &Frame::Bye {}] {
        frame.write(&mut message);
    }
    assert_eq!(frames(&message).collect::<Result<Vec<_>, _>>(), Ok(vec![ping, send(), Frame::Bye {}]));
}

#[test]
fn cut_anywhere_it_is_an_error() {
    let mut message = Vec::new();
    send().write(&mut message);
    for end in 1..message.len() {
        assert!(frames(&message[..end]).any(|frame| frame.is_err()), "{end}");
    }
}

#[test]
fn unknown_and_left_over() {
    assert_eq!(frames(&[0xee, 0, 0, 0]).next(), Some(Err(FrameError::Tag(0xee))));
    assert_eq!(frames(&[0x07, 1, 0, 0, 5]).next(), Some(Err(FrameError::LeftOver(1))));
}

#[test]
fn tags_are_unique() {
    let mut tags: Vec<u8> = Frame::TAGS.iter().map(|&(tag, _)| tag).collect();
    tags.dedup();
    assert!(tags.is_sorted() && tags.len() == Frame::TAGS.len());
}
