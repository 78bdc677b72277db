//! Any sequence of inputs, sensible or not: what the session promises holds after each of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stage;

use std::collections::BTreeMap;

use msr_client::{Draft, Event, Input, Moment, Output, Session, Settings, State, Ticket};
use msr_protocol::v1::{Incoming, Subject};
use msr_protocol::{Code, JsonText, Peer};
use proptest::prelude::*;

use stage::{answer, json, received};

/// Something done to a session, with how far both clocks move before it.
#[derive(Debug, Clone)]
enum Step {
    Connect(Settings),
    Configure(Settings),
    Close,
    Bye,
    Wake,
    SocketOpened,
    SocketClosed(u16),
    /// An answer to the last registration or search that was written, if one was.
    Answer {
        status: f64,
        total: Option<f64>,
        echoes: bool,
        fits: bool,
    },
    Message {
        subject: &'static str,
        fits: bool,
    },
    Unreadable,
    OriginProbed(bool),
    Send {
        expire_after_ms: Option<f64>,
        realtime: bool,
        content: &'static str,
    },
    Find(&'static str),
    Cancel(u32),
    Timeout,
    /// Until the session wants to be called.
    Due,
    /// All that it takes to be registered, where nothing else stands against it.
    Register(Settings),
}

fn settings() -> impl Strategy<Value = Settings> {
    let server = prop_oneof![20 => Just("ws://a"), 4 => Just("wss://b:1/c"), 1 => Just(""), 1 => Just("http://d")];
    let name = prop_oneof![4 => Just("\"\""), 1 => Just("\"other\"")];
    (server, name, any::<bool>()).prop_map(|(server, name, autoreconnect)| {
        let peer = Peer { name: json(name), ..Peer::default() };
        Settings { server: server.to_owned(), peer, device: String::new(), autoreconnect }
    })
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), 0.0..5_000.0]
}

fn close_code() -> impl Strategy<Value = u16> {
    prop_oneof![2 => any::<u16>(), 4 => Just(1006), 2 => Just(1012), 1 => Just(4401), 1 => Just(4403)]
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![20 => Just(200.0), 4 => Just(1.0), 2 => Just(201.0), 1 => Just(403.0), 1 => Just(401.0), 1 => number()];
    let total = prop_oneof![2 => Just(None), 4 => Just(Some(1.0)), 2 => Just(Some(2.0)), 1 => number().prop_map(Some)];
    let fits = || prop_oneof![9 => Just(true), 1 => Just(false)];
    let subject = prop_oneof![Just("test"), Just("register"), Just("find"), Just("bye")];
    let content = prop_oneof![4 => Just("1"), 1 => Just("{\"a\":\"\\ud800\"}"), 1 => Just("")];
    prop_oneof![
        3 => settings().prop_map(Step::Connect),
        1 => settings().prop_map(Step::Configure),
        1 => Just(Step::Close),
        1 => Just(Step::Bye),
        2 => Just(Step::Wake),
        6 => Just(Step::SocketOpened),
        2 => close_code().prop_map(Step::SocketClosed),
        8 => (status, total, fits(), fits()).prop_map(|(status, total, echoes, fits)| Step::Answer { status, total, echoes, fits }),
        2 => (subject, fits()).prop_map(|(subject, fits)| Step::Message { subject, fits }),
        1 => Just(Step::Unreadable),
        3 => prop_oneof![4 => Just(false), 1 => Just(true)].prop_map(Step::OriginProbed),
        4 => (proptest::option::of(0.0..1e10_f64), any::<bool>(), content)
            .prop_map(|(expire_after_ms, realtime, content)| Step::Send { expire_after_ms, realtime, content }),
        2 => prop_oneof![6 => Just("\"x\""), 1 => Just("1"), 1 => Just("")].prop_map(Step::Find),
        1 => (0..30_u32).prop_map(Step::Cancel),
        1 => Just(Step::Timeout),
        4 => Just(Step::Due),
        4 => settings().prop_map(Step::Register),
    ]
}

/// How the clocks of a driver move, or seem to.
fn clocks() -> impl Strategy<Value = (f64, f64)> {
    let small = || 0.0..300.0;
    let wild = || prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), -1e12..1e12];
    prop_oneof![8 => (small(), small()), 1 => (small(), wild()), 1 => (wild(), small())]
}

/// A session, and what was promised about it.
struct Checked {
    session: Session,
    now: Moment,
    has_socket: bool,
    request: Option<String>,
    state: State,
    is_awaited: bool,
    open: BTreeMap<Ticket, bool>,
    last_sent: Ticket,
    waiting: usize,
}

impl Checked {
    fn step(&mut self, step: Step) {
        match step {
            Step::Connect(settings) => {
                self.is_awaited = true;
                self.input(Input::Connect(settings));
            }
            Step::Configure(settings) => self.input(Input::Configure(settings)),
            Step::Close => self.input(Input::Close),
            Step::Bye => self.input(Input::Bye),
            Step::Wake => self.input(Input::Wake),
            Step::SocketOpened => self.input(Input::SocketOpened { subprotocol: None }),
            Step::SocketClosed(code) => {
                self.has_socket = false;
                self.input(Input::SocketClosed { code, reason: String::new() });
            }
            Step::Answer { status, total, echoes, fits } => self.answer(status, total, echoes, fits),
            Step::Message { subject, fits } => self.received(&answer(subject, 7, "{\"a\":1}"), fits),
            Step::Unreadable => self.input(Input::Unreadable),
            Step::OriginProbed(refused) => self.input(Input::OriginProbed { refused, speaks_v2: None }),
            Step::Send { expire_after_ms, realtime, content } => {
                let (to, subject) = (json("[\"a\"]"), JsonText::string("test"));
                let content = JsonText::from_spelled(content.to_owned());
                let ticket = self.session.send(Draft { expire_after_ms, realtime, ..Draft::new(to, subject, content) }, self.now);
                assert_eq!(self.open.insert(ticket, false), None);
            }
            Step::Find(keyword) => {
                let ticket = self.session.find(JsonText::from_spelled(keyword.to_owned()), self.now);
                assert_eq!(self.open.insert(ticket, true), None);
            }
            Step::Cancel(ticket) => self.session.cancel(Ticket(ticket), self.now),
            Step::Timeout => self.session.handle_timeout(self.now),
            Step::Due => self.due(),
            Step::Register(settings) => {
                self.step(Step::Connect(settings));
                self.step(Step::Due);
                self.step(Step::SocketOpened);
                self.step(Step::Answer { status: 1.0, total: None, echoes: true, fits: true });
            }
        }
        self.drain();
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(input, self.now);
    }

    fn due(&mut self) {
        if let Some(deadline_ms) = self.session.poll_timeout() {
            // As a driver without a finer timer: never too early.
            self.now.monotonic_ms = deadline_ms.max(if self.now.monotonic_ms.is_nan() { 0.0 } else { self.now.monotonic_ms });
            self.session.handle_timeout(self.now);
        }
    }

    fn answer(&mut self, status: f64, total: Option<f64>, echoes: bool, fits: bool) {
        let Some(request) = &self.request else { return };
        let incoming = Incoming::read(request).unwrap();
        let subject = match incoming.subject() {
            Subject::Register => "register",
            Subject::Find => "find",
            Subject::Bye | Subject::Other => return,
        };
        let origin = if echoes { incoming.timestamp().unwrap().into_string() } else { "7".to_owned() };
        // What is no JSON number is null, as JavaScript has it.
        let number = |value: f64| if value.is_finite() { format!("{value:e}") } else { "null".to_owned() };
        let total = total.map_or_else(|| "null".to_owned(), number);
        let content = format!(r#"{{"status":{},"originTime":{origin},"total":{total},"peer":{{}},"processTime":{total}}}"#, number(status));
        self.received(&answer(subject, 7, &content), fits);
    }

    fn received(&mut self, text: &str, fits: bool) {
        let text = if fits { text.to_owned() } else { text.replace("\"timestamp\":7", "\"timestamp\":8") };
        self.input(received(&text));
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::OpenSocket { .. } => {
                    assert!(!self.has_socket, "a second socket");
                    self.has_socket = true;
                }
                Output::CloseSocket { code } => {
                    assert!(self.has_socket, "no socket to close");
                    assert!(code == 1000 || (4000..5000).contains(&code));
                    self.has_socket = false;
                }
                Output::Transmit(text) => {
                    assert!(self.has_socket, "no socket to write to");
                    assert!(Incoming::read(&text).is_ok(), "{text}");
                    self.request = Some(text);
                }
                Output::ProbeOrigin { url } => assert!(!self.has_socket && url.ends_with("/origin")),
                Output::Event(event) => self.told(event),
                Output::TransmitFrames(_)
                | Output::Restore { .. }
                | Output::Persist { .. }
                | Output::Prove { .. }
                | Output::Seal { .. }
                | Output::Unseal { .. }
                | Output::Open { .. }
                | Output::Keys(_)
                | Output::LateHandled { .. } => panic!("this is version 1"),
            }
        }
        let status = self.session.status();
        assert_eq!((status.state, status.waiting), (self.state, self.waiting));
        assert_eq!(status.credential.is_some(), self.state == State::Registered);
        assert!(status.offset_ms.is_finite() && status.round_trip_ms.is_none_or(|ms| ms.is_finite() && ms >= 0.0));
        assert!(self.session.poll_timeout().is_none_or(f64::is_finite));
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::State(state) => {
                let can_be = match self.state {
                    State::Closed => state == State::Opened,
                    State::Opened => state != State::Opened,
                    State::Registered => state == State::Closed,
                };
                assert!(can_be, "{state:?} after {:?}", self.state);
                self.state = state;
            }
            Event::Registered => {
                assert_eq!(self.state, State::Registered);
                self.is_awaited = false;
            }
            Event::Refused(_) => {
                assert_eq!(self.state, State::Closed);
                self.is_awaited = false;
            }
            Event::Sent { ticket, .. } => {
                self.settle(ticket, false);
                assert!(self.last_sent < ticket, "out of order");
                self.last_sent = ticket;
            }
            Event::NotSent { ticket, .. } => self.settle(ticket, false),
            Event::Found { ticket, .. } | Event::NotFound { ticket, .. } => self.settle(ticket, true),
            Event::Outbox { waiting } => {
                assert_ne!(waiting, self.waiting);
                self.waiting = waiting;
            }
            Event::Accepted { .. }
            | Event::Receipt(_)
            | Event::Reply { .. }
            | Event::NoReply { .. }
            | Event::Restored { .. }
            | Event::Gap
            | Event::Devices { .. } => panic!("this is version 1"),
            Event::Lost { retry_in_ms, .. } => assert!(retry_in_ms.is_none_or(|wait| (0.0..=30_000.0).contains(&wait))),
            Event::Message(_) | Event::Trouble(_) => {}
        }
    }

    fn settle(&mut self, ticket: Ticket, is_search: bool) {
        assert_eq!(self.open.remove(&ticket), Some(is_search), "{ticket:?} is settled twice, or never was");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn promises_hold_whatever_happens(seed: u64, steps in proptest::collection::vec((step(), clocks()), 1..120)) {
        let mut checked = Checked {
            session: Session::version_1(seed),
            now: Moment { monotonic_ms: 0.0, wall_ms: 1e12 },
            has_socket: false,
            request: None,
            state: State::Closed,
            is_awaited: false,
            open: BTreeMap::new(),
            last_sent: Ticket(0),
            waiting: 0,
        };
        for (step, (monotonic_ms, wall_ms)) in steps {
            let before = checked.now;
            checked.now = Moment { monotonic_ms: before.monotonic_ms + monotonic_ms, wall_ms: before.wall_ms + wall_ms };
            checked.step(step);
            // What a driver said once does not spoil what it says next.
            checked.now.monotonic_ms = if checked.now.monotonic_ms.is_finite() { checked.now.monotonic_ms } else { before.monotonic_ms };
            checked.now.wall_ms = if checked.now.wall_ms.is_finite() { checked.now.wall_ms } else { before.wall_ms };
        }

        checked.step(Step::Close);
        assert!(!checked.has_socket && !checked.is_awaited, "closed");
        assert!(checked.open.values().all(|&is_search| !is_search), "searches end with a close");
        for _ in 0..100 {
            checked.step(Step::Due);
        }
        assert!(checked.open.is_empty(), "every message is settled when its time is up: {:?}", checked.open);
        assert_eq!(checked.session.poll_timeout(), None);
    }
}

#[test]
fn every_code_can_be_told() {
    for &code in Code::ALL {
        assert_eq!(msr_client::Failure::from(code).to_string(), format!("{} ({})", code.reason(), code.number()));
    }
}
