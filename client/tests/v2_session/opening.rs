//! Sealed messages for the page.

use msr_client::{DeliveryTag, Event, Input, Opened, Opening, Output, limits};
use msr_protocol::v2::flags::{BYTES, REALTIME, SEALED, WANTS_REPLY};
use msr_protocol::v2::{Delivery, Entry, Field as _, Frame, List, MessageId, Rest, Varint};
use msr_protocol::{Code, JsonText};

use crate::keyed::{BOB, peer, register, registered, seal, to, xor};
use crate::stage::{Stage, Welcome, accepted, closed, events, failure, frame, handed, said};

fn entry(number: u64, flags: u8) -> Vec<u8> {
    entry_of(number, flags, &xor(number.to_string().as_bytes()))
}

fn entry_of(number: u64, flags: u8, payload: &[u8]) -> Vec<u8> {
    let id = MessageId { device: [8; 16], outbox_epoch: 1, number: Varint(number) };
    let (recipients, payload) = (List(vec![peer().credential()]), Rest(payload));
    let delivery = Delivery { from: BOB, id, timestamp_ms: 1, flags, recipients, reply_to: None, subject: "\"\"", payload };
    let mut bytes = Vec::new();
    Entry::Message(delivery).write(&mut bytes);
    bytes
}

fn deliver(sequence: u64, entry: &[u8]) -> Input {
    frame(&Frame::Deliver { sequence, header: b"header", entry: Rest(entry) })
}

fn content(payload: &str) -> Opened {
    Opened { flags: 0, reply_to: None, subject: JsonText::string("inside"), payload: payload.as_bytes().to_vec() }
}

fn opened(tag: DeliveryTag, opened: Opened) -> Input {
    Input::Opened { tag, outcome: Opening::Opened(opened) }
}

/// What the keys are to open.
fn open(outputs: &[Output]) -> Vec<(DeliveryTag, Vec<u8>)> {
    let open = |output: &Output| match output {
        Output::Open { tag, header, entry } => {
            assert_eq!(header, b"header");
            Some((*tag, entry.clone()))
        }
        _ => None,
    };
    outputs.iter().filter_map(open).collect()
}

#[test]
fn opened_when_its_turn_comes_then_handled_and_acknowledged() {
    let mut stage = registered();
    let outputs = stage.input(deliver(5, &entry(1, SEALED)));
    let [(tag, bytes)] = &open(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((bytes, handed(&outputs).len()), (&entry(1, SEALED), 0));
    assert_eq!(open(&stage.input(deliver(6, &entry(2, SEALED)))), [], "nothing of that device was opened yet");
    assert_eq!(stage.input(Input::Handled(*tag)), [], "nobody has it yet");
    let outputs = stage.input(opened(*tag, Opened { flags: WANTS_REPLY, ..content("1") }));
    let [(next, bytes)] = &open(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(bytes, &entry(2, SEALED), "ahead of its turn");
    let [Event::Message(message)] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert!(message.encrypted && message.wants_reply && message.tag == Some(*tag));
    assert_eq!((message.message.subject.as_str(), message.message.content.as_str()), ("\"inside\"", "1"));
    assert_eq!(stage.input(opened(*tag, content("1"))), [], "once");
    assert_eq!(handed(&stage.input(opened(*next, content("2")))), [""; 0], "one after the other");
    assert_eq!(stage.input(Input::Handled(*next)), [], "nobody has it yet");
    assert_eq!(handed(&stage.input(Input::Handled(*tag))), ["2"]);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
    stage.input(Input::Handled(*next));
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 6"]);
}

/// A stage whose lane is proven: its first message was opened, and a handler has it.
fn opening() -> (Stage, DeliveryTag) {
    let mut stage = registered();
    let tag = open(&stage.input(deliver(1, &entry(1, SEALED))))[0].0;
    stage.input(opened(tag, content("1")));
    (stage, tag)
}

#[test]
fn many_are_opened_ahead_and_handed_out_in_order() {
    let (mut stage, first) = opening();
    let mut tags = vec![];
    for number in 2..300 {
        let asked = open(&stage.input(deliver(number, &entry(number, SEALED))));
        tags.extend(asked.into_iter().map(|(tag, _)| tag));
    }
    assert_eq!(tags.len() + 1, limits::OPENED_AHEAD);
    // The keys may answer as they like.
    let (in_order, reversed) = (tags.clone(), tags.iter().rev().zip((2..=limits::OPENED_AHEAD).rev()));
    for (tag, number) in reversed {
        assert_eq!(handed(&stage.input(opened(*tag, content(&number.to_string())))), [""; 0]);
    }
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), [""; 0], "none is handled");
    let mut handled = first;
    for (tag, number) in in_order.into_iter().zip(2..) {
        let outputs = stage.input(Input::Handled(handled));
        assert_eq!((handed(&outputs), open(&outputs).len()), (vec![number.to_string()], 1), "and one more is opened");
        handled = tag;
    }
}

#[test]
fn after_one_that_does_not_open_one_at_a_time() {
    let (mut stage, first) = opening();
    stage.input(Input::Handled(first));
    let second = open(&stage.input(deliver(2, &entry(2, SEALED))))[0].0;
    // Its lane ended with the first, and with that what is known of it.
    assert_eq!(open(&stage.input(deliver(3, &entry(3, SEALED)))), []);
    let third = open(&stage.input(opened(second, content("2"))))[0].0;
    let fourth = open(&stage.input(deliver(4, &entry(4, SEALED))))[0].0;
    assert_eq!(stage.input(Input::Opened { tag: third, outcome: Opening::Silent }), []);
    assert_eq!(open(&stage.input(deliver(5, &entry(5, SEALED)))), []);
    stage.input(Input::Handled(second));
    assert_eq!(open(&stage.input(opened(fourth, content("4")))).len(), 1);
}

#[test]
fn a_large_one_and_one_in_plain_text_wait_for_their_turn() {
    let (mut stage, first) = opening();
    let large = entry_of(2, SEALED, &[7; limits::PIECE_BYTES]);
    assert_eq!(open(&stage.input(deliver(2, &large))), []);
    assert_eq!(handed(&stage.input(deliver(3, &entry_of(3, 0, b"3")))), [""; 0]);
    let outputs = stage.input(Input::Handled(first));
    let [(tag, bytes)] = &open(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(bytes, &large);
    assert_eq!(handed(&stage.input(opened(*tag, content("2")))), ["2"]);
    assert_eq!(handed(&stage.input(Input::Handled(*tag))).len(), 1);
}

#[test]
fn a_copy_under_another_number_is_handed_out_once() {
    let (mut stage, first) = opening();
    let one = open(&stage.input(deliver(2, &entry(2, SEALED))))[0].0;
    let copy = open(&stage.input(deliver(3, &entry(2, SEALED))))[0].0;
    let last = open(&stage.input(deliver(4, &entry(4, SEALED))))[0].0;
    for (tag, payload) in [(one, "2"), (copy, "2"), (last, "4")] {
        assert_eq!(handed(&stage.input(opened(tag, content(payload)))), [""; 0]);
    }
    assert_eq!(handed(&stage.input(Input::Handled(first))), ["2"]);
    assert_eq!(handed(&stage.input(Input::Handled(one))), ["4"]);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 3"]);
}

#[test]
fn what_is_opened_ahead_survives_the_connection_and_its_queue() {
    let (mut stage, first) = opening();
    let second = open(&stage.input(deliver(2, &entry(2, SEALED))))[0].0;
    let third = open(&stage.input(deliver(3, &entry(3, SEALED))))[0].0;
    stage.input(opened(second, content("2")));
    stage.input(closed(1006));
    stage.wait(limits::BACKOFF_BASE_MS);
    register(&mut stage, Welcome { queue_epoch: 99, ..Welcome::default() });
    assert_eq!(open(&stage.input(deliver(1, &entry(4, SEALED)))).len(), 1, "of another queue");
    stage.input(opened(third, content("3")));
    assert_eq!(handed(&stage.input(Input::Handled(first))), ["2"]);
    assert_eq!(handed(&stage.input(Input::Handled(second))), ["3"]);
}

#[test]
fn what_is_not_for_the_page_counts_as_handled() {
    let mut stage = registered();
    let mut tag = open(&stage.input(deliver(5, &entry(1, SEALED))))[0].0;
    for number in 2..=4 {
        stage.input(deliver(4 + number, &entry(number, SEALED)));
    }
    let outcomes = [
        (Opening::Silent, vec![]),
        (Opening::Failed(failure(Code::CannotOpen)), vec![Event::Trouble(failure(Code::CannotOpen))]),
        (Opening::Opened(content("1,2")), vec![Event::Trouble(failure(Code::BadMessage))]),
    ];
    for (outcome, expected) in outcomes {
        let outputs = stage.input(Input::Opened { tag, outcome });
        assert_eq!(events(&outputs), expected);
        tag = open(&outputs)[0].0;
    }
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 7"]);
}

#[test]
fn bytes_and_answers_are_inside() {
    let mut stage = registered();
    let request = msr_client::Draft { request: Some(60_000.0), ..to(BOB, "1") };
    let (ticket, outputs) = stage.send(request);
    seal(&mut stage, &outputs);
    let outputs = stage.input(accepted(1));
    let [Event::Accepted { id, .. }] = events(&outputs)[..] else { panic!("{outputs:?}") };
    let tag = open(&stage.input(deliver(5, &entry(1, SEALED))))[0].0;
    let answer = Opened { flags: BYTES, reply_to: Some(id), payload: b"\xff".to_vec(), ..content("") };
    let outputs = stage.input(opened(tag, answer));
    let [Event::Reply { ticket: answered, message }] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((*answered, message.bytes.as_deref(), message.encrypted), (ticket, Some(&b"\xff"[..]), true));
}

#[test]
fn a_connection_that_is_lost_meanwhile_changes_nothing() {
    let mut stage = registered();
    let tag = open(&stage.input(deliver(5, &entry(1, SEALED))))[0].0;
    stage.input(closed(1006));
    stage.wait(limits::BACKOFF_BASE_MS);
    register(&mut stage, Welcome::default());
    assert_eq!(open(&stage.input(deliver(5, &entry(1, SEALED)))), [], "they are at it");
    assert_eq!(handed(&stage.input(opened(tag, content("1")))), ["1"]);
    stage.input(Input::Handled(tag));
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
    assert_eq!(open(&stage.input(deliver(6, &entry(1, SEALED)))), [], "handled before");
}

#[test]
fn what_was_not_handled_is_opened_again_after_a_restart() {
    let mut stage = registered();
    stage.input(deliver(5, &entry(1, SEALED)));
    let mut again = Stage::with(stage.disk);
    crate::keyed::connect(&mut again, Welcome::default());
    assert_eq!(open(&again.input(deliver(5, &entry(1, SEALED)))).len(), 1);
}

#[test]
fn in_pieces_with_the_header_of_its_beginning() {
    let mut stage = registered();
    let whole = entry(1, SEALED);
    let begin = Frame::DeliverBegin { sequence: 5, sender: [8; 16], total_bytes: Varint(whole.len() as u64), header: b"header" };
    stage.input(frame(&begin));
    let piece = |from: usize, to: usize| Frame::DeliverPiece { sequence: 5, offset: Varint(from as u64), payload: Rest(&whole[from..to]) };
    assert_eq!(open(&stage.input(frame(&piece(0, 9)))), []);
    assert_eq!(open(&stage.input(frame(&piece(9, whole.len()))))[0].1, whole);
}

#[test]
fn realtime() {
    let mut stage = registered();
    let live = |number| frame(&Frame::Realtime { header: b"header", entry: Rest(&entry(number, SEALED | REALTIME)) });
    let tag = open(&stage.input(live(1)))[0].0;
    let outputs = stage.input(opened(tag, content("1")));
    let [Event::Message(message)] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert!(message.realtime && message.encrypted && message.tag.is_none());
    let tag = open(&stage.input(live(2)))[0].0;
    assert_eq!(stage.input(Input::Opened { tag, outcome: Opening::Silent }), []);
    let mut told = Vec::new();
    for number in 0..=limits::LIVE_AT_ONCE as u64 {
        told.extend(events(&stage.input(live(number))));
    }
    assert_eq!(told, [Event::Trouble(failure(Code::SlowConsumer))], "the oldest gives way");
}

#[test]
fn a_message_that_could_be_opened_after_all() {
    let mut stage = registered();
    let late = |number, payload| Input::Late { entry: entry(number, SEALED), opened: content(payload) };
    let outputs = stage.input(late(1, "1"));
    let [Event::Message(message)] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert!(message.encrypted);
    assert_eq!(stage.input(late(1, "1")), [], "a handler has it");
    let tag = message.tag.unwrap();
    let id = message.id.unwrap();
    assert_eq!(stage.input(Input::Handled(tag)), [Output::LateHandled { id }]);
    let outputs = stage.input(late(2, "1,2"));
    assert!(matches!(outputs[..], [Output::Event(Event::Trouble(_)), Output::LateHandled { .. }]), "{outputs:?}");
}

#[test]
fn an_identity_by_md5_opens_nothing() {
    let mut stage = Stage::registered();
    assert_eq!(events(&stage.input(deliver(5, &entry(1, SEALED)))), [Event::Trouble(failure(Code::CannotOpen))]);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
    let live = frame(&Frame::Realtime { header: &[], entry: Rest(&entry(2, SEALED | REALTIME)) });
    assert_eq!(events(&stage.input(live)), [Event::Trouble(failure(Code::CannotOpen))]);
}
