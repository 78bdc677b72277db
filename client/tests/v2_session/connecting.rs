//! From nothing to a registration, in either version, and what ends one.

use msr_client::{Content, Draft, Event, Input, Output, Session, Settings, State, limits};
use msr_protocol::v1::{Answer, Dialect, Incoming, RegistrationAnswer};
use msr_protocol::v2::{Frame, SUBPROTOCOL, frames};
use msr_protocol::{Code, JsonText, Peer};

use crate::stage::{SERVER, Stage, Welcome, closed, credential, draft, events, failure, frame, said, settings, settled, welcome_frame};

fn open(subprotocol: Option<&'static str>) -> Output {
    Output::OpenSocket { url: SERVER.to_owned(), subprotocol }
}

fn probed(speaks_v2: Option<bool>) -> Input {
    Input::OriginProbed { refused: false, speaks_v2 }
}

/// The answer of a server of version 1 to the registration among these.
fn version_1_answer(outputs: &[Output]) -> Input {
    let request = outputs.iter().find_map(|output| if let Output::Transmit(text) = output { Some(text) } else { None }).unwrap();
    let incoming = Incoming::read(request).unwrap();
    let origin_time = incoming.timestamp().unwrap();
    let content = RegistrationAnswer { code: Code::Done, origin_time: Some(&origin_time), process_time_ms: 0, sessid: None, peer: None };
    let content = content.content(Dialect::A);
    let answer = Answer { dialect: Dialect::A, credential: incoming.from(), subject: "register", timestamp_ms: 0, content };
    Input::Received(Box::new(msr_client::native::read(&answer.to_text()).unwrap()))
}

#[test]
fn no_server_hears_of_a_device_that_the_disk_does_not_know() {
    let mut stage = Stage::new();
    stage.keeps = false;
    assert_eq!(stage.input(Input::Connect(settings())), []);
    assert_eq!(stage.input(Input::Connect(settings())), [], "it is under way");
    assert_eq!(stage.writes.len(), 1);
    assert_eq!(stage.written(false), [open(Some(SUBPROTOCOL))]);
    assert_eq!(stage.disk.keys().collect::<Vec<_>>(), ["identity"]);

    let opened = stage.input(Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) });
    assert_eq!(opened, [Output::Event(Event::State(State::Opened))]);
    let outputs = stage.input(frame(&Frame::Challenge { nonce: [0; 32], time_ms: 0, server: "x" }));
    assert_eq!(said(&outputs), ["hello"]);
    stage.pass(40.0);
    let outputs = stage.input(welcome_frame(&Welcome::default(), 1));
    assert_eq!(outputs, [Output::Event(Event::State(State::Registered)), Output::Event(Event::Registered)]);
    let status = stage.session.status();
    assert_eq!((status.credential, status.offset_ms, status.round_trip_ms), (Some(credential()), 20.0, Some(40.0)));
}

#[test]
fn a_device_that_cannot_be_kept_still_connects() {
    let mut stage = Stage::new();
    stage.keeps = false;
    stage.input(Input::Connect(settings()));
    let outputs = stage.written(true);
    assert!(outputs.contains(&open(Some(SUBPROTOCOL))), "{outputs:?}");
    assert!(matches!(events(&outputs)[..], [Event::Trouble(_)]), "{outputs:?}");
}

#[test]
fn the_same_device_comes_back() {
    let stage = Stage::registered();
    let mut again = Stage::with(stage.disk);
    again.input(Input::Connect(settings()));
    let (_, queue_epoch, handled) = again.hello();
    assert_eq!((queue_epoch, handled), (Some(3), 0));
}

#[test]
fn a_server_of_version_1_is_spoken_to_in_version_1() {
    let mut stage = Stage::new();
    let (first, _) = stage.send(draft("1"));
    let (bytes, _) = stage.send(Draft { content: Content::Bytes(vec![1]), ..draft("1") });
    stage.input(Input::Connect(settings()));
    assert_eq!(stage.disk.len(), 3);
    let outputs = stage.input(closed(1006));
    assert!(matches!(outputs[..], [Output::ProbeOrigin { .. }]), "{outputs:?}");
    let at_once = stage.input(probed(Some(false)));
    assert_eq!([at_once, stage.wait(limits::ATTEMPT_INTERVAL_MS)].concat(), [open(None)]);

    let outputs = stage.input(Input::SocketOpened { subprotocol: None });
    let outputs = stage.input(version_1_answer(&outputs));
    assert_eq!(settled(&outputs), [(first, Ok(0)), (bytes, Err(Code::InvalidArgument))]);
    assert_eq!(stage.disk.len(), 1, "nothing of it is kept any longer");
    assert_eq!(settled(&stage.send(draft("2")).1), [(msr_client::Ticket(3), Ok(0))]);

    stage.input(closed(1012));
    assert_eq!(stage.wait(2.0 * limits::BACKOFF_BASE_MS), [open(Some(SUBPROTOCOL))], "it may have learned");
}

#[test]
fn a_server_that_takes_no_subprotocol_and_does_not_mind() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let outputs = stage.input(Input::SocketOpened { subprotocol: None });
    let outputs = stage.input(version_1_answer(&outputs));
    assert_eq!(events(&outputs).last(), Some(&Event::Registered));
}

#[test]
fn where_nothing_can_be_learned_both_are_tried_and_a_guess_is_looked_into() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    stage.input(closed(1006));
    stage.input(probed(None));
    assert_eq!(stage.wait(limits::BACKOFF_BASE_MS), [open(None)]);
    stage.input(closed(1006));
    assert_eq!(stage.wait(2.0 * limits::BACKOFF_BASE_MS), [open(Some(SUBPROTOCOL))]);
    stage.input(closed(1006));
    assert_eq!(stage.wait(4.0 * limits::BACKOFF_BASE_MS), [open(None)]);
    let outputs = stage.input(Input::SocketOpened { subprotocol: None });
    let outputs = stage.input(version_1_answer(&outputs));
    assert!(matches!(outputs.last(), Some(Output::ProbeOrigin { .. })), "{outputs:?}");
    let (_, outputs) = stage.send(draft("1"));
    assert_eq!(settled(&outputs), [], "nothing is written on a guess");
    let outputs = stage.input(probed(Some(true)));
    assert_eq!(outputs[0], Output::CloseSocket { code: 1012 });
    assert_eq!(stage.wait(8.0 * limits::BACKOFF_BASE_MS), [open(Some(SUBPROTOCOL))]);
}

#[test]
fn what_waits_is_written_on_a_guess_when_nothing_better_is_known() {
    let mut stage = Stage::new();
    let (ticket, _) = stage.send(draft("1"));
    stage.input(Input::Connect(settings()));
    stage.input(closed(1006));
    stage.input(probed(None));
    stage.wait(limits::BACKOFF_BASE_MS);
    let outputs = stage.input(Input::SocketOpened { subprotocol: None });
    let outputs = stage.input(version_1_answer(&outputs));
    assert_eq!(settled(&outputs), []);
    assert_eq!(settled(&stage.input(probed(None))), [(ticket, Ok(0))]);
}

#[test]
fn a_device_that_was_served_in_version_2_does_not_guess() {
    let stage = Stage::registered();
    let mut again = Stage::with(stage.disk);
    again.input(Input::Connect(settings()));
    let mut outputs = Vec::new();
    for _ in 0..20 {
        outputs.extend(again.input(closed(1006)));
        outputs.extend(again.input(probed(None)));
        outputs.extend(again.wait(limits::BACKOFF_CAP_MS));
    }
    let offers = |offer: Output| outputs.iter().filter(|output| **output == offer).count();
    assert!(offers(open(Some(SUBPROTOCOL))) >= 10, "{outputs:?}");
    assert_eq!(offers(open(None)), 0);
}

#[test]
fn a_device_that_was_displaced_does_not_fight_back() {
    let mut stage = Stage::registered();
    let outputs = stage.input(closed(Code::Displaced.close_code()));
    assert!(events(&outputs).contains(&Event::Refused(failure(Code::Displaced))), "{outputs:?}");
    assert_eq!(stage.session.poll_timeout(), None);
}

#[test]
fn what_a_server_refuses() {
    for code in [Code::InvalidRegistration, Code::GoingAway] {
        let mut stage = Stage::new();
        stage.input(Input::Connect(settings()));
        stage.hello();
        let outputs = stage.input(frame(&Frame::Refused { code: code.number(), reason: "why" }));
        let is_final = events(&outputs).iter().any(|event| matches!(event, Event::Refused(failure) if failure.detail == "why"));
        assert_eq!(is_final, code == Code::InvalidRegistration, "{outputs:?}");
    }
}

#[test]
fn silence_ends_a_connection() {
    let mut stage = Stage::registered();
    assert_eq!(said(&stage.wait(10_000.0)), ["ping"]);
    stage.input(frame(&Frame::Pong { origin_time_ms: stage.now.wall_ms as i64, receive_time_ms: stage.now.wall_ms as i64 }));
    assert_eq!(stage.session.status().round_trip_ms, Some(0.0));
    let outputs = stage.wait(20_000.0);
    assert!(outputs.contains(&Output::CloseSocket { code: Code::Silent.close_code() }), "{outputs:?}");
}

#[test]
fn after_a_wake_it_is_known_soon() {
    let mut stage = Stage::registered();
    assert_eq!(said(&stage.input(Input::Wake)), ["ping"]);
    let outputs = stage.wait(limits::WAKE_TIMEOUT_MS);
    assert!(outputs.contains(&Output::CloseSocket { code: Code::Silent.close_code() }), "{outputs:?}");
}

#[test]
fn good_bye() {
    let mut stage = Stage::registered();
    let outputs = stage.input(Input::Bye);
    assert_eq!(said(&outputs[..1]), ["bye"]);
    assert_eq!(outputs[1], Output::CloseSocket { code: 1000 });
}

#[test]
fn what_breaks_the_rules_of_the_wire_ends_the_connection() {
    for bytes in [vec![0xee, 0, 0, 0], vec![0x05, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], vec![0x20, 1, 0, 0, 7], vec![1]] {
        let mut stage = Stage::registered();
        let outputs = stage.input(Input::FrameReceived(bytes));
        assert_eq!(events(&outputs)[0], Event::Trouble(failure(Code::BadMessage)));
        assert!(outputs.contains(&Output::CloseSocket { code: 4400 }), "{outputs:?}");
        assert_eq!(stage.session.status().state, State::Closed);
    }
}

#[test]
fn another_peer_leaves_what_waits_to_the_one_that_wrote_it() {
    let mut stage = Stage::new();
    stage.input(Input::Connect(settings()));
    let (ticket, _) = stage.send(draft("1"));
    stage.input(Input::Close);
    let disk = std::mem::take(&mut stage.disk);
    let other = Settings { peer: Peer { name: JsonText::string("other"), ..Peer::default() }, ..settings() };
    let outputs = stage.input(Input::Connect(other));
    assert_eq!(settled(&outputs), [(ticket, Err(Code::Closed))]);
    assert_eq!(outputs.last(), Some(&open(Some(SUBPROTOCOL))));
    assert_eq!(stage.disk.len(), 1, "another device altogether");

    let mut again = Stage::with(disk);
    let outputs = again.input(Input::Connect(settings()));
    assert!(matches!(events(&outputs)[..], [Event::Restored { .. }]), "{outputs:?}");
    assert_eq!(said(&again.register(Welcome::default())), ["send 1"]);
}

#[test]
fn searches_and_devices() {
    let mut stage = Stage::registered();
    let ticket = stage.session.find(JsonText::string("who \"is\""), stage.now);
    let outputs = stage.input(Input::Wake);
    let Output::TransmitFrames(bytes) = &outputs[0] else { panic!("{outputs:?}") };
    let Some(Ok(Frame::Find { ticket: number, keyword })) = frames(bytes).next() else { panic!() };
    assert_eq!(keyword, "who \"is\"");
    let peers = msr_protocol::v2::List(vec!["{\"name\":1}", "{\"name\":1},{}", "1"]);
    let outputs = stage.input(frame(&Frame::Found { ticket: number, peers }));
    let peers = vec![JsonText::from_spelled("{\"name\":1}".to_owned())];
    assert_eq!(events(&outputs), [Event::Found { ticket, peers }], "what is no object is left out");
    assert_eq!(said(&stage.input(Input::Retire([1; 16]))), ["retire"]);
}

#[test]
fn a_session_that_speaks_version_1_alone_keeps_nothing() {
    let mut session = Session::version_1(1);
    let now = msr_client::Moment { monotonic_ms: 0.0, wall_ms: 0.0 };
    session.handle_input(Input::Connect(settings()), now);
    assert_eq!(session.poll_output(), Some(open(None)));
    assert_eq!(session.poll_output(), None);
}
