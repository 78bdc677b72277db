//! The state machine, row by row, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use msr_client::{Event, Failure, Input, Output, Settings, State, limits};
use msr_protocol::v1::{Incoming, Subject};
use msr_protocol::{Code, Disposition, Peer};

use stage::{SERVER, Stage, answer, closed, credential, events, failure, received, registration_answer, retry_in_ms, settings};

fn open() -> Output {
    Output::OpenSocket { url: SERVER.to_owned(), subprotocol: None }
}

fn event(event: Event) -> Output {
    Output::Event(event)
}

fn lost(code: u16, reason: &str, retry_in_ms: Option<f64>) -> Output {
    event(Event::Lost { code, reason: reason.to_owned(), retry_in_ms })
}

#[test]
fn connect_registers() {
    let mut stage = Stage::new(1);
    assert_eq!(stage.session.poll_timeout(), None);
    assert_eq!(stage.input(Input::Connect(settings())), [open()]);
    assert_eq!(stage.input(Input::Connect(settings())), [], "it is under way");
    let request = stage.open();
    let incoming = Incoming::read(&request).unwrap();
    assert_eq!((incoming.subject(), incoming.from()), (Subject::Register, Some(credential())));
    let answer = registration_answer(&request, Code::Done, 1_699_999_000_000);
    stage.pass(40.0);
    assert_eq!(stage.input(received(&answer)), [event(Event::State(State::Registered)), event(Event::Registered)]);
    let status = stage.session.status();
    assert_eq!((status.credential, status.offset_ms, status.round_trip_ms), (Some(credential()), 1_000_020.0, Some(40.0)));
    assert_eq!(stage.session.poll_timeout(), None);
    assert_eq!(stage.input(Input::Connect(settings())), [event(Event::Registered)], "it is connected");
    assert_eq!(stage.input(Input::Wake), []);
}

#[test]
fn a_server_that_is_none_is_refused_at_once() {
    let mut stage = Stage::new(1);
    let outputs = stage.input(Input::Connect(Settings { server: "relay.example".to_owned(), ..settings() }));
    let [Output::Event(Event::Refused(Failure { code, .. }))] = outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(stage.input(Input::Connect(settings())), [open()], "another try, with another server");
}

#[test]
fn nobody_answers_in_time() {
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(settings()));
    stage.pass(limits::CONNECT_TIMEOUT_MS);
    stage.session.handle_timeout(stage.now);
    assert_eq!(stage.session.poll_output(), Some(Output::CloseSocket { code: 4551 }));
    let outputs = stage.wait(limits::BACKOFF_BASE_MS);
    assert_eq!(retry_in_ms(&outputs).map(|wait| wait <= limits::BACKOFF_BASE_MS), Some(true));
    assert_eq!(outputs.last(), Some(&open()));

    stage.open();
    let outputs = stage.wait(limits::REGISTRATION_TIMEOUT_MS);
    assert_eq!(outputs[..2], [Output::CloseSocket { code: 4551 }, event(Event::State(State::Closed))]);
    assert!(retry_in_ms(&outputs).is_some());
}

#[test]
fn a_connection_that_does_not_open_asks_why_now_and_then() {
    let mut stage = Stage::new(3);
    stage.input(Input::Connect(settings()));
    let mut probes = Vec::new();
    for failures in 1..=20 {
        let mut outputs = stage.input(closed(1006));
        if outputs == [Output::ProbeOrigin { url: "http://127.0.0.1:55688/origin".to_owned() }] {
            probes.push(failures);
            outputs = stage.input(Input::OriginProbed { refused: false, speaks_v2: None });
        }
        assert_eq!(stage.wait(retry_in_ms(&outputs).unwrap()), [open()]);
    }
    assert_eq!(probes, [1, 9, 17]);
}

#[test]
fn a_refused_origin_is_refused_for_good() {
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(settings()));
    stage.input(closed(1006));
    assert_eq!(stage.input(Input::OriginProbed { refused: true, speaks_v2: None }), [event(Event::Refused(failure(Code::OriginRefused)))]);
    assert_eq!(stage.session.poll_timeout(), None);
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_another() {
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(settings()));
    stage.input(closed(1006));
    assert!(retry_in_ms(&stage.wait(limits::PROBE_TIMEOUT_MS)).is_some(), "no answer is no refusal");
    stage.input(Input::Close);
    stage.input(Input::Connect(settings()));
    stage.input(closed(1006));
    assert_eq!(stage.input(Input::OriginProbed { refused: true, speaks_v2: None }), [], "of the server before");
    assert!(retry_in_ms(&stage.input(Input::OriginProbed { refused: false, speaks_v2: None })).is_some());
}

#[test]
fn what_the_server_answers_decides() {
    for &code in Code::ALL {
        let mut stage = Stage::new(1);
        stage.input(Input::Connect(settings()));
        let request = stage.open();
        let outputs = stage.input(received(&registration_answer(&request, code, 0)));
        let (first, last) = (outputs.first().unwrap(), outputs.last().unwrap());
        match code.disposition() {
            _ if code == Code::Done => assert_eq!(last, &event(Event::Registered)),
            Disposition::Done => assert_eq!(outputs, [event(Event::Trouble(failure(Code::BadMessage)))]),
            Disposition::Final => {
                assert_eq!(first, &Output::CloseSocket { code: 1000 });
                assert_eq!(last, &event(Event::Refused(failure(code))));
            }
            Disposition::Retry => {
                assert_eq!(first, &Output::CloseSocket { code: code.close_code() });
                assert!(retry_in_ms(&outputs).is_some());
            }
        }
    }
}

#[test]
fn what_the_server_closes_with_decides() {
    for (code, is_registered) in Code::ALL.iter().flat_map(|&code| [(code, false), (code, true)]) {
        let mut stage = Stage::new(1);
        stage.input(Input::Connect(settings()));
        if is_registered {
            stage.register();
        } else {
            stage.open();
        }
        let outputs = stage.input(closed(code.close_code()));
        match code.disposition() {
            Disposition::Final => {
                assert_eq!(outputs, [event(Event::State(State::Closed)), event(Event::Refused(failure(code)))]);
                assert_eq!(stage.session.poll_timeout(), None);
            }
            Disposition::Done | Disposition::Retry => assert!(retry_in_ms(&outputs).is_some(), "{code:?}"),
        }
    }
    for code in [0, 1000, 1001, 1005, 1006, 1011, 3000, 4000, 4999, u16::MAX] {
        assert!(retry_in_ms(&Stage::registered().input(closed(code))).is_some(), "{code}");
    }
}

#[test]
fn the_words_of_the_server_are_passed_on() {
    let mut stage = Stage::registered();
    let outputs = stage.input(Input::SocketClosed { code: 4402, reason: "twice".to_owned() });
    let refusal = Failure { code: Code::DuplicateRegistration, detail: "twice".to_owned() };
    assert_eq!(outputs.last(), Some(&event(Event::Refused(refusal))));
}

#[test]
fn without_autoreconnect_the_first_failure_is_the_last() {
    let once = Settings { autoreconnect: false, ..settings() };
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(once.clone()));
    stage.input(closed(1006));
    assert_eq!(stage.input(Input::OriginProbed { refused: false, speaks_v2: None }), [event(Event::Refused(failure(Code::Unreachable)))]);

    stage.input(Input::Connect(once));
    stage.register();
    assert_eq!(stage.input(closed(1012)), [event(Event::State(State::Closed)), lost(1012, "", None)]);
    assert_eq!(stage.session.poll_timeout(), None);
}

#[test]
fn autoreconnect_can_be_switched_off_while_waiting() {
    let mut stage = Stage::registered();
    stage.input(closed(1006));
    let outputs = stage.input(Input::Configure(Settings { autoreconnect: false, ..settings() }));
    assert_eq!(outputs, [lost(1006, "", None)]);
    assert_eq!(stage.session.poll_timeout(), None);
}

#[test]
fn settings_are_for_the_next_attempt() {
    let other = Settings { peer: Peer { publish: true, name: stage::json("\"other\""), ..Peer::default() }, ..settings() };
    let mut stage = Stage::registered();
    assert_eq!(stage.input(Input::Configure(other.clone())), []);
    assert_eq!(stage.session.status().credential, Some(credential()));
    stage.input(closed(1006));
    stage.wait(limits::BACKOFF_BASE_MS);
    stage.register();
    assert_eq!(stage.session.status().credential, Some(other.peer.credential()));
}

#[test]
fn a_wake_ends_the_wait_but_does_not_spin() {
    let mut stage = Stage::registered();
    let started = stage.now.monotonic_ms;
    stage.input(closed(1006));
    assert_eq!(stage.input(Input::Wake), [], "the attempt before began just now");
    assert!(stage.session.poll_timeout() <= Some(started + limits::ATTEMPT_INTERVAL_MS));
    stage.pass(limits::ATTEMPT_INTERVAL_MS);
    assert_eq!(stage.input(Input::Wake), [open()]);
    assert_eq!(stage.input(Input::Wake), []);

    for round in 0..50 {
        stage.input(closed(1006));
        stage.input(Input::OriginProbed { refused: false, speaks_v2: None });
        let before = stage.now.monotonic_ms;
        let attempts = [stage.input(Input::Wake), stage.wait(limits::ATTEMPT_INTERVAL_MS)].concat();
        assert_eq!(attempts, [open()], "{round}");
        assert!(stage.now.monotonic_ms - before <= limits::ATTEMPT_INTERVAL_MS);
    }
}

#[test]
fn waits_grow_while_registrations_do_not_last() {
    let longest_after = |lasting_ms: f64| {
        let mut longest = 0.0_f64;
        for seed in 0..20 {
            let mut stage = Stage::new(seed);
            stage.input(Input::Connect(settings()));
            for _ in 0..10 {
                stage.register();
                stage.pass(lasting_ms);
                let wait = retry_in_ms(&stage.input(closed(1006))).unwrap();
                longest = longest.max(wait);
                assert_eq!(stage.wait(wait).last(), Some(&open()));
            }
        }
        longest
    };
    assert!(longest_after(limits::LASTED_MS + 1.0) <= limits::BACKOFF_BASE_MS);
    assert!(longest_after(0.0) > 20.0 * limits::BACKOFF_BASE_MS);
}

#[test]
fn close_and_good_bye() {
    let mut stage = Stage::registered();
    let outputs = stage.input(Input::Bye);
    let [Output::Transmit(bye), rest @ ..] = &outputs[..] else { panic!("{outputs:?}") };
    let incoming = Incoming::read(bye).unwrap();
    assert_eq!((incoming.subject(), incoming.content().get()), (Subject::Bye, "{}"));
    assert_eq!(rest, [Output::CloseSocket { code: 1000 }, event(Event::State(State::Closed))]);
    assert_eq!(stage.input(Input::Bye), []);
    assert_eq!(stage.input(Input::Close), []);

    stage.input(Input::Connect(settings()));
    let refused = event(Event::Refused(failure(Code::Closed)));
    assert_eq!(stage.input(Input::Close), [Output::CloseSocket { code: 1000 }, refused.clone()]);
    stage.input(Input::Connect(settings()));
    stage.open();
    let outputs = stage.input(Input::Bye);
    assert_eq!(outputs, [Output::CloseSocket { code: 1000 }, event(Event::State(State::Closed)), refused]);
    assert_eq!(stage.session.poll_timeout(), None);
}

#[test]
fn an_answer_with_a_broken_checksum_registers_nobody() {
    let mut stage = Stage::new(1);
    stage.input(Input::Connect(settings()));
    let request = stage.open();
    let answer = registration_answer(&request, Code::Done, 7).replace("\"timestamp\":7", "\"timestamp\":8");
    assert_eq!(stage.input(received(&answer)), [event(Event::Trouble(failure(Code::BadChecksum)))]);
    assert_eq!(stage.session.status().state, State::Opened);
}

#[test]
fn delays_that_differ_bend_the_offset_by_half_their_difference() {
    const AHEAD_MS: f64 = 123_456.0;
    for (there_ms, back_ms) in [(0.0, 0.0), (50.0, 50.0), (300.0, 10.0), (10.0, 300.0), (0.0, 5_000.0)] {
        let mut stage = Stage::new(1);
        stage.input(Input::Connect(settings()));
        let request = stage.open();
        stage.pass(there_ms);
        let answer = registration_answer(&request, Code::Done, (stage.now.wall_ms - AHEAD_MS) as i64);
        stage.pass(back_ms);
        stage.input(received(&answer));
        let status = stage.session.status();
        assert_eq!(status.round_trip_ms, Some(there_ms + back_ms));
        assert!((status.offset_ms - AHEAD_MS).abs() <= (there_ms - back_ms).abs() / 2.0 + 1.0, "{there_ms} {back_ms}: {status:?}");
    }
}

#[test]
fn an_origin_time_that_is_misspelt_or_missing_gives_a_finite_offset() {
    for content in [
        r#"{"status":1,"orginTime":1700000000000}"#,
        r#"{"status":1}"#,
        r#"{"status":1,"originTime":"yesterday"}"#,
        r#"{"status":200,"originTime":1e308,"processTime":-1e308}"#,
    ] {
        let mut stage = Stage::new(1);
        stage.input(Input::Connect(settings()));
        stage.open();
        let server_ms = stage.now.wall_ms as i64 - 2_000;
        stage.pass(100.0);
        let outputs = stage.input(received(&answer("register", server_ms, content)));
        assert_eq!(events(&outputs).last(), Some(&Event::Registered), "{content}");
        assert_eq!(stage.session.status().offset_ms, 2_050.0, "{content}");
    }
}
