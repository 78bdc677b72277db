//! A client of the world: a session, and a page that remembers what it was promised.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use msr_client::{Draft, Event, Input, Moment, Output, Session, Settings, State, Ticket};
use msr_protocol::{Code, JsonText, Peer};

use super::TRUE_MS;

/// What the session wants of the world.
pub enum Wish {
    Open,
    Write(u64, String),
    Close(u64),
    Probe,
}

pub struct Client {
    pub session: Session,
    pub settings: Settings,
    pub link: Option<u64>,
    /// How far the wall clock is from the true time.
    pub wall_ahead_ms: f64,
    number: usize,
    sent: usize,
    /// The tickets that are not settled, with whether they are searches.
    pub open: BTreeMap<Ticket, bool>,
    /// The tickets that were taken back.
    taken_back: BTreeSet<Ticket>,
    last_sent: Ticket,
    last_written: Option<String>,
    state: State,
    is_awaited: bool,
    last_attempt_ms: f64,
    now_ms: f64,
    /// What came: from whom, and its number there.
    pub received: Vec<(usize, usize)>,
    pub written: usize,
    pub registrations: usize,
}

impl Client {
    pub fn new(number: usize, rng: &mut Rng) -> Self {
        let peer = Peer { name: JsonText::string(&format!("client {number}")), publish: true, ..Peer::default() };
        Self {
            session: Session::version_1(rng.u64(..)),
            settings: Settings { server: "ws://router".to_owned(), peer, device: String::new(), autoreconnect: true },
            link: None,
            wall_ahead_ms: rng.f64() * 10_000.0,
            number,
            sent: 0,
            open: BTreeMap::new(),
            taken_back: BTreeSet::new(),
            last_sent: Ticket(0),
            last_written: None,
            state: State::Closed,
            is_awaited: false,
            last_attempt_ms: f64::NEG_INFINITY,
            now_ms: 0.0,
            received: Vec::new(),
            written: 0,
            registrations: 0,
        }
    }

    fn moment(&mut self, now: u64) -> Moment {
        self.now_ms = now as f64 / 1_000.0;
        Moment { monotonic_ms: self.now_ms, wall_ms: TRUE_MS + self.now_ms + self.wall_ahead_ms }
    }

    pub fn connect(&mut self, now: u64) {
        self.is_awaited = true;
        self.input(Input::Connect(self.settings.clone()), now);
    }

    pub fn input(&mut self, input: Input, now: u64) {
        let now = self.moment(now);
        self.session.handle_input(input, now);
    }

    pub fn time_out(&mut self, now: u64) {
        let now = self.moment(now);
        self.session.handle_timeout(now);
    }

    /// When it wants to be called, in µs.
    pub fn due(&self) -> u64 {
        self.session.poll_timeout().map_or(u64::MAX, |deadline_ms| (deadline_ms * 1_000.0) as u64 + 1)
    }

    /// A message to the first four clients, this one perhaps among them, with its number.
    pub fn send_to_all(&mut self, now: u64, expire_after_ms: Option<f64>) {
        let to = (0..4).map(|number| {
            let name = JsonText::string(&format!("client {number}"));
            format!("\"{}\"", Peer { name, ..Peer::default() }.credential())
        });
        let to = JsonText::from_spelled(format!("[{}]", to.collect::<Vec<_>>().join(",")));
        let content = JsonText::from_spelled(format!("[{},{}]", self.number, self.sent));
        let draft = Draft { expire_after_ms, ..Draft::new(to, JsonText::string("test"), content) };
        self.sent += 1;
        let now = self.moment(now);
        let ticket = self.session.send(draft, now);
        assert_eq!(self.open.insert(ticket, false), None);
    }

    pub fn find(&mut self, now: u64) {
        let now = self.moment(now);
        let ticket = self.session.find(JsonText::string("CLIENT"), now);
        assert_eq!(self.open.insert(ticket, true), None);
    }

    pub fn take_back(&mut self, now: u64, rng: &mut Rng) {
        let Some((&ticket, _)) = self.open.iter().nth(rng.usize(..self.open.len().max(1))) else { return };
        self.taken_back.insert(ticket);
        let now = self.moment(now);
        self.session.cancel(ticket, now);
    }

    /// The next thing the world has to do; what the page is told is checked here.
    pub fn drain(&mut self) -> Option<Wish> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::OpenSocket { .. } => {
                    assert_eq!(self.link, None, "there is a socket already");
                    assert!(self.now_ms - self.last_attempt_ms >= 99.9 || self.last_attempt_ms < 0.0 || self.is_awaited, "it spins");
                    self.last_attempt_ms = self.now_ms;
                    return Some(Wish::Open);
                }
                Output::Transmit(text) => {
                    let link = self.link.expect("there is no socket");
                    self.last_written = Some(text.clone());
                    return Some(Wish::Write(link, text));
                }
                Output::CloseSocket { .. } => return Some(Wish::Close(self.link.take().expect("there is no socket"))),
                Output::ProbeOrigin { .. } => return Some(Wish::Probe),
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
        None
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::State(state) => {
                let expected: &[State] = match self.state {
                    State::Closed => &[State::Opened],
                    State::Opened => &[State::Registered, State::Closed],
                    State::Registered => &[State::Closed],
                };
                assert!(expected.contains(&state), "{state:?} after {:?}", self.state);
                self.state = state;
            }
            Event::Registered => {
                assert_eq!(self.state, State::Registered);
                self.is_awaited = false;
                self.registrations += 1;
            }
            Event::Refused(failure) => {
                assert_eq!(failure.code, Code::Closed, "nothing here is final");
                assert!(self.is_awaited);
                self.is_awaited = false;
            }
            Event::Sent { ticket, message, .. } => {
                self.settle(ticket, false);
                assert!(self.last_sent < ticket, "out of order");
                self.last_sent = ticket;
                self.written += 1;
                assert_eq!(self.last_written, Some(message.to_text()));
            }
            Event::NotSent { ticket, failure } => {
                self.settle(ticket, false);
                let expected = if self.taken_back.contains(&ticket) { &[Code::Aborted, Code::Timeout][..] } else { &[Code::Timeout] };
                assert!(expected.contains(&failure.code), "{failure}");
            }
            Event::Found { ticket, peers } => {
                self.settle(ticket, true);
                assert!(peers.len() <= 20);
            }
            Event::NotFound { ticket, failure } => {
                self.settle(ticket, true);
                assert!(matches!(failure.code, Code::Aborted | Code::Timeout | Code::Closed), "{failure}");
            }
            Event::Message(message) => {
                let numbers = message.message.content.as_str().trim_matches(['[', ']']).split_once(',').expect("a message of this world");
                self.received.push((numbers.0.parse().unwrap(), numbers.1.parse().unwrap()));
            }
            Event::Trouble(failure) => assert!(matches!(failure.code, Code::BadChecksum | Code::BadMessage), "{failure}"),
            Event::Outbox { waiting } => assert!(waiting <= self.open.len()),
            Event::Accepted { .. }
            | Event::Receipt(_)
            | Event::Reply { .. }
            | Event::NoReply { .. }
            | Event::Restored { .. }
            | Event::Gap
            | Event::Devices { .. } => panic!("this is version 1"),
            Event::Lost { retry_in_ms, .. } => assert!(retry_in_ms.is_some_and(|wait| (0.0..=30_000.0).contains(&wait))),
        }
    }

    fn settle(&mut self, ticket: Ticket, is_search: bool) {
        assert_eq!(self.open.remove(&ticket), Some(is_search), "{ticket:?} is settled twice, or never was");
    }
}
