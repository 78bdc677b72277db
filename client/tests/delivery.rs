//! What becomes of messages and searches, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use msr_client::{Draft, Event, Failure, Input, Moment, Output, Session, Settings, limits};
use msr_protocol::v1::{Incoming, Search, Subject};
use msr_protocol::{Code, JsonText, Message, Peer};

use stage::{Stage, answer, closed, credential, draft, events, failure, json, received, retry_in_ms, settings};

fn event(event: Event) -> Output {
    Output::Event(event)
}

/// The messages written, each followed by the news of it.
fn written(outputs: &[Output]) -> Vec<Message> {
    let mut messages = Vec::new();
    for (at, output) in outputs.iter().enumerate() {
        let Output::Event(Event::Sent { message, .. }) = output else { continue };
        assert_eq!(outputs[at - 1], Output::Transmit(message.to_text()));
        messages.push(message.clone());
    }
    messages
}

fn contents(outputs: &[Output]) -> Vec<String> {
    written(outputs).into_iter().map(|message| message.content.into_string()).collect()
}

#[test]
fn a_message_is_written_at_once() {
    let mut stage = Stage::registered();
    let (ticket, outputs) = stage.send(draft(r#"{"a":[1,"é"]}"#));
    let [Output::Transmit(text), Output::Event(Event::Sent { ticket: sent, message, .. })] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((*sent, text), (ticket, &message.to_text()));
    let incoming = Incoming::read(text).unwrap();
    assert_eq!((incoming.from(), incoming.recipients().unwrap()), (Some(credential()), vec![credential()]));
    assert_eq!(incoming.timestamp().unwrap().as_str(), "1700000000000");
}

#[test]
fn timestamps_are_the_servers_time_at_send() {
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(settings()));
    let request = stage.open();
    stage.input(received(&stage::registration_answer(&request, Code::Done, 1_600_000_000_000)));
    stage.pass(5.0);
    assert_eq!(written(&stage.send(draft("1")).1)[0].timestamp.as_str(), "1600000000005");
    stage.input(closed(1006));
    stage.send(draft("2"));
    stage.wait(limits::BACKOFF_BASE_MS);
    let outputs = stage.register();
    assert_eq!(written(&outputs)[0].timestamp.as_str(), "1600000000005", "when it was sent, not when it was written");
}

#[test]
fn before_the_first_connect_it_waits() {
    let mut stage = Stage::new(1);
    let (_, outputs) = stage.send(draft("1"));
    assert_eq!(outputs, [event(Event::Outbox { waiting: 1 })]);
    stage.send(draft("2"));
    stage.input(Input::Connect(settings()));
    stage.send(draft("3"));
    let outputs = stage.register();
    assert_eq!(contents(&outputs), ["1", "2", "3"]);
    assert_eq!(events(&outputs)[1], Event::Registered, "who waits for both learns of the registration first");
    assert_eq!(outputs.last(), Some(&event(Event::Outbox { waiting: 0 })));
}

#[test]
fn the_outbox_outlives_close_and_refusal() {
    let mut stage = Stage::registered();
    stage.input(closed(1006));
    stage.send(draft("1"));
    stage.input(Input::Close);
    stage.input(Input::Connect(settings()));
    stage.send(draft("2"));
    stage.input(closed(Code::InvalidRegistration.close_code()));
    assert_eq!(stage.session.status().waiting, 2);
    stage.input(Input::Connect(settings()));
    assert_eq!(contents(&stage.register()), ["1", "2"]);
}

#[test]
fn realtime_never_waits() {
    let mut stage = Stage::new(1);
    let realtime = Draft { realtime: true, ..draft("1") };
    let (ticket, outputs) = stage.send(realtime.clone());
    assert_eq!(outputs, [event(Event::NotSent { ticket, failure: failure(Code::Unreachable) })]);
    stage.input(Input::Connect(settings()));
    stage.register();
    assert_eq!(contents(&stage.send(realtime).1), ["1"]);
}

#[test]
fn what_waits_too_long_is_told() {
    let mut stage = Stage::new(1);
    let expiring = |ms| Draft { expire_after_ms: Some(ms), ..draft("1") };
    let (first, _) = stage.send(expiring(1_000.0));
    let (never, _) = stage.send(expiring(f64::INFINITY));
    let (at_once, _) = stage.send(expiring(-5.0));
    let (default, _) = stage.send(expiring(f64::NAN));
    let not_sent = |ticket| event(Event::NotSent { ticket, failure: failure(Code::Timeout) });
    assert_eq!(stage.wait(0.0), [not_sent(at_once), event(Event::Outbox { waiting: 3 })]);
    assert_eq!(stage.wait(1_000.0), [not_sent(first), event(Event::Outbox { waiting: 2 })]);
    assert_eq!(stage.wait(limits::EXPIRE_AFTER_MS), [not_sent(default), event(Event::Outbox { waiting: 1 })]);
    assert_eq!(stage.session.poll_timeout(), None);

    // A timer that comes late does not let an old message out.
    let (late, _) = stage.send(expiring(1_000.0));
    stage.input(Input::Connect(settings()));
    stage.pass(2_000.0);
    let outputs = stage.register();
    assert!(outputs.contains(&not_sent(late)));
    assert!(
        matches!(outputs[..], [.., Output::Event(Event::Sent { ticket, .. }), Output::Event(Event::Outbox { waiting: 0 })] if ticket == never)
    );
}

#[test]
fn a_full_outbox_refuses_and_keeps_what_it_has() {
    let mut stage = Stage::new(1);
    for _ in 0..limits::OUTBOX_MESSAGES {
        stage.send(draft("1"));
    }
    let (ticket, outputs) = stage.send(draft("2"));
    assert_eq!(outputs, [event(Event::NotSent { ticket, failure: failure(Code::OutboxFull) })]);
    stage.input(Input::Connect(settings()));
    assert_eq!(contents(&stage.register()).len(), limits::OUTBOX_MESSAGES);
}

#[test]
fn taken_back_while_it_waits() {
    let mut stage = Stage::new(1);
    let tickets = ["1", "2", "3"].map(|content| stage.send(draft(content)).0);
    let not_sent = event(Event::NotSent { ticket: tickets[1], failure: failure(Code::Aborted) });
    assert_eq!(stage.cancel(tickets[1]), [not_sent, event(Event::Outbox { waiting: 2 })]);
    assert_eq!(stage.cancel(tickets[1]), []);
    stage.input(Input::Connect(settings()));
    assert_eq!(contents(&stage.register()), ["1", "3"]);
    assert_eq!(stage.cancel(tickets[0]), [], "what was sent stays sent");

    let (ticket, _) = stage.find("x");
    assert_eq!(stage.cancel(ticket), [event(Event::NotFound { ticket, failure: failure(Code::Aborted) })]);
}

#[test]
fn nobody_sends_under_another_name() {
    let mut stage = Stage::registered();
    stage.input(closed(1006));
    let (ticket, _) = stage.send(draft("1"));
    stage.input(Input::Close);
    let other = Settings { peer: Peer { name: json("\"other\""), ..Peer::default() }, ..settings() };
    stage.input(Input::Connect(other.clone()));
    stage.send(draft("2"));
    let outputs = stage.register();
    assert_eq!(contents(&outputs), ["2"]);
    assert_eq!(written(&outputs)[0].from, JsonText::from(other.peer.credential()));
    let told = events(&outputs).into_iter().find_map(|event| match event {
        Event::NotSent { ticket, failure: Failure { code, .. } } => Some((ticket, code)),
        _ => None,
    });
    assert_eq!(told, Some((ticket, Code::Closed)));
}

#[test]
fn what_a_server_would_not_take_is_refused_here() {
    let mut stage = Stage::registered();
    let register = Draft { subject: JsonText::string("register"), ..draft("1") };
    for (draft, code) in [
        (Draft { to: json("\"somebody\""), ..draft("1") }, Code::InvalidArgument),
        (register, Code::InvalidArgument),
        (draft(&format!("{:?}", "x".repeat(msr_protocol::limits::MESSAGE_BYTES))), Code::TooLarge),
    ] {
        let (ticket, outputs) = stage.send(draft);
        let [Output::Event(Event::NotSent { ticket: told, failure })] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!((*told, failure.code), (ticket, code));
    }
}

#[test]
fn what_comes_is_handed_over_or_told() {
    let mut stage = Stage::registered();
    let text = answer("test", 7, r#"{"hello":"world"}"#);
    let message = msr_client::native::read(&text).unwrap().message;
    assert_eq!(stage.input(received(&text)), [event(Event::Message(Box::new(message.into())))]);
    let broken = text.replace("world", "World");
    assert_eq!(stage.input(received(&broken)), [event(Event::Trouble(failure(Code::BadChecksum)))]);
    assert_eq!(stage.input(Input::Unreadable), [event(Event::Trouble(failure(Code::BadMessage)))]);
    for subject in ["register", "find", "query", "bye"] {
        let text = answer(subject, 7, r#"{"status":200,"originTime":7}"#);
        let message = msr_client::native::read(&text).unwrap().message;
        assert_eq!(stage.input(received(&text)), [event(Event::Message(Box::new(message.into())))], "{subject}: nobody asked");
    }
    stage.input(Input::Close);
    assert_eq!(stage.input(received(&text)), [event(Event::Trouble(failure(Code::Closed)))]);
}

#[test]
fn a_message_may_come_before_the_registration_is_answered() {
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(settings()));
    stage.open();
    let text = answer("test", 7, "1");
    let message = msr_client::native::read(&text).unwrap().message;
    assert_eq!(stage.input(received(&text)), [event(Event::Message(Box::new(message.into())))]);
}

/// The search that was written, and its timestamp.
fn search(outputs: &[Output]) -> (String, String) {
    let [Output::Transmit(request)] = outputs else { panic!("{outputs:?}") };
    let incoming = Incoming::read(request).unwrap();
    assert_eq!(incoming.subject(), Subject::Find);
    let search = Search::read(&incoming).unwrap();
    (search.spelled_keyword.into_string(), search.origin_time.into_string())
}

fn hit(origin_time: &str, name: &str, total: usize) -> Input {
    let content = format!(r#"{{"peer":{{"name":"{name}"}},"total":{total},"status":200,"originTime":{origin_time}}}"#);
    received(&answer("find", 0, &content))
}

#[test]
fn searches_are_told_apart() {
    let mut stage = Stage::registered();
    let (one, outputs) = stage.find("o\"ne");
    let (keyword, origin_one) = search(&outputs);
    assert_eq!(keyword, r#""o\"ne""#);
    let (two, outputs) = stage.find("two");
    let (_, origin_two) = search(&outputs);
    assert_ne!(origin_one, origin_two);

    assert_eq!(stage.input(hit(&origin_two, "a", 2)), []);
    let found = |ticket, names: &[&str]| {
        let peers = names.iter().map(|name| json(&format!(r#"{{"name":"{name}"}}"#))).collect();
        event(Event::Found { ticket, peers })
    };
    assert_eq!(stage.input(hit(&origin_one, "b", 1)), [found(one, &["b"])]);
    assert_eq!(stage.input(hit(&origin_two, "c", 2)), [found(two, &["a", "c"])]);
    assert_eq!(stage.input(hit(&origin_two, "c", 2)), [], "too late");
}

#[test]
fn a_search_waits_for_a_connection_and_outlives_it() {
    let mut stage = Stage::new(1);
    let (ticket, outputs) = stage.find("x");
    assert_eq!(outputs, []);
    stage.input(Input::Connect(settings()));
    let outputs = stage.register();
    search(&outputs[outputs.len() - 1..]);
    let outputs = stage.input(closed(1012));
    stage.wait(retry_in_ms(&outputs).unwrap());
    let outputs = stage.register();
    let (_, origin_time) = search(&outputs[outputs.len() - 1..]);
    let none = answer("find", 0, &format!(r#"{{"status":201,"originTime":{origin_time}}}"#));
    assert_eq!(stage.input(received(&none)), [event(Event::Found { ticket, peers: vec![] })]);
}

#[test]
fn a_search_ends() {
    let mut stage = Stage::registered();
    let (ticket, _) = stage.find("x");
    let not_found = |ticket, code| event(Event::NotFound { ticket, failure: failure(code) });
    assert_eq!(stage.wait(limits::SEARCH_TIMEOUT_MS), [not_found(ticket, Code::Timeout)]);
    let (ticket, _) = stage.find("x");
    assert_eq!(stage.input(Input::Close).last(), Some(&not_found(ticket, Code::Closed)));
    let (ticket, _) = stage.find("x");
    stage.input(Input::Connect(settings()));
    let outputs = stage.input(closed(Code::OriginRefused.close_code()));
    assert_eq!(outputs.last(), Some(&not_found(ticket, Code::OriginRefused)));
}

#[test]
fn clocks_out_of_their_minds() {
    let mut session = Session::version_1(0);
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, -0.0, f64::MIN_POSITIVE];
    for (monotonic_ms, wall_ms) in wild.iter().flat_map(|&monotonic| wild.map(|wall| (monotonic, wall))) {
        let now = Moment { monotonic_ms, wall_ms };
        session.handle_input(Input::Connect(settings()), now);
        session.send(draft("1"), now);
        session.find(json("\"x\""), now);
        session.handle_input(Input::SocketOpened { subprotocol: None }, now);
        session.handle_timeout(now);
        session.handle_input(closed(1006), now);
        assert!(session.poll_timeout().is_none_or(f64::is_finite));
        assert!(session.status().offset_ms.is_finite());
        while session.poll_output().is_some() {}
    }
}
