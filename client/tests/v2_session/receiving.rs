//! Messages for the page.

use msr_client::{Event, Input, Output, limits};
use msr_protocol::Code;
use msr_protocol::v2::{Frame, Rest, Varint};

use crate::stage::{Stage, Welcome, closed, deliver, entry, events, failure, frame, handed, said, settings};

/// Handles all that these hand over; gives what is said then.
fn handle(stage: &mut Stage, outputs: &[Output]) -> Vec<Output> {
    let tags = events(outputs).into_iter().filter_map(|event| if let Event::Message(message) = event { message.tag } else { None });
    tags.flat_map(|tag| stage.input(Input::Handled(tag))).collect()
}

#[test]
fn handled_noted_acknowledged_in_this_order() {
    let mut stage = Stage::registered();
    stage.keeps = false;
    let outputs = stage.input(deliver(5, &entry(1, None, b"1")));
    assert_eq!(handed(&outputs), ["1"]);
    assert_eq!(stage.writes.len(), 0);
    handle(&mut stage, &outputs);
    assert_eq!(stage.writes[0].1.len(), 2, "the mark and the cursor");
    assert_eq!(said(&stage.wait(1_000.0)), [""; 0]);
    stage.written(false);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
}

#[test]
fn many_are_acknowledged_at_once() {
    let mut stage = Stage::registered();
    let mut heard = Vec::new();
    for number in 1..=limits::ACK_ENTRIES {
        let outputs = stage.input(deliver(number + 10, &entry(number, None, b"1")));
        heard.extend(said(&handle(&mut stage, &outputs)));
    }
    assert_eq!(heard, [format!("ack {}", limits::ACK_ENTRIES + 10)]);
}

#[test]
fn one_at_a_time_from_one_sender() {
    let mut stage = Stage::registered();
    let first = stage.input(deliver(5, &entry(1, None, b"1")));
    assert_eq!(handed(&stage.input(deliver(6, &entry(2, None, b"2")))), [""; 0]);
    assert_eq!(handed(&handle(&mut stage, &first)), ["2"]);
}

#[test]
fn what_was_handled_before_is_dropped_and_acknowledged() {
    let mut stage = Stage::registered();
    let outputs = stage.input(deliver(5, &entry(1, None, b"1")));
    handle(&mut stage, &outputs);
    assert_eq!(handed(&stage.input(deliver(6, &entry(1, None, b"1")))), [""; 0], "by its name");
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 6"]);

    let mut again = Stage::with(stage.disk);
    again.input(Input::Connect(settings()));
    let (_, _, handled) = again.hello();
    assert_eq!(handled, 6);
    again.input(crate::stage::welcome_frame(&Welcome { queue_epoch: 4, gap: true, ..Welcome::default() }, 2));
    assert_eq!(handed(&again.input(deliver(1, &entry(1, None, b"1")))), [""; 0], "in another queue too");
    assert_eq!(handed(&again.input(deliver(2, &entry(2, None, b"2")))), ["2"]);
}

#[test]
fn a_handler_that_is_at_it_when_the_connection_is_lost() {
    let mut stage = Stage::registered();
    let outputs = stage.input(deliver(5, &entry(1, None, b"1")));
    stage.input(closed(1006));
    stage.wait(limits::BACKOFF_BASE_MS);
    stage.register(Welcome::default());
    assert_eq!(handed(&stage.input(deliver(5, &entry(1, None, b"1")))), [""; 0], "it has it already");
    handle(&mut stage, &outputs);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
    handle(&mut stage, &outputs);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), [""; 0]);
}

#[test]
fn a_gap_is_told() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let outputs = stage.register(Welcome { gap: true, ..Welcome::default() });
    assert_eq!(events(&outputs).last(), Some(&Event::Gap));
}

#[test]
fn a_large_entry_holds_back_its_sender_alone() {
    let mut stage = Stage::registered();
    let large = entry(1, None, format!("{:?}", "x".repeat(5_000)).as_bytes());
    let begin = Frame::DeliverBegin { sequence: 5, sender: [8; 16], total_bytes: Varint(large.len() as u64), header: &[] };
    stage.input(frame(&begin));
    assert_eq!(handed(&stage.input(deliver(6, &entry(2, None, b"2")))), [""; 0]);
    let other = entry(1, None, b"\"other\"");
    let mut other_device = other.clone();
    // Its sending device stands behind the kind and the sender.
    other_device[17..33].copy_from_slice(&[7; 16]);
    let outputs = stage.input(deliver(7, &other_device));
    assert_eq!(handed(&outputs), ["\"other\""]);
    handle(&mut stage, &outputs);
    assert_eq!(said(&stage.wait(1_000.0)), [""; 0], "the cursor passes nothing");

    let piece =
        |from: usize, to: usize| frame(&Frame::DeliverPiece { sequence: 5, offset: Varint(from as u64), payload: Rest(&large[from..to]) });
    assert_eq!(handed(&stage.input(piece(0, 2_000))), [""; 0]);
    let outputs = stage.input(piece(2_000, large.len()));
    assert_eq!(handed(&outputs).len(), 1);
    let outputs = handle(&mut stage, &outputs);
    assert_eq!(handed(&outputs), ["2"]);
    handle(&mut stage, &outputs);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 7"]);
}

#[test]
fn a_piece_that_does_not_follow_ends_the_connection() {
    let mut stage = Stage::registered();
    stage.input(frame(&Frame::DeliverBegin { sequence: 5, sender: [8; 16], total_bytes: Varint(100), header: &[] }));
    let outputs = stage.input(frame(&Frame::DeliverPiece { sequence: 5, offset: Varint(3), payload: Rest(b"x") }));
    assert_eq!(events(&outputs)[0], Event::Trouble(failure(Code::BadMessage)));
    let mut stage = Stage::registered();
    let outputs = stage.input(frame(&Frame::DeliverBegin { sequence: 5, sender: [8; 16], total_bytes: Varint(u64::MAX), header: &[] }));
    assert_eq!(events(&outputs)[0], Event::Trouble(failure(Code::BadMessage)));
}

#[test]
fn what_cannot_be_read_is_told_and_holds_up_nobody() {
    let mut stage = Stage::registered();
    let outputs = stage.input(deliver(5, &entry(1, None, b"1,\"from\":2")));
    assert_eq!(events(&outputs), [Event::Trouble(failure(Code::BadMessage))]);
    let outputs = stage.input(deliver(6, b"\x07garbage"));
    assert_eq!(events(&outputs), [Event::Trouble(failure(Code::BadMessage))]);
    assert_eq!(handed(&stage.input(deliver(7, &entry(2, None, b"2")))), ["2"]);
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 6"]);
}

#[test]
fn a_store_that_takes_no_notes_does_not_stop_the_queue() {
    let mut stage = Stage::registered();
    stage.keeps = false;
    let outputs = stage.input(deliver(5, &entry(1, None, b"1")));
    handle(&mut stage, &outputs);
    let outputs = stage.written(true);
    assert!(matches!(&events(&outputs)[..], [Event::Trouble(failure)] if failure.code == Code::NotKept));
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
    stage.wait(limits::PERSIST_RETRY_MS);
    assert_eq!(events(&stage.written(true)), [], "told once");
    stage.wait(limits::PERSIST_RETRY_MS);
    stage.written(false);
    assert_eq!(stage.disk.len(), 3, "the notes come later");
}

#[test]
fn damage_is_told_and_what_is_whole_goes_on() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    for count in 1..=3 {
        stage.send(crate::stage::draft(&count.to_string()));
    }
    let whole = stage.disk.clone();
    for (key, expected) in [("out:0000000000000002", vec!["send 1", "void 2", "send 3"]), ("identity", vec!["send 1", "send 2", "send 3"])]
    {
        let mut disk = whole.clone();
        disk.get_mut(key).unwrap()[3] ^= 1;
        let mut again = Stage::with(disk);
        let outputs = again.input(Input::Connect(settings()));
        let told = events(&outputs);
        assert!(told.iter().any(|event| matches!(event, Event::Trouble(failure) if failure.code == Code::Damaged)), "{told:?}");
        assert_eq!(told.contains(&Event::Gap), key == "identity");
        assert_eq!(said(&again.register(Welcome::default())), expected, "{key}");
    }
}
