//! Messages that the keys seal on their way out.

use msr_client::{Draft, Event, Input, Output, Progress, SealTicket, Sealing, limits};
use msr_protocol::v2::flags::{REALTIME, SEALED, TARGETED, WANTS_REPLY};
use msr_protocol::v2::{Entry, Field as _, MessageId, Receipt, Varint};
use msr_protocol::{Code, JsonText};

use crate::keyed::{
    BOB, CAROL, Seen, asked, connect, keyed, letters, off, register, registered, required, seal, sealed, seen, to, unasked, xor,
};
use crate::stage::{Stage, Welcome, accepted, closed, deliver, draft, events, failure, rejected, said, settled};

/// After the connection was lost.
fn again(stage: &mut Stage, accepted: u64) -> Vec<Output> {
    stage.wait(4.0 * limits::BACKOFF_BASE_MS);
    register(stage, Welcome { accepted, ..Welcome::default() })
}

fn encrypted(outputs: &[Output]) -> Vec<bool> {
    let told = |event| if let Event::Accepted { encrypted, .. } = event { Some(encrypted) } else { None };
    events(outputs).into_iter().filter_map(told).collect()
}

fn plain(ticket: SealTicket) -> Input {
    Input::Sealed { ticket, outcome: Sealing::Plain }
}

fn refused(ticket: SealTicket, code: Code) -> Input {
    Input::Sealed { ticket, outcome: Sealing::Refused(failure(code)) }
}

#[test]
fn sealed_then_numbered_then_sent() {
    let mut stage = registered();
    let id = MessageId { device: [3; 16], outbox_epoch: 1, number: Varint(1) };
    let request = Draft { request: Some(60_000.0), reply_to: Some(id), allow_plain: true, ..to(BOB, "1") };
    let (ticket, outputs) = stage.send(required(request));
    let [(question, letter)] = &letters(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((&letter.recipients[..], letter.flags, letter.reply_to), (&[BOB][..], WANTS_REPLY, Some(id)));
    assert_eq!((letter.required, letter.allow_plain, letter.subject.as_str()), (true, true, "\"test\""));
    assert_eq!(said(&outputs), [""; 0]);
    let outputs = stage.input(sealed(*question, letter));
    let subject = "\"\"".to_owned();
    assert_eq!(seen(&outputs), [Seen { number: 1, flags: SEALED, headers: 1, has_reply_to: false, subject, payload: xor(b"1") }]);
    assert_eq!(stage.input(sealed(*question, letter)), [], "once");
    let outputs = stage.input(accepted(1));
    assert_eq!((settled(&outputs), encrypted(&outputs)), (vec![(ticket, Ok(1))], vec![true]));
    assert_eq!(stage.disk.len(), 2, "nothing of it is kept");
}

#[test]
fn asked_only_while_registered_and_answered_at_any_time() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(keyed()));
    assert_eq!(asked(&stage.send(to(BOB, "1")).1), [""; 0]);
    let outputs = register(&mut stage, Welcome::default());
    assert_eq!(asked(&outputs), ["1"]);
    stage.input(closed(1006));
    assert_eq!(said(&seal(&mut stage, &outputs)), [""; 0]);
    assert_eq!(said(&again(&mut stage, 0)), ["send 1"]);
    stage.input(closed(1006));
    let outputs = again(&mut stage, 0);
    assert_eq!((asked(&outputs).len(), seen(&outputs)[0].payload.clone()), (0, xor(b"1")), "as it was sealed");
}

#[test]
fn held_for_one_it_holds_up_nobody_else() {
    let mut stage = registered();
    let held: Vec<_> = (0..limits::SEALING_AT_ONCE + 50).flat_map(|count| asked(&stage.send(to(BOB, &count.to_string())).1)).collect();
    assert_eq!(held.len(), limits::SEALING_AT_ONCE);
    for number in 1..=50 {
        let (ticket, outputs) = stage.send(to(CAROL, "\"carol\""));
        assert_eq!(asked(&outputs), ["\"carol\""]);
        let outputs = seal(&mut stage, &outputs);
        assert_eq!(said(&outputs), [format!("send {number}")]);
        assert_eq!(settled(&stage.input(accepted(number))), [(ticket, Ok(number))]);
    }
    let both = Draft { to: JsonText::from_spelled(format!("[\"{BOB}\",\"{CAROL}\"]")), ..to(BOB, "\"both\"") };
    assert_eq!(asked(&stage.send(both).1), [""; 0], "it is behind what waits for one of its recipients");
    assert_eq!(said(&stage.send(off(to(BOB, "\"off\""))).1), [""; 0], "so is one that goes plain");
    let (_, outputs) = stage.send(Draft { realtime: true, ..off(to(BOB, "\"now\"")) });
    assert_eq!(said(&outputs), ["send 0"]);
}

#[test]
fn bounded_in_bytes() {
    let mut stage = registered();
    let large = format!("{:?}", "x".repeat(limits::SEALING_BYTES / 2 - 1_000));
    let counts = [(); 3].map(|()| asked(&stage.send(to(BOB, &large)).1).len());
    assert_eq!(counts, [1, 1, 0]);
}

#[test]
fn an_answer_out_of_order_changes_no_order() {
    let mut stage = registered();
    let first = stage.send(to(BOB, "1")).1;
    let second = stage.send(to(BOB, "2")).1;
    assert_eq!(said(&seal(&mut stage, &second)), [""; 0]);
    let payloads: Vec<_> = seen(&seal(&mut stage, &first)).into_iter().map(|seen| seen.payload).collect();
    assert_eq!(payloads, [xor(b"1"), xor(b"2")]);
}

#[test]
fn plain_by_wish_or_by_the_word_of_the_keys() {
    let mut stage = registered();
    let (_, outputs) = stage.send(off(to(BOB, "1")));
    assert_eq!((asked(&outputs).len(), seen(&outputs)[0].payload.as_slice()), (0, &b"1"[..]));
    assert_eq!(encrypted(&stage.input(accepted(1))), [false]);
    let outputs = stage.send(to(BOB, "2")).1;
    let outputs = stage.input(plain(letters(&outputs)[0].0));
    assert_eq!((seen(&outputs)[0].flags, seen(&outputs)[0].payload.as_slice()), (0, &b"2"[..]));
    assert_eq!(encrypted(&stage.input(accepted(2))), [false]);
    let (ticket, outputs) = stage.send(required(to(BOB, "3")));
    let outputs = stage.input(plain(letters(&outputs)[0].0));
    assert_eq!(settled(&outputs), [(ticket, Err(Code::NoKeys))], "never what must be encrypted");
    assert_eq!(seen(&outputs), []);
}

#[test]
fn an_identity_by_md5_has_nothing_to_encrypt_with() {
    let mut stage = Stage::registered();
    let (ticket, outputs) = stage.send(required(draft("1")));
    assert_eq!(settled(&outputs), [(ticket, Err(Code::NoKeys))]);
    let (ticket, outputs) = stage.send(Draft { realtime: true, ..required(draft("1")) });
    assert_eq!(settled(&outputs), [(ticket, Err(Code::NoKeys))]);
    let (_, outputs) = stage.send(draft("2"));
    assert_eq!((asked(&outputs).len(), said(&outputs)), (0, vec!["send 1".to_owned()]));
    assert_eq!(encrypted(&stage.input(accepted(1))), [false]);
    let mut early = Stage::new();
    let (ticket, _) = early.send(required(draft("1")));
    assert_eq!(settled(&early.input(Input::Connect(crate::stage::settings()))), [(ticket, Err(Code::NoKeys))]);
}

#[test]
fn refused_taken_back_or_too_late_the_next_one_goes_on() {
    let mut stage = registered();
    let (first, outputs) = stage.send(to(BOB, "1"));
    let (second, also) = stage.send(to(BOB, "2"));
    let (third, too) = stage.send(Draft { expire_after_ms: Some(1_000.0), ..to(BOB, "3") });
    let (_, last) = stage.send(to(BOB, "4"));
    seal(&mut stage, &last);
    let outputs = stage.input(refused(letters(&outputs)[0].0, Code::NoKeys));
    assert_eq!(settled(&outputs), [(first, Err(Code::NoKeys))]);
    let outputs = stage.cancel(second);
    assert_eq!((settled(&outputs), unasked(&outputs)), (vec![(second, Err(Code::Aborted))], vec![letters(&also)[0].0]));
    assert_eq!(stage.input(plain(letters(&also)[0].0)), []);
    let outputs = stage.wait(1_000.0);
    assert_eq!((settled(&outputs), unasked(&outputs)), (vec![(third, Err(Code::Expired))], vec![letters(&too)[0].0]));
    assert_eq!(said(&outputs), ["send 1"]);
}

#[test]
fn devices_that_changed() {
    let mut stage = registered();
    let request = |content| Draft { request: Some(60_000.0), ..to(BOB, content) };
    let sent: Vec<_> = ["1", "2", "3"].map(|content| stage.send(request(content))).into();
    for (_, outputs) in &sent {
        seal(&mut stage, outputs);
    }
    stage.send(off(to(CAROL, "4")));
    let outputs = stage.input(rejected(1, Code::StaleDevices));
    assert_eq!(
        (asked(&outputs), said(&outputs)),
        (vec!["1", "2", "3"].into_iter().map(str::to_owned).collect(), vec!["void 1".to_owned()])
    );
    for number in 2..=4 {
        assert_eq!(stage.input(rejected(number, Code::OutOfOrder)), []);
    }
    assert_eq!(said(&seal(&mut stage, &outputs)), [""; 0], "not before the server has heard of that");
    assert_eq!(said(&stage.input(accepted(1))), ["void 2", "void 3", "void 4", "send 5"], "what was plain is first by now");
    let settled_in_turn: Vec<_> = (2..=5).flat_map(|number| said(&stage.input(accepted(number)))).collect();
    assert_eq!(settled_in_turn, ["send 6", "send 7", "send 8"]);
    let outputs = stage.input(accepted(6));
    assert_eq!((settled(&outputs), encrypted(&outputs)), (vec![(sent[0].0, Ok(6))], vec![true]));
    let [Event::Accepted { id, .. }] = events(&outputs)[..] else { panic!() };

    let receipt = Receipt { outbox_epoch: id.outbox_epoch, number: id.number, recipient: BOB, code: 200, timestamp_ms: 9 };
    let mut bytes = Vec::new();
    Entry::Receipt(receipt).write(&mut bytes);
    let outputs = stage.input(deliver(5, &bytes));
    let [Event::Receipt(receipt)] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((receipt.ticket, receipt.progress), (Some(sent[0].0), Progress::Delivered));
    let outputs = stage.input(deliver(6, &crate::stage::entry(1, Some(id), b"\"yes\"")));
    assert!(matches!(events(&outputs)[..], [Event::Reply { ticket, .. }] if ticket == sent[0].0), "{outputs:?}");
}

#[test]
fn numbers_that_are_given_up_are_forgotten_before_the_server_hears_of_it() {
    let mut stage = registered();
    let outputs = stage.send(to(BOB, "1")).1;
    seal(&mut stage, &outputs);
    stage.keeps = false;
    let outputs = stage.input(rejected(1, Code::StaleDevices));
    assert_eq!((asked(&outputs).len(), said(&outputs)), (1, vec![]));
    assert_eq!(said(&seal(&mut stage, &outputs)), [""; 0]);
    let before = stage.disk.clone();
    let outputs = stage.written(false);
    assert_eq!(said(&outputs), ["void 1"]);
    assert_eq!(said(&stage.input(accepted(1))), [""; 0], "nor is the new number told before it is kept");
    assert_eq!(said(&stage.written(false)), ["send 2"]);

    for (disk, accepted, expected) in [(before, 0, "send 1"), (stage.disk, 1, "send 2")] {
        let mut late = Stage::with(disk);
        let outputs = connect(&mut late, Welcome { accepted, ..Welcome::default() });
        assert_eq!(said(&seal(&mut late, &outputs)), [expected]);
    }
}

#[test]
fn devices_that_change_time_and_again_are_asked_no_faster_than_they_should() {
    let mut stage = registered();
    let mut outputs = stage.send(to(BOB, "1")).1;
    let mut waits = 0;
    for number in [1, 2, 3, 4, 5] {
        assert_eq!(seen(&seal(&mut stage, &outputs))[0].number, number);
        outputs = stage.input(rejected(number, Code::StaleDevices));
        waits += usize::from(letters(&outputs).is_empty());
        stage.input(accepted(number));
        outputs.extend(stage.wait(9_000.0));
    }
    assert_eq!(waits, 4, "the first time at once");
}

#[test]
fn a_restart_asks_again_and_keeps_numbers() {
    let mut stage = registered();
    let first = stage.send(to(BOB, "1")).1;
    let unsealed = stage.disk.clone();
    seal(&mut stage, &first);
    let numbered = stage.disk.clone();
    for disk in [unsealed, numbered.clone()] {
        let mut again = Stage::with(disk);
        let outputs = connect(&mut again, Welcome::default());
        assert_eq!((asked(&outputs), said(&outputs)), (vec!["1".to_owned()], vec![]));
        assert_eq!(said(&again.send(off(to(BOB, "2"))).1), [""; 0]);
        assert_eq!(said(&seal(&mut again, &outputs)), ["send 1", "send 2"]);
    }
    let mut again = Stage::with(numbered);
    let outputs = connect(&mut again, Welcome { accepted: 1, ..Welcome::default() });
    assert_eq!((asked(&outputs).len(), settled(&outputs)[0].1, encrypted(&outputs)), (0, Ok(1), vec![true]), "it went sealed");
}

#[test]
fn what_was_taken_before_the_devices_changed_is_taken() {
    let mut stage = registered();
    let (ticket, outputs) = stage.send(to(BOB, "1"));
    seal(&mut stage, &outputs);
    stage.input(closed(1006));
    assert_eq!(said(&again(&mut stage, 1)), ["send 1"], "for its answer");
    assert_eq!(settled(&stage.input(rejected(1, Code::StaleDevices))), [(ticket, Ok(1))]);
}

#[test]
fn large_ones_go_in_pieces_and_anew_when_devices_changed() {
    let mut stage = registered();
    let (ticket, outputs) = stage.send(to(BOB, &format!("{:?}", "x".repeat(50_000))));
    let (_, small) = stage.send(to(BOB, "2"));
    assert_eq!(said(&seal(&mut stage, &small)), [""; 0]);
    let outputs = seal(&mut stage, &outputs);
    assert_eq!(stage.read_pieces(outputs), ["begin 1", "finish 1 as 1", "send 2"]);
    let outputs = stage.input(rejected(1, Code::StaleDevices));
    stage.input(rejected(2, Code::OutOfOrder));
    assert_eq!(said(&outputs), ["void 1"]);
    stage.input(accepted(1));
    let outputs = seal(&mut stage, &outputs);
    assert_eq!(stage.read_pieces(outputs), ["begin 2", "void 2", "finish 2 as 3", "send 4"]);
    stage.input(accepted(2));
    assert_eq!(settled(&stage.input(accepted(3))), [(ticket, Ok(3))]);
}

#[test]
fn realtime_is_sealed_at_once_and_sent_or_lost() {
    let mut stage = registered();
    let live = |content| Draft { realtime: true, ..to(BOB, content) };
    stage.send(to(BOB, "\"held\""));
    let (ticket, outputs) = stage.send(live("1"));
    assert_eq!(letters(&outputs)[0].1.flags, REALTIME);
    let outputs = seal(&mut stage, &outputs);
    assert_eq!((settled(&outputs), seen(&outputs)[0].flags), (vec![(ticket, Ok(0))], SEALED | REALTIME));
    assert_eq!(seen(&outputs)[0].payload, xor(b"1"));
    let (ticket, outputs) = stage.send(live("2"));
    assert_eq!(settled(&stage.input(refused(letters(&outputs)[0].0, Code::NoKeys))), [(ticket, Err(Code::NoKeys))]);
    let (ticket, outputs) = stage.send(live("3"));
    assert_eq!(unasked(&stage.cancel(ticket)), [letters(&outputs)[0].0]);
    let many: Vec<_> = (0..=limits::LIVE_AT_ONCE).map(|_| stage.send(live("4"))).collect();
    let (oldest, last) = (&many[0], &many[limits::LIVE_AT_ONCE].1);
    assert_eq!((settled(last), unasked(last)), (vec![(oldest.0, Err(Code::OutboxFull))], vec![letters(&oldest.1)[0].0]));
    let outputs = stage.input(closed(1006));
    assert_eq!((settled(&outputs).len(), unasked(&outputs).len()), (limits::LIVE_AT_ONCE, limits::LIVE_AT_ONCE));
    assert!(settled(&outputs).iter().all(|(_, outcome)| *outcome == Err(Code::Unreachable)));
}

#[test]
fn letters_of_the_keys_are_kept_and_pass_what_waits_and_nobody_hears_of_them() {
    let mut stage = registered();
    stage.send(to(BOB, "\"held\""));
    let control = |recipient| Input::Control { recipient, payload: b"sealed".to_vec(), headers: vec![([8; 16], b"h".to_vec())] };
    let outputs = stage.input(control(BOB));
    let subject = "\"\"".to_owned();
    let expected = Seen { number: 1, flags: SEALED | TARGETED, headers: 1, has_reply_to: false, subject, payload: b"sealed".to_vec() };
    assert_eq!((seen(&outputs), events(&outputs)), (vec![expected], vec![]));
    assert_eq!(stage.session.status().waiting, 1);

    let mut again = Stage::with(stage.disk.clone());
    let outputs = connect(&mut again, Welcome::default());
    assert_eq!((seen(&outputs)[0].payload.as_slice(), seen(&outputs)[0].flags), (&b"sealed"[..], SEALED | TARGETED));
    let restored = events(&outputs).into_iter().filter(|event| matches!(event, Event::Restored { .. })).count();
    assert_eq!((restored, again.session.status().waiting), (1, 1), "the message alone");

    assert_eq!(events(&stage.input(accepted(1))), []);
    let epoch = stage.disk.len();
    stage.input(closed(1006));
    assert_eq!(events(&stage.input(control(CAROL))), []);
    assert_eq!(stage.disk.len(), epoch + 1, "kept without a connection");
    stage.wait(8.0 * 24.0 * 3_600_000.0);
    assert_eq!(stage.disk.len(), 2, "not for ever");
    let mut md5 = Stage::registered();
    assert_eq!(md5.input(control(BOB)), []);
}

#[test]
fn another_peer_takes_over_and_its_questions_are_its_own() {
    let mut stage = registered();
    let (_, outputs) = stage.send(to(BOB, "1"));
    let question = letters(&outputs)[0].0;
    stage.input(Input::Close);
    let other = msr_protocol::Peer { name: JsonText::string("other"), ..crate::keyed::peer() };
    stage.disk.clear();
    let outputs = stage.input(Input::Connect(msr_client::Settings { peer: other, ..keyed() }));
    assert_eq!(unasked(&outputs), [question]);
    stage.disk.clear();
    stage.input(closed(1006));
    stage.wait(limits::BACKOFF_CAP_MS);
    register(&mut stage, Welcome::default());
    let (_, outputs) = stage.send(to(BOB, "2"));
    assert!(letters(&outputs)[0].0 > question);
}

#[test]
fn numbers_that_could_not_be_forgotten_are_not_void() {
    let mut stage = registered();
    let outputs = stage.send(to(BOB, "1")).1;
    seal(&mut stage, &outputs);
    stage.keeps = false;
    stage.input(rejected(1, Code::StaleDevices));
    assert_eq!(said(&stage.written(true)), [""; 0], "the disk still says that it is the first");
    stage.keeps = true;
    assert_eq!(said(&stage.wait(60_000.0)).iter().filter(|said| *said != "ping").collect::<Vec<_>>(), ["void 1"]);
}

#[test]
fn the_keys_hear_of_what_they_sealed_in_vain() {
    let mut stage = registered();
    let (_, first) = stage.send(to(BOB, "1"));
    seal(&mut stage, &first);
    let outputs = stage.input(rejected(1, Code::StaleDevices));
    let place = |is_it: fn(&Output) -> bool| outputs.iter().position(is_it).unwrap();
    let unsealed = place(|output| matches!(output, Output::Unseal { .. }));
    assert!(unsealed < place(|output| matches!(output, Output::Seal { .. })), "before it is sealed anew");
    let [Output::Seal { ticket, .. }] = first.iter().filter(|output| matches!(output, Output::Seal { .. })).collect::<Vec<_>>()[..] else {
        panic!("{first:?}")
    };
    assert_eq!(outputs[unsealed], Output::Unseal { ticket: *ticket });
}

#[test]
fn what_is_answered_at_once_is_numbered_in_one_write() {
    let mut stage = registered();
    let questions: Vec<_> = (0..40).flat_map(|count| letters(&stage.send(to(BOB, &count.to_string())).1)).collect();
    stage.keeps = false;
    for (ticket, letter) in &questions {
        stage.session.take_input(sealed(*ticket, letter), stage.now);
    }
    stage.session.follow_up(stage.now);
    assert_eq!(said(&stage.drain()), [""; 0], "not before it is kept");
    let numbers = |changes: &[msr_client::Change]| {
        changes.iter().filter(|change| matches!(change, msr_client::Change::Put { key, .. } if key.starts_with("num"))).count()
    };
    assert_eq!(stage.writes.iter().map(|(_, changes)| numbers(changes)).collect::<Vec<_>>(), [40]);
    assert_eq!(said(&stage.written(false))[0], "send 1");
}
