//! A device: a session while it lives, a disk that outlives it, a page with handlers.

use std::collections::{BTreeMap, VecDeque};

use msr_client::{Change, DeliveryTag, Draft, Event, Inbound, Input, Moment, Output, PersistTicket, Session, Settings, Snapshot};
use msr_delivery::ConnectionId;
use msr_protocol::{Credential, JsonText, Peer};

use crate::history::{Call, History, Outcome, Sent, Text, Ticketed};
use crate::keys::{Keys, Said, Sealed};

/// What the disk is asked.
#[derive(Debug)]
pub(crate) enum Job {
    Restore(Credential),
    Persist(PersistTicket, Vec<Change>),
    /// The same for the keys.
    Keep(Option<msr_crypto::PersistTicket>, Vec<msr_crypto::Change>),
}

/// Where the socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    None,
    Opening { offers_v2: bool },
    Open(ConnectionId),
}

pub(crate) struct Device {
    pub(crate) place: usize,
    pub(crate) settings: Settings,
    pub(crate) credential: Credential,
    pub(crate) session: Option<Session>,
    pub(crate) keys: Option<Keys>,
    pub(crate) link: Link,
    pub(crate) disk: BTreeMap<String, Vec<u8>>,
    pub(crate) jobs: VecDeque<Job>,
    /// Writes that were asked for, and that are applied, in all lives.
    issued: usize,
    pub(crate) applied: usize,
    /// Messages that a handler has, with the call.
    pub(crate) handling: VecDeque<(DeliveryTag, usize)>,
    pub(crate) probing: bool,
    pub(crate) life: usize,
    /// When this life began.
    pub(crate) born_ms: i64,
    /// How wrong its clock on the wall is.
    pub(crate) skew_ms: i64,
    pub(crate) next_count: u64,
    pub(crate) sent: BTreeMap<Text, Sent>,
    pub(crate) history: History,
    /// What goes up: for the world to take.
    pub(crate) up: Vec<Output>,
    /// Requests that were handled: answers to be sent.
    pub(crate) to_answer: Vec<Inbound>,
}

impl Device {
    pub(crate) fn new(place: usize, peer: u8, sealed: Option<Sealed>) -> Self {
        let keys = sealed.map(|sealed| Keys::new(peer, sealed));
        let named = || Peer { name: JsonText::string(&format!("peer {peer}")), ..Peer::default() };
        let peer = keys.as_ref().map_or_else(named, Keys::peer);
        let credential = peer.credential();
        let settings = Settings { server: "ws://sim".to_owned(), peer, device: format!("device {place}"), autoreconnect: true };
        Self {
            place,
            settings,
            credential,
            session: None,
            keys,
            link: Link::None,
            disk: BTreeMap::new(),
            jobs: VecDeque::new(),
            issued: 0,
            applied: 0,
            handling: VecDeque::new(),
            probing: false,
            life: 0,
            born_ms: 0,
            skew_ms: 0,
            next_count: 1,
            sent: BTreeMap::new(),
            history: History::default(),
            up: Vec::new(),
            to_answer: Vec::new(),
        }
    }

    pub(crate) fn now(&self, now_ms: i64) -> Moment {
        let wall_ms = (1_700_000_000_000 + now_ms + self.skew_ms) as f64;
        Moment { monotonic_ms: (now_ms - self.born_ms) as f64, wall_ms }
    }

    /// A page is opened.
    pub(crate) fn start(&mut self, seed: u64, now_ms: i64) {
        self.life += 1;
        self.born_ms = now_ms;
        self.session = Some(Session::new(seed));
        self.input(Input::Connect(self.settings.clone()), now_ms);
    }

    /// It dies; the write under way may have reached the disk.
    pub(crate) fn crash(&mut self, with_last_write: bool) {
        self.session = None;
        match self.jobs.pop_front().filter(|_| with_last_write) {
            Some(Job::Persist(_, changes)) => self.apply(&changes),
            Some(Job::Keep(_, changes)) => self.keep(&changes),
            Some(Job::Restore(_)) | None => {}
        }
        self.keys.iter_mut().for_each(Keys::crash);
        self.history.applied_at_end.push(self.applied);
        // What was asked for and not applied never will be; counting goes on past it.
        self.applied = self.issued;
        self.jobs.clear();
        self.handling.clear();
        self.to_answer.clear();
        self.link = Link::None;
        self.probing = false;
    }

    fn apply(&mut self, changes: &[Change]) {
        self.applied += 1;
        for change in changes {
            match change {
                Change::Put { key, value } => {
                    self.disk.insert(key.clone(), value.clone());
                }
                Change::Delete { key } => {
                    self.disk.remove(key);
                }
            }
        }
    }

    fn keep(&mut self, changes: &[msr_crypto::Change]) {
        for change in changes {
            match change {
                msr_crypto::Change::Put { key, value } => drop(self.disk.insert(key.clone(), value.clone())),
                msr_crypto::Change::Delete { key } => drop(self.disk.remove(key)),
            }
        }
    }

    /// The disk does what it was asked first.
    pub(crate) fn disk_job(&mut self, fails: bool, entropy: u64, now_ms: i64) -> bool {
        let Some(job) = self.jobs.pop_front() else { return false };
        let input = match job {
            Job::Restore(credential) => {
                let mut bytes = [self.place as u8 + 1; 32];
                bytes[16..24].copy_from_slice(&entropy.to_le_bytes());
                Input::Restored(Snapshot { credential, records: self.records(), entropy: bytes })
            }
            Job::Keep(ticket, changes) => {
                // The first keys of a device are written until they are there: nobody is registered before.
                let fails = fails && ticket.is_some();
                if !fails {
                    self.keep(&changes);
                }
                let wall_ms = self.wall_ms(now_ms);
                let said = self.keys.as_mut().unwrap().kept(ticket, fails, &self.disk, wall_ms);
                self.said(said, now_ms);
                self.drain(now_ms);
                return true;
            }
            Job::Persist(ticket, _) if fails => {
                // What it noted is in the next write.
                let failed = self.applied + 1;
                self.applied = failed;
                let calls = self.history.calls.iter_mut().map(|call| &mut call.noted_by);
                let tickets = self.history.tickets.values_mut().map(|ticket| &mut ticket.noted_by);
                calls.chain(tickets).filter(|noted_by| **noted_by == failed).for_each(|noted_by| *noted_by += 1);
                Input::PersistFailed { ticket, reason: "the disk is full".to_owned() }
            }
            Job::Persist(ticket, changes) => {
                self.apply(&changes);
                Input::Persisted { ticket }
            }
        };
        self.input(input, now_ms);
        true
    }

    pub(crate) fn input(&mut self, input: Input, now_ms: i64) {
        let now = self.now(now_ms);
        if let Some(session) = &mut self.session {
            session.handle_input(input, now);
            self.drain(now_ms);
        }
    }

    fn wall_ms(&self, now_ms: i64) -> i64 {
        self.now(now_ms).wall_ms as i64
    }

    /// What the session kept.
    fn records(&self) -> Vec<(String, Vec<u8>)> {
        self.disk.iter().filter(|(key, _)| !key.starts_with("key:")).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// When its keys have something to do, in the time of the world.
    pub(crate) fn keys_due_ms(&self) -> Option<i64> {
        self.session.as_ref()?;
        Some(self.keys.as_ref()?.deadline_ms()? - self.wall_ms(0))
    }

    /// What the keys say.
    fn said(&mut self, said: Vec<Said>, now_ms: i64) {
        let now = self.now(now_ms);
        for said in said {
            match (said, &mut self.session) {
                (Said::Input(input), Some(session)) => session.handle_input(input, now),
                (Said::Input(_), None) => {}
                (Said::Keep(ticket, changes), _) => self.jobs.push_back(Job::Keep(ticket, changes)),
            }
        }
    }

    /// What is due by now.
    pub(crate) fn time_passes(&mut self, now_ms: i64) -> bool {
        let now = self.now(now_ms);
        if self.session.is_some()
            && let Some(keys) = &mut self.keys
        {
            let said = keys.time_passes(now.wall_ms as i64);
            self.said(said, now_ms);
            self.drain(now_ms);
        }
        let Some(session) = &mut self.session else { return false };
        if session.poll_timeout().is_none_or(|at_ms| at_ms > now.monotonic_ms) {
            return false;
        }
        for _ in 0..100 {
            if session.poll_timeout().is_none_or(|at_ms| at_ms > now.monotonic_ms) {
                break;
            }
            session.handle_timeout(now);
        }
        let still = session.poll_timeout().is_some_and(|at_ms| at_ms <= now.monotonic_ms);
        assert!(!still, "a time-out that is always due: {:?}", session.poll_timeout());
        self.drain(now_ms);
        true
    }

    pub(crate) fn send(&mut self, text: Text, draft: Draft, now_ms: i64) {
        let now = self.now(now_ms);
        let is_request = draft.request.is_some();
        let Some(session) = &mut self.session else { return };
        let ticket = session.send(draft, now);
        let ticketed = Ticketed { text: Some(text), is_request, outcomes: Vec::new(), noted_by: usize::MAX };
        self.history.tickets.insert((self.life, ticket.0), ticketed);
        self.drain(now_ms);
    }

    pub(crate) fn cancel(&mut self, ticket: u32, now_ms: i64) {
        let now = self.now(now_ms);
        if let Some(session) = &mut self.session {
            session.cancel(msr_client::Ticket(ticket), now);
            self.drain(now_ms);
        }
    }

    /// The oldest handler, or some other, is done.
    pub(crate) fn handler_done(&mut self, at: usize, now_ms: i64) -> bool {
        if self.handling.is_empty() {
            return false;
        }
        let at = at % self.handling.len();
        let Some((tag, call)) = self.handling.remove(at) else { return false };
        self.history.calls[call].noted_by = self.issued + 1;
        self.input(Input::Handled(tag), now_ms);
        true
    }

    fn drain(&mut self, now_ms: i64) {
        while let Some(output) = self.session.as_mut().and_then(Session::poll_output) {
            match output {
                Output::OpenSocket { subprotocol, .. } => {
                    assert_eq!(self.link, Link::None, "a socket is open already");
                    self.link = Link::Opening { offers_v2: subprotocol.is_some() };
                }
                Output::ProbeOrigin { .. } => self.probing = true,
                Output::Restore { credential } => self.jobs.push_back(Job::Restore(credential)),
                Output::Persist { ticket, changes, .. } => {
                    let in_flight = self.jobs.iter().any(|job| matches!(job, Job::Persist(..)));
                    assert!(!in_flight && !changes.is_empty(), "one write at a time");
                    self.issued += 1;
                    self.jobs.push_back(Job::Persist(ticket, changes));
                }
                Output::Transmit(text) => panic!("version 1 is not spoken here: {text}"),
                Output::TransmitFrames(_) | Output::CloseSocket { .. } => {
                    if let Output::CloseSocket { .. } = &output
                        && let Link::Opening { .. } = self.link
                    {
                        self.link = Link::None;
                    } else {
                        self.up.push(output);
                    }
                }
                Output::Prove { .. }
                | Output::Seal { .. }
                | Output::Unseal { .. }
                | Output::Open { .. }
                | Output::Keys(_)
                | Output::LateHandled { .. } => {
                    let wall_ms = self.wall_ms(now_ms);
                    let said = self.keys.as_mut().expect("somebody with keys").ask(output, &self.disk, wall_ms);
                    self.said(said, now_ms);
                }
                Output::Event(event) => {
                    let wall_ms = self.wall_ms(now_ms);
                    let said = self.keys.as_mut().map(|keys| keys.told(&event, wall_ms));
                    self.event(event);
                    self.said(said.unwrap_or_default(), now_ms);
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Message(inbound) => self.message(*inbound),
            Event::Reply { ticket, message } => {
                self.settle(ticket, Outcome::Reply);
                let request = self.history.tickets[&(self.life, ticket.0)].text;
                self.history.replies.push((request, message.reply_to));
                self.message(*message);
            }
            Event::Accepted { ticket, id, .. } => {
                self.settle(ticket, Outcome::Accepted);
                self.history.accepted.insert(id);
            }
            Event::Sent { ticket, .. } => self.settle(ticket, Outcome::Written),
            Event::NotSent { ticket, .. } => {
                self.settle(ticket, Outcome::NotSent);
                let noted_by = self.issued + 1;
                self.history.tickets.get_mut(&(self.life, ticket.0)).unwrap().noted_by = noted_by;
            }
            Event::NoReply { ticket, .. } => self.settle(ticket, Outcome::NoReply),
            Event::Restored { ticket, .. } => {
                let ticketed = Ticketed { text: None, is_request: false, outcomes: Vec::new(), noted_by: usize::MAX };
                self.history.tickets.insert((self.life, ticket.0), ticketed);
            }
            Event::Receipt(receipt) => self.history.receipts.push((receipt.id, receipt.recipient, receipt.progress)),
            Event::Gap => self.history.gaps += 1,
            Event::Refused(failure) => self.history.troubles.push(format!("refused: {failure}")),
            Event::Trouble(failure) => {
                if failure.code != msr_protocol::Code::NotKept {
                    self.history.troubles.push(failure.to_string());
                }
            }
            Event::State(_)
            | Event::Registered
            | Event::Found { .. }
            | Event::NotFound { .. }
            | Event::Outbox { .. }
            | Event::Lost { .. }
            | Event::Devices { .. } => {}
        }
    }

    fn settle(&mut self, ticket: msr_client::Ticket, outcome: Outcome) {
        // `send` has not returned yet when it is settled at once.
        let unknown = Ticketed { text: None, is_request: false, outcomes: Vec::new(), noted_by: usize::MAX };
        self.history.tickets.entry((self.life, ticket.0)).or_insert(unknown).outcomes.push(outcome);
    }

    /// A handler is called.
    fn message(&mut self, inbound: Inbound) {
        let text = Text::read(inbound.message.content.as_str()).expect("a text of ours");
        let id = inbound.id.expect("version 2 names every message");
        let Some(tag) = inbound.tag else { return self.history.realtime.push(text) };
        self.handling.push_back((tag, self.history.calls.len()));
        self.history.calls.push(Call { text, id, life: self.life, noted_by: usize::MAX });
        if inbound.wants_reply {
            self.to_answer.push(inbound);
        }
    }
}
