//! The session: what a page calls, and what it is made of.

mod connection;
mod delivery;
mod device;
mod dialect;
mod keys;
mod phase;
mod version_2;

use fastrand::Rng;
use msr_protocol::{Code, Credential, JsonText, Peer};

use self::dialect::{Dialect, Version};
use self::phase::Phase;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::outbox::Outbox;
use crate::queue::Queue;
use crate::search::Searches;
use crate::v2::{Last, Link, Profile};
use crate::{Draft, Event, Failure, Input, Moment, Output, Settings, State, Status, Ticket};

/// A client, without socket, clock or randomness of its own: the crate's documentation says how to drive it.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    settings: Option<Settings>,
    /// The attempt that the phase is about, or the last one.
    attempt: Option<Attempt>,
    /// Whether a `connect()` is still to be answered.
    is_awaited: bool,
    /// Connections that failed one after the other before they opened.
    unopened: u32,
    /// Answers to [`Output::ProbeOrigin`] still to come; only the last one asked for counts.
    probes: u32,
    /// Which version to speak.
    dialect: Dialect,
    /// What this device keeps, once it is read; nothing for whoever speaks version 1 alone.
    profile: Option<Profile>,
    /// Whose it was that was asked for last, and whether that is an identity by key.
    restoring: Option<(Credential, bool)>,
    /// The last names of questions of peers before this one.
    last: Last,
    /// The connection there is, in version 2.
    link: Option<Link>,
    backoff: Backoff,
    rng: Rng,
    clock: Clock,
    /// What waits in memory: in version 2, until what this device kept is read.
    outbox: Outbox,
    searches: Searches,
    last_ticket: u32,
    last_persist: u64,
    outputs: Queue<Output>,
    told_state: State,
    told_waiting: usize,
}

/// One try to connect and register, with what it was made of: settings that change meanwhile are for the next one.
#[derive(Debug)]
struct Attempt {
    peer: Peer,
    device: String,
    credential: Credential,
    started_ms: f64,
    /// What was offered; what is spoken, once it is open.
    version: Version,
    /// Host and port that are dialled, which an identity by key signs; `None` for one by MD5.
    host: Option<String>,
}

impl Session {
    /// A session that nobody has connected yet. It speaks version 2, and version 1 where a server knows no other. `seed` is
    /// its randomness, the jitter of its waits, but for ids and epochs: those come with what its device kept.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::speaking(Dialect::newest(), seed)
    }

    /// A session that speaks version 1 alone and keeps nothing.
    #[must_use]
    pub fn version_1(seed: u64) -> Self {
        Self::speaking(Dialect::version_1(), seed)
    }

    fn speaking(dialect: Dialect, seed: u64) -> Self {
        Self {
            phase: Phase::Idle,
            settings: None,
            attempt: None,
            is_awaited: false,
            unopened: 0,
            probes: 0,
            dialect,
            profile: None,
            restoring: None,
            last: Last::default(),
            link: None,
            backoff: Backoff::default(),
            rng: Rng::with_seed(seed),
            clock: Clock::default(),
            outbox: Outbox::default(),
            searches: Searches::default(),
            last_ticket: 0,
            last_persist: 0,
            outputs: Queue::default(),
            told_state: State::Closed,
            told_waiting: 0,
        }
    }

    /// Something happened. Any input is taken in any state; one that has no meaning there changes nothing.
    pub fn handle_input(&mut self, input: Input, now: Moment) {
        self.take_input(input, now);
        self.follow_up(now);
    }

    /// Does what follows on [`Session::take_input`].
    pub fn follow_up(&mut self, now: Moment) {
        let now = self.clock.read(now);
        self.settle_device(now);
        self.tell_waiting();
    }

    /// As [`Session::handle_input`], but for what follows: where several things happened at once, [`Session::follow_up`] comes after
    /// all of them, so that what they change is kept in one write.
    pub fn take_input(&mut self, input: Input, now: Moment) {
        let now = self.clock.read(now);
        match input {
            Input::Connect(settings) => self.connect(settings, now),
            Input::Configure(settings) => self.configure(settings, now),
            Input::Close => self.close(),
            Input::Bye => self.bye(now),
            Input::Wake => self.wake(now),
            Input::SocketOpened { subprotocol } => self.socket_opened(subprotocol.as_deref(), now),
            Input::SocketClosed { code, reason } => self.socket_closed(code, reason, now),
            Input::Received(received) => self.received(*received, now),
            Input::Unreadable => self.tell(Event::Trouble(Code::BadMessage.into())),
            Input::FrameReceived(message) => self.frames_received(&message, now),
            Input::OriginProbed { refused, speaks_v2 } => self.origin_probed(refused, speaks_v2, now),
            Input::Restored(snapshot) => self.restored(snapshot, now),
            Input::Persisted { ticket } => self.persisted(ticket, None, now),
            Input::PersistFailed { ticket, reason } => self.persisted(ticket, Some(&reason), now),
            Input::Handled(tag) => self.handled(tag, now),
            Input::Retire(device) => self.retire(device),
            Input::Proven { nonce, proof } => self.proven(&nonce, Ok(proof), now),
            Input::NotProven { nonce, failure } => self.proven(&nonce, Err(failure), now),
            Input::Sealed { ticket, outcome } => self.sealed(ticket, outcome, now),
            Input::Opened { tag, outcome } => self.opened(tag, outcome, now),
            Input::Keys(frames) => self.write_keys(&frames),
            Input::Control { recipient, payload, headers } => self.control(recipient, payload, headers, now),
            Input::Late { entry, opened } => self.late(&entry, &opened),
        }
    }

    /// The time that [`Session::poll_timeout`] named has come. Called too early, it changes nothing.
    pub fn handle_timeout(&mut self, now: Moment) {
        let now = self.clock.read(now);
        if self.phase.deadline_ms() <= now.monotonic_ms {
            self.time_out(now);
        }
        self.beat(now);
        self.expire(now);
        self.settle_device(now);
        self.tell_waiting();
    }

    /// Sends a message, or lets it wait until there is a registration; before the first `connect()` too. In version 2 it is
    /// kept by the driver first. The ticket is settled by [`Event::Accepted`], [`Event::Sent`] (version 1, realtime) or
    /// [`Event::NotSent`], in the order of the calls where they were sent; that of a request goes on then, and is settled by
    /// [`Event::Reply`] or [`Event::NoReply`].
    pub fn send(&mut self, draft: Draft, now: Moment) -> Ticket {
        let now = self.clock.read(now);
        let ticket = self.next_ticket();
        if let Err(failure) = self.accept(ticket, draft, now) {
            self.tell(Event::NotSent { ticket, failure });
        }
        self.settle_device(now);
        self.tell_waiting();
        ticket
    }

    /// Searches for peers whose name or e-mail address contains the keyword, a JSON string. It waits for a registration,
    /// but no longer than [`crate::limits::SEARCH_TIMEOUT_MS`] in all; [`Event::Found`] or [`Event::NotFound`] settles the
    /// ticket.
    pub fn find(&mut self, keyword: JsonText, now: Moment) -> Ticket {
        let now = self.clock.read(now);
        let ticket = self.next_ticket();
        match self.searches.push(ticket, keyword, now.monotonic_ms) {
            Ok(()) => self.ask(now),
            Err(failure) => self.tell(Event::NotFound { ticket, failure }),
        }
        self.settle_device(now);
        ticket
    }

    /// Takes back what waits under this ticket: it is settled with [`Code::Aborted`]. What was sent, or may have been, stays
    /// sent.
    pub fn cancel(&mut self, ticket: Ticket, now: Moment) {
        let now = self.clock.read(now);
        let failure = Failure::from(Code::Aborted);
        if self.outbox.remove(ticket) {
            self.tell(Event::NotSent { ticket, failure });
        } else if self.searches.cancel(ticket) {
            self.tell(Event::NotFound { ticket, failure });
        } else if let Some(profile) = &mut self.profile {
            profile.cancel(ticket);
        }
        self.settle_device(now);
        self.tell_waiting();
    }

    /// The next thing to do, if there is any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop()
    }

    /// When to call [`Session::handle_timeout`], on the monotonic clock; it may lie in the past.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<f64> {
        let deadline_ms = self.phase.deadline_ms().min(self.outbox.deadline_ms()).min(self.searches.deadline_ms());
        let deadline_ms = deadline_ms.min(self.device_deadline_ms());
        deadline_ms.is_finite().then_some(deadline_ms)
    }

    /// What can be read off it now.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            state: self.phase.state(),
            offset_ms: self.clock.offset_ms(),
            round_trip_ms: self.clock.round_trip_ms(),
            waiting: self.waiting(),
            credential: self.registered_as(),
        }
    }

    fn next_ticket(&mut self) -> Ticket {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        Ticket(self.last_ticket)
    }

    /// Goes on to another phase, and tells the page where that is another state.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        if !phase.has_socket() {
            self.unlink();
        }
        let state = phase.state();
        if state != self.told_state {
            self.told_state = state;
            self.tell(Event::State(state));
        }
    }

    fn waiting(&self) -> usize {
        self.outbox.len() + self.profile.as_ref().map_or(0, Profile::waiting)
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push(Output::Event(event));
    }

    /// Once an input, however many messages it moved.
    fn tell_waiting(&mut self) {
        let waiting = self.waiting();
        if waiting != self.told_waiting {
            self.told_waiting = waiting;
            self.tell(Event::Outbox { waiting });
        }
    }
}
