//! Messages in pieces on their way out: they hold up nobody but whom they share a recipient with.

use msr_client::{Draft, Event, Input, Output, Progress, limits};
use msr_protocol::v2::{Frame, Varint};
use msr_protocol::{Code, Credential, JsonText};

use crate::stage::{OTHER, Stage, Welcome, accepted, closed, declined, draft, events, frame, rejected, said, settings, settled};

const CAROL: Credential = Credential([10; 16]);

fn large(bytes: usize) -> Draft {
    draft(&format!("{:?}", "x".repeat(bytes)))
}

fn to_carol(draft: Draft) -> Draft {
    Draft { to: JsonText::array_of_one(CAROL), ..draft }
}

/// After the connection was lost.
fn again(stage: &mut Stage, accepted: u64) -> Vec<Output> {
    stage.wait(limits::BACKOFF_BASE_MS);
    stage.register(Welcome { accepted, ..Welcome::default() })
}

#[test]
fn others_pass_and_those_for_the_same_recipient_follow() {
    let mut stage = Stage::registered();
    let (big, outputs) = stage.send(large(500_000));
    let heard = said(&outputs);
    assert_eq!((heard[0].as_str(), heard.len()), ("begin 1", 12), "{heard:?}");
    assert_eq!(heard.iter().filter(|said| *said == "ping").count(), 1);
    let (behind, passing) = (stage.send(draft("2")), stage.send(to_carol(draft("3"))));
    assert_eq!((said(&behind.1), said(&passing.1)), (vec![], vec!["send 1".to_owned()]));
    let both = Draft { to: JsonText::from_spelled(format!("[\"{CAROL}\",\"{}\"]", OTHER)), ..draft("4") };
    let (both, last) = (stage.send(both), stage.send(to_carol(draft("5"))));
    assert_eq!((said(&both.1), said(&last.1)), (vec![], vec![]), "what is behind one that waits, waits too");
    assert_eq!(said(&stage.send(Draft { realtime: true, ..draft("6") }).1), ["send 0"]);
    assert_eq!(settled(&stage.input(accepted(1))), [(passing.0, Ok(1))], "while the large one is under way");
    assert_eq!(stage.read_pieces(outputs)[1..], ["finish 1 as 2", "send 3", "send 4", "send 5"]);
    let after = [2, 3, 4, 5].map(|number| settled(&stage.input(accepted(number)))[0]);
    assert_eq!(after, [(big, Ok(2)), (behind.0, Ok(3)), (both.0, Ok(4)), (last.0, Ok(5))]);
    assert_eq!(stage.disk.len(), 2, "nothing of them is kept");
}

#[test]
fn how_far_it_is_with_each_recipient_is_told_as_receipts() {
    let mut stage = Stage::registered();
    let (ticket, _) = stage.send(large(50_000));
    let progress = |bytes| Frame::Progress { number: Varint(1), recipient: OTHER, bytes: Varint(bytes) };
    let told = |outputs: Vec<Output>| {
        let events = events(&outputs).into_iter();
        let receipts = events.filter_map(|event| if let Event::Receipt(receipt) = event { Some(receipt) } else { None });
        receipts.map(|receipt| (receipt.ticket, receipt.recipient, receipt.progress)).collect::<Vec<_>>()
    };
    let receiving = |bytes| vec![(Some(ticket), OTHER, Progress::Receiving { bytes })];
    assert_eq!(told(stage.input(frame(&progress(10_000)))), receiving(10_000), "it may be quicker than the disk of the server");
    stage.input(accepted(1));
    assert_eq!(told(stage.input(frame(&progress(40_000)))), receiving(40_000));
    assert_eq!(told(stage.input(frame(&progress(20_000)))), [], "of a slower device");
}

#[test]
fn one_after_the_other_and_from_the_start_on_another_connection() {
    let mut stage = Stage::registered();
    let (_, outputs) = stage.send(large(500_000));
    let (second, _) = stage.send(to_carol(large(50_000)));
    assert_eq!(said(&outputs)[0], "begin 1");
    stage.input(closed(1006));
    stage.send(to_carol(draft("3")));
    let outputs = again(&mut stage, 0);
    assert_eq!(stage.read_pieces(outputs), ["begin 1", "finish 1 as 1", "begin 2", "finish 2 as 2", "send 3"]);
    stage.input(accepted(1));
    assert_eq!(settled(&stage.input(accepted(2))), [(second, Ok(2))]);
}

/// What is large is the server's to say: before, a message may have got its number and turn out to be.
#[test]
fn numbered_before_anybody_said_that_it_is_large() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let tickets = [stage.send(large(20_000)).0, stage.send(to_carol(draft("2"))).0];
    let outputs = stage.register(Welcome::default());
    assert_eq!(stage.read_pieces(outputs), ["begin 1", "finish 1 as 1", "send 2"]);
    for (number, ticket) in (1..).zip(tickets) {
        assert_eq!(settled(&stage.input(accepted(number))), [(ticket, Ok(number))]);
    }
}

#[test]
fn the_number_is_kept_before_it_is_told() {
    let mut stage = Stage::registered();
    let (ticket, outputs) = stage.send(large(500_000));
    stage.keeps = false;
    assert_eq!(stage.read_pieces(outputs), ["begin 1"]);
    let outputs = stage.written(true);
    assert_eq!((said(&outputs), settled(&outputs)), (vec![], vec![]), "the disk is full: it waits");
    assert_eq!(said(&stage.wait(limits::PERSIST_RETRY_MS)), [""; 0]);
    assert_eq!(said(&stage.written(false)), ["finish 1 as 1"]);
    assert_eq!(settled(&stage.input(accepted(1))), [(ticket, Ok(1))]);
}

#[test]
fn a_reload_keeps_order_and_numbers() {
    let mut stage = Stage::registered();
    let id = |id: &str, draft| Draft { id: Some(id.to_owned()), ..draft };
    let (_, outputs) = stage.send(id("a", large(500_000)));
    stage.send(id("b", draft("2")));
    stage.send(id("c", to_carol(draft("3"))));
    stage.send(id("d", to_carol(large(60_000))));
    let before = stage.disk.clone();
    let heard = stage.read_pieces(outputs);
    assert_eq!(heard, ["begin 1", "finish 1 as 2", "send 3", "begin 2", "finish 2 as 4"], "c was the first");
    let after = stage.disk.clone();

    let mut early = Stage::with(before);
    let outputs = early.input(Input::Connect(settings()));
    let restored = events(&outputs).into_iter().filter_map(|event| if let Event::Restored { id, .. } = event { id } else { None });
    assert_eq!(restored.collect::<String>(), "abcd");
    let outputs = early.register(Welcome { accepted: 1, ..Welcome::default() });
    let heard = early.read_pieces(outputs);
    assert_eq!(heard, ["send 1", "begin 1", "finish 1 as 2", "send 3", "begin 2", "finish 2 as 4"]);

    let mut late = Stage::with(after);
    late.input(Input::Connect(settings()));
    let outputs = late.register(Welcome { accepted: 1, ..Welcome::default() });
    let heard = late.read_pieces(outputs);
    let again = ["send 1", "begin 1", "finish 1 as 2", "send 3", "begin 2", "finish 2 as 4"];
    assert_eq!(heard, again, "each keeps the number that it may have been finished with");
    let mut later = Stage::with(late.disk);
    later.input(Input::Connect(settings()));
    let outputs = later.register(Welcome { accepted: 4, ..Welcome::default() });
    let numbers: Vec<u64> = settled(&outputs).into_iter().map(|(_, number)| number.unwrap()).collect();
    assert_eq!((numbers, said(&outputs)), (vec![2, 4], vec!["send 1".to_owned(), "send 3".to_owned()]), "they do not go up again");
}

#[test]
fn declined_for_now_it_begins_again_and_others_pass() {
    let mut stage = Stage::registered();
    let (_, mut outputs) = stage.send(large(500_000));
    assert_eq!(said(&stage.input(declined(1, Code::Busy))), [""; 0]);
    stage.send(draft("2"));
    assert_eq!(said(&stage.send(to_carol(draft("3"))).1), ["send 1"]);
    assert_eq!(said(&stage.input(declined(7, Code::Busy))), [""; 0], "nobody knows that one");
    outputs.extend(stage.wait(limits::BACKOFF_BASE_MS));
    assert_eq!(stage.read_pieces(outputs), ["begin 1", "begin 2", "finish 2 as 2", "send 3"]);
}

#[test]
fn declined_for_good_or_taken_back_it_lets_others_go() {
    let mut stage = Stage::registered();
    let (first, _) = stage.send(large(500_000));
    let (second, _) = stage.send(large(400_000));
    let (third, _) = stage.send(draft("3"));
    let outputs = stage.input(declined(1, Code::TooLarge));
    assert_eq!((settled(&outputs), said(&outputs)[0].as_str()), (vec![(first, Err(Code::TooLarge))], "begin 2"));
    let outputs = stage.cancel(second);
    assert_eq!(settled(&outputs), [(second, Err(Code::Aborted))]);
    let heard = stage.read_pieces(outputs);
    assert_eq!(heard, ["finish 2 as 0", "send 1"]);
    assert_eq!(settled(&stage.input(accepted(1))), [(third, Ok(1))]);
    assert_eq!(stage.disk.len(), 2);
}

#[test]
fn refused_once_it_had_its_number_it_goes_up_again_and_later_ones_wait() {
    let mut stage = Stage::registered();
    let (big, outputs) = stage.send(large(50_000));
    assert_eq!(stage.read_pieces(outputs), ["begin 1", "finish 1 as 1"]);
    stage.send(to_carol(draft("2")));
    let (_, mut outputs) = stage.send(to_carol(large(500_000)));
    stage.input(rejected(1, Code::StoreFull));
    stage.input(rejected(2, Code::OutOfOrder));
    outputs.extend(stage.wait(limits::BACKOFF_BASE_MS));
    let heard = stage.read_pieces(outputs);
    let expected = ["begin 2", "finish 2 as 0", "begin 3", "finish 3 as 1", "begin 4"];
    assert_eq!(heard, expected, "whose turn it is goes first");
    let outputs = stage.input(accepted(1));
    assert_eq!((settled(&outputs), said(&outputs)), (vec![(big, Ok(1))], ["send 2", "finish 4 as 3"].map(str::to_owned).to_vec()));
}

#[test]
fn an_expired_one_is_taken_back_and_frees_those_behind_it() {
    let mut stage = Stage::registered();
    let (big, _) = stage.send(Draft { expire_after_ms: Some(1_000.0), ..large(500_000) });
    stage.send(draft("2"));
    let outputs = stage.wait(1_000.0);
    assert_eq!(settled(&outputs), [(big, Err(Code::Expired))]);
    assert_eq!(said(&outputs), ["finish 1 as 0", "send 1"]);
}
