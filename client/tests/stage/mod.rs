//! One session in virtual time, with the answers a server gives.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use msr_client::native::read;
use msr_client::{Draft, Event, Failure, Input, Moment, Output, Session, Settings, State, Ticket};
use msr_protocol::v1::{Answer, Dialect, Incoming, RegistrationAnswer};
use msr_protocol::{Code, Credential, JsonText, Peer, spell};

pub const SERVER: &str = "ws://127.0.0.1:55688";

pub fn settings() -> Settings {
    Settings { server: SERVER.to_owned(), peer: Peer::default(), device: String::new(), autoreconnect: true }
}

pub fn credential() -> Credential {
    Peer::default().credential()
}

pub fn json(text: &str) -> JsonText {
    spell(text).unwrap()
}

pub fn draft(content: &str) -> Draft {
    let (to, subject) = (JsonText::array_of_one(credential()), JsonText::string("test"));
    Draft::new(to, subject, json(content))
}

/// A text message from the server.
pub fn received(text: &str) -> Input {
    Input::Received(Box::new(read(text).unwrap()))
}

/// What a server says to whoever is registered.
pub fn answer(subject: &'static str, timestamp_ms: i64, content: &str) -> String {
    let (dialect, content) = (Dialect::A, json(content));
    Answer { dialect, credential: Some(credential()), subject, timestamp_ms, content }.to_text()
}

/// The answer to a registration.
pub fn registration_answer(request: &str, code: Code, timestamp_ms: i64) -> String {
    let incoming = Incoming::read(request).unwrap();
    let origin_time = incoming.timestamp().unwrap();
    let content =
        RegistrationAnswer { code, origin_time: Some(&origin_time), process_time_ms: 0, sessid: None, peer: None }.content(Dialect::A);
    Answer { dialect: Dialect::A, credential: incoming.from(), subject: "register", timestamp_ms, content }.to_text()
}

pub fn closed(code: u16) -> Input {
    Input::SocketClosed { code, reason: String::new() }
}

pub fn failure(code: Code) -> Failure {
    Failure::from(code)
}

/// A session and its clocks: what it says is drained after each call.
pub struct Stage {
    pub session: Session,
    pub now: Moment,
}

impl Stage {
    pub fn new(seed: u64) -> Self {
        Self { session: Session::version_1(seed), now: Moment { monotonic_ms: 5_000.0, wall_ms: 1_700_000_000_000.0 } }
    }

    /// A session that is registered, at a server whose clock agrees.
    pub fn registered() -> Self {
        let mut stage = Self::new(1);
        stage.input(Input::Connect(settings()));
        stage.register();
        assert_eq!(stage.session.status().state, State::Registered);
        stage
    }

    /// From an `OpenSocket` on; all that was said afterwards.
    pub fn register(&mut self) -> Vec<Output> {
        let request = self.open();
        let answer = registration_answer(&request, Code::Done, self.now.wall_ms as i64);
        self.input(received(&answer))
    }

    /// The socket opens; gives the registration.
    pub fn open(&mut self) -> String {
        let outputs = self.input(Input::SocketOpened { subprotocol: None });
        let [Output::Event(Event::State(State::Opened)), Output::Transmit(request)] = &outputs[..] else { panic!("{outputs:?}") };
        request.clone()
    }

    pub fn input(&mut self, input: Input) -> Vec<Output> {
        self.session.handle_input(input, self.now);
        self.drain()
    }

    pub fn send(&mut self, draft: Draft) -> (Ticket, Vec<Output>) {
        let ticket = self.session.send(draft, self.now);
        (ticket, self.drain())
    }

    pub fn find(&mut self, keyword: &str) -> (Ticket, Vec<Output>) {
        let ticket = self.session.find(JsonText::string(keyword), self.now);
        (ticket, self.drain())
    }

    pub fn cancel(&mut self, ticket: Ticket) -> Vec<Output> {
        self.session.cancel(ticket, self.now);
        self.drain()
    }

    /// Time goes by; nothing is due.
    pub fn pass(&mut self, ms: f64) {
        self.now.monotonic_ms += ms;
        self.now.wall_ms += ms;
    }

    /// Time goes by, and what is due on the way is done.
    pub fn wait(&mut self, ms: f64) -> Vec<Output> {
        let end = self.now.monotonic_ms + ms;
        let mut outputs = Vec::new();
        while let Some(deadline) = self.session.poll_timeout().filter(|&deadline| deadline <= end) {
            self.pass((deadline - self.now.monotonic_ms).max(0.0));
            self.session.handle_timeout(self.now);
            outputs.extend(self.drain());
        }
        self.pass(end - self.now.monotonic_ms);
        outputs
    }

    fn drain(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }
}

/// The events among these.
pub fn events(outputs: &[Output]) -> Vec<Event> {
    outputs.iter().filter_map(|output| if let Output::Event(event) = output { Some(event.clone()) } else { None }).collect()
}

/// How long it is until the next attempt.
pub fn retry_in_ms(outputs: &[Output]) -> Option<f64> {
    events(outputs).into_iter().find_map(|event| if let Event::Lost { retry_in_ms, .. } = event { retry_in_ms } else { None })
}
