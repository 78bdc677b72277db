//! Messages of the page on their way out.

use msr_client::{Content, Draft, Event, Input, Output, Progress, Ticket, limits};
use msr_protocol::v2::{Entry, Field as _, Frame, Receipt, Varint, frames};
use msr_protocol::{Code, JsonText};

use crate::stage::{OTHER, Stage, Welcome, accepted, closed, deliver, draft, entry, events, rejected, said, settings, settled};

fn connect(stage: &mut Stage, welcome: Welcome) -> Vec<Output> {
    stage.input(Input::Connect(settings()));
    stage.register(welcome)
}

#[test]
fn kept_before_it_is_sent_and_forgotten_when_it_is_accepted() {
    let mut stage = Stage::registered();
    stage.keeps = false;
    let (ticket, outputs) = stage.send(draft("1"));
    assert_eq!(said(&outputs), [""; 0], "not before the disk has it");
    assert_eq!(said(&stage.written(false)), ["send 1"]);
    assert_eq!(stage.disk.len(), 3);
    let outputs = stage.input(accepted(1));
    assert_eq!(settled(&outputs), [(ticket, Ok(1))]);
    stage.written(false);
    assert_eq!(stage.disk.len(), 2);
}

#[test]
fn offline_for_a_day_and_a_thousand_messages_through_a_reload() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    for count in 0..1_000 {
        stage.send(draft(&count.to_string()));
    }
    let mut again = Stage::with(stage.disk);
    again.pass(24.0 * 3_600_000.0);
    let outputs = again.input(Input::Connect(settings()));
    let restored = events(&outputs).into_iter().filter(|event| matches!(event, Event::Restored { .. })).count();
    assert_eq!(restored, 1_000);
    let mut heard = said(&again.register(Welcome::default()));
    for number in 1..=1_000 {
        let outputs = again.input(accepted(number));
        assert_eq!(settled(&outputs), [(Ticket(number as u32), Ok(number))]);
        heard.extend(said(&outputs));
    }
    let expected: Vec<String> = (1..=1_000).map(|number| format!("send {number}")).collect();
    assert_eq!(heard, expected);
    assert_eq!(again.session.status().waiting, 0);
}

#[test]
fn no_more_than_the_window_under_way() {
    let mut stage = Stage::registered();
    let heard: Vec<String> = (0..6).flat_map(|_| said(&stage.send(draft("1")).1)).collect();
    assert_eq!(heard, ["send 1", "send 2", "send 3", "send 4"]);
    assert_eq!(said(&stage.input(accepted(2))), ["send 5", "send 6"]);
}

#[test]
fn a_disk_that_says_no_gives_an_error_and_later_messages_go_on() {
    let mut stage = Stage::registered();
    stage.keeps = false;
    let (first, _) = stage.send(draft("1"));
    let (second, _) = stage.send(draft("2"));
    let outputs = stage.written(true);
    assert_eq!(settled(&outputs), [(first, Err(Code::NotKept))]);
    assert_eq!(said(&stage.written(false)), ["void 1", "send 2"]);
    stage.input(accepted(1));
    assert_eq!(settled(&stage.input(accepted(2))), [(second, Ok(2))]);
}

#[test]
fn taken_back_or_too_late_before_anybody_saw_it() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let expiring = Draft { expire_after_ms: Some(1_000.0), ..draft("1") };
    let (cancelled, _) = stage.send(draft("1"));
    let (expired, _) = stage.send(expiring.clone());
    let (kept, _) = stage.send(draft("3"));
    let (last, _) = stage.send(draft("4"));
    assert_eq!(settled(&stage.cancel(cancelled)), [(cancelled, Err(Code::Aborted))]);
    assert_eq!(stage.cancel(cancelled), []);
    assert_eq!(settled(&stage.wait(1_000.0)), [(expired, Err(Code::Expired))]);
    assert_eq!(settled(&stage.cancel(last)), [(last, Err(Code::Aborted))]);
    assert_eq!(said(&stage.register(Welcome::default())), ["void 1", "void 2", "send 3"], "the end is nobody's business");
    assert_eq!(stage.cancel(kept), [], "what was sent stays sent");
    for number in 1..=3 {
        stage.input(accepted(number));
    }
    assert_eq!(said(&stage.send(draft("5")).1), ["void 4", "send 5"]);
    stage.input(closed(1006));
    let (late, _) = stage.send(expiring);
    assert_eq!(settled(&stage.wait(1_000.0)), [(late, Err(Code::Expired))], "that one was never written");
}

#[test]
fn a_refusal_for_now_holds_up_the_rest_and_is_tried_alone() {
    let mut stage = Stage::registered();
    let tickets = [1, 2, 3].map(|count| stage.send(draft(&count.to_string())).0);
    stage.input(rejected(1, Code::StoreFull));
    assert_eq!(said(&stage.input(rejected(2, Code::OutOfOrder))), [""; 0]);
    assert_eq!(said(&stage.wait(limits::BACKOFF_BASE_MS)), ["send 1"]);
    assert_eq!(said(&stage.input(rejected(3, Code::OutOfOrder))), [""; 0], "of before");
    let outputs = stage.input(accepted(1));
    assert_eq!((settled(&outputs), said(&outputs)), (vec![(tickets[0], Ok(1))], vec!["send 2".to_owned(), "send 3".to_owned()]));
    stage.input(rejected(3, Code::StoreFull));
    stage.input(rejected(2, Code::StoreFull));
    let again = said(&stage.wait(4.0 * limits::BACKOFF_BASE_MS));
    assert_eq!(again, ["send 2"], "the lower of two");
}

#[test]
fn a_refusal_for_good_ends_one_message() {
    let mut stage = Stage::registered();
    let (first, _) = stage.send(draft("1"));
    let (second, _) = stage.send(draft("2"));
    let outputs = stage.input(rejected(1, Code::TooManyRecipients));
    assert_eq!(settled(&outputs), [(first, Err(Code::TooManyRecipients))]);
    assert_eq!(said(&outputs), ["void 1"]);
    stage.input(rejected(2, Code::OutOfOrder));
    assert_eq!(said(&stage.input(accepted(1))), ["send 2"]);
    assert_eq!(settled(&stage.input(accepted(2))), [(second, Ok(2))]);
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again() {
    let mut stage = Stage::registered();
    let (small, _) = stage.send(draft("1"));
    let (large, outputs) = stage.send(draft(&format!("{:?}", "x".repeat(20_000))));
    assert_eq!(said(&outputs).last().unwrap(), "finish 1 as 2");
    let (third, _) = stage.send(draft("3"));
    stage.input(closed(1006));
    stage.wait(limits::BACKOFF_BASE_MS);
    let outputs = stage.register(Welcome { accepted: 2, ..Welcome::default() });
    assert_eq!(settled(&outputs), [(large, Ok(2))], "too large to be sent for its answer alone");
    assert_eq!(said(&outputs), ["send 1", "send 3"]);
    assert_eq!(settled(&stage.input(accepted(1))), [(small, Ok(1))]);
    assert_eq!(settled(&stage.input(accepted(3))), [(third, Ok(3))]);
}

#[test]
fn larger_than_this_server_takes() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let (ticket, _) = stage.send(draft(&format!("{:?}", "x".repeat(20_000))));
    let (_, _) = stage.send(draft("2"));
    let outputs = connect(&mut stage, Welcome { message_bytes: 10_000, ..Welcome::default() });
    assert_eq!(settled(&outputs), [(ticket, Err(Code::TooLarge))]);
    assert_eq!(said(&stage.input(Input::Wake)), ["void 1", "send 2", "ping"].map(str::to_owned)[..].to_vec()[2..].to_vec());
}

#[test]
fn an_id_makes_a_retry_the_same_message() {
    let named = || Draft { id: Some("mine".to_owned()), ..draft("1") };
    let mut stage = Stage::registered();
    let (first, _) = stage.send(named());
    let (second, outputs) = stage.send(named());
    assert_eq!(said(&outputs), [""; 0]);
    assert_eq!(settled(&stage.input(accepted(1))), [(first, Ok(1)), (second, Ok(1))]);
    let (third, outputs) = stage.send(named());
    assert_eq!((settled(&outputs), said(&outputs).len()), (vec![(third, Ok(1))], 0));

    let mut again = Stage::with(stage.disk);
    again.input(Input::Connect(settings()));
    let (fourth, outputs) = again.send(named());
    assert_eq!(settled(&outputs), [(fourth, Ok(1))], "across a reload too");
}

#[test]
fn a_server_that_knows_more_than_the_disk_gets_a_new_epoch() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let (ticket, _) = stage.send(draft("1"));
    let (epoch, ..) = stage.hello();
    let outputs = stage.input(crate::stage::welcome_frame(&Welcome { accepted: 9, ..Welcome::default() }, 1));
    assert!(matches!(outputs[0], Output::CloseSocket { .. }), "{outputs:?}");
    stage.wait(limits::BACKOFF_BASE_MS);
    let (fresh, ..) = stage.hello();
    assert_ne!(epoch, fresh);
    let outputs = stage.input(crate::stage::welcome_frame(&Welcome::default(), 1));
    assert_eq!(said(&outputs), ["send 1"]);
    assert_eq!(settled(&stage.input(accepted(1))), [(ticket, Ok(1))]);
    assert_eq!(stage.disk.len(), 2);
}

#[test]
fn a_server_that_forgot_hears_that_old_numbers_are_void() {
    let mut stage = Stage::registered();
    for number in 1..=3 {
        stage.send(draft("1"));
        stage.input(accepted(number));
    }
    stage.input(closed(1006));
    stage.send(draft("4"));
    stage.wait(limits::BACKOFF_BASE_MS);
    assert_eq!(said(&stage.register(Welcome::default())), ["void 1", "void 2", "void 3", "send 4"]);
}

#[test]
fn receipts() {
    let mut stage = Stage::registered();
    let (ticket, outputs) = stage.send(draft("1"));
    let Output::TransmitFrames(bytes) = &outputs[0] else { panic!("{outputs:?}") };
    let Some(Ok(Frame::Send { recipients, .. })) = frames(bytes).next() else { panic!() };
    assert_eq!(recipients.0, [OTHER]);
    let outputs = stage.input(accepted(1));
    let [Event::Accepted { id, recipients, .. }] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!(recipients, &[(OTHER, Progress::Queued)]);
    let receipt = Receipt { outbox_epoch: id.outbox_epoch, number: Varint(1), recipient: OTHER, code: 200, timestamp_ms: 9 };
    let mut entry = Vec::new();
    Entry::Receipt(receipt).write(&mut entry);
    let outputs = stage.input(deliver(5, &entry));
    let [Event::Receipt(receipt)] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((receipt.ticket, receipt.progress, receipt.settled), (Some(ticket), Progress::Delivered, true));
    assert_eq!(said(&stage.wait(limits::ACK_DELAY_MS)), ["ack 5"]);
}

#[test]
fn requests() {
    let mut stage = Stage::registered();
    let request = Draft { request: Some(1_000.0), ..draft("1") };
    let (ticket, _) = stage.send(request.clone());
    let outputs = stage.input(accepted(1));
    let [Event::Accepted { id, .. }] = events(&outputs)[..] else { panic!("{outputs:?}") };
    let outputs = stage.input(deliver(5, &entry(1, Some(id), b"\"yes\"")));
    let [Event::Reply { ticket: answered, message }] = &events(&outputs)[..] else { panic!("{outputs:?}") };
    assert_eq!((*answered, message.message.content.as_str(), message.tag.is_some()), (ticket, "\"yes\"", true));
    stage.input(Input::Handled(message.tag.unwrap()));
    let outputs = stage.input(deliver(6, &entry(2, Some(id), b"\"late\"")));
    assert!(matches!(events(&outputs)[..], [Event::Message(_)]), "a second answer is a message like others");

    let (slow, _) = stage.send(request.clone());
    stage.input(accepted(2));
    let no_reply = |ticket, code: Code| Event::NoReply { ticket, failure: code.into() };
    assert!(events(&stage.wait(1_000.0)).contains(&no_reply(slow, Code::Timeout)));
    let (cancelled, _) = stage.send(request.clone());
    stage.input(accepted(3));
    assert_eq!(events(&stage.cancel(cancelled)), [no_reply(cancelled, Code::Aborted)]);

    stage.input(Input::Close);
    let (offline, _) = stage.send(request);
    assert_eq!(events(&stage.wait(1_000.0)), [no_reply(offline, Code::Timeout)]);
    assert_eq!(stage.session.status().waiting, 0, "nobody is asked what nobody waits for");
}

#[test]
fn realtime_is_written_now_or_never() {
    let mut stage = Stage::new();
    let realtime = Draft { realtime: true, ..draft("1") };
    let (ticket, outputs) = stage.send(realtime.clone());
    assert_eq!(settled(&outputs), [(ticket, Err(Code::Unreachable))]);
    connect(&mut stage, Welcome::default());
    let (ticket, outputs) = stage.send(realtime.clone());
    assert_eq!((settled(&outputs), said(&outputs)), (vec![(ticket, Ok(0))], vec!["send 0".to_owned()]));
    let large = Draft { content: Content::Bytes(vec![0; 20_000]), ..realtime };
    assert_eq!(settled(&stage.send(large).1)[0].1, Err(Code::TooLarge));
}

#[test]
fn a_full_outbox_refuses_and_keeps_what_it_has() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    for _ in 0..limits::OUTBOX_MESSAGES {
        stage.send(draft("1"));
    }
    assert_eq!(settled(&stage.send(draft("2")).1)[0].1, Err(Code::OutboxFull));
    assert_eq!(stage.session.status().waiting, limits::OUTBOX_MESSAGES);
}

#[test]
fn before_the_first_connect_it_waits_in_memory_then_on_disk() {
    let mut stage = Stage::new();
    let (ticket, _) = stage.send(draft("1"));
    assert_eq!(stage.disk.len(), 0, "nobody knows whose it is");
    stage.input(Input::Configure(settings()));
    let (_, _) = stage.send(draft("2"));
    assert_eq!(stage.disk.len(), 3);
    assert_eq!(said(&connect(&mut stage, Welcome::default())), ["send 1", "send 2"]);
    assert_eq!(settled(&stage.input(accepted(1))), [(ticket, Ok(1))]);
    let nobody = Draft { to: JsonText::from_spelled("[\"somebody\"]".to_owned()), ..draft("1") };
    assert_eq!(settled(&stage.send(nobody).1)[0].1, Err(Code::InvalidArgument));
}
