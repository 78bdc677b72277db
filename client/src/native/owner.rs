//! The task that owns a session and its socket.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use msr_protocol::{JsonText, Message};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message as WsMessage;

use super::keys::{Keys, without_keys};
use super::socket::{Ended, Frame, Socket};
use super::store::{Done, Storage, Worker};
use super::subscribers::Subscribers;
use super::{Options, Sent, read};
use crate::{DeliveryTag, Draft, Event, Failure, Inbound, Input, Moment, Output, Session, Settings, Status, Ticket};

/// No command is taken while so many messages wait to be written.
const OUTGOING: usize = 1024;
/// No sleep is longer; a timer that fires too early changes nothing.
const LONGEST_SLEEP_MS: f64 = 3_600_000.0;

/// How long an answer is awaited by those who do not say.
const REQUEST_TIMEOUT_MS: f64 = 30_000.0;

type Settled<T> = oneshot::Sender<Result<T, Failure>>;

/// What a handle asks for, each with where to answer.
#[derive(Debug)]
pub(super) enum Command {
    Connect(Settled<()>),
    Configure(Settings, oneshot::Sender<()>),
    Send(Draft, Settled<Sent>),
    Request(Draft, Settled<Inbound>),
    Handled(DeliveryTag, oneshot::Sender<()>),
    Answer(Input, oneshot::Sender<()>),
    Find(JsonText, Settled<Vec<JsonText>>),
    /// `Close` or `Bye`; the answer is what to wait for until the socket is closed.
    End(Input, oneshot::Sender<Option<JoinHandle<()>>>),
}

/// The connection, as far as it has got.
enum Link {
    None,
    Opening(Pin<Box<dyn Future<Output = Result<Box<Socket>, Ended>> + Send>>),
    Open(Box<Socket>),
}

/// What happened to the connection.
enum LinkEvent {
    Opened(Result<Box<Socket>, Ended>),
    Frame(Frame),
}

pub(super) struct Owner {
    session: Session,
    settings: Settings,
    options: Options,
    link: Link,
    /// The last socket that is being closed.
    closing: Option<JoinHandle<()>>,
    connects: Vec<Settled<()>>,
    sends: BTreeMap<Ticket, Settled<Sent>>,
    requests: BTreeMap<Ticket, Settled<Inbound>>,
    finds: BTreeMap<Ticket, Settled<Vec<JsonText>>>,
    status: watch::Sender<Status>,
    messages: Subscribers<Message>,
    events: Subscribers<Event>,
    start: Instant,
    worker: Worker,
    stored: mpsc::UnboundedReceiver<Done>,
    /// Writes that the worker has not answered.
    writes: usize,
    /// What a socket that did not open said of the server's protocols.
    refused_v2: bool,
}

impl Owner {
    pub(super) fn new(
        settings: Settings,
        options: Options,
        messages: Subscribers<Message>,
        events: Subscribers<Event>,
    ) -> (Self, watch::Receiver<Status>) {
        let session = match options.storage {
            Storage::Version1 => Session::version_1(options.seed),
            Storage::Memory(_) | Storage::Folder(_) => Session::new(options.seed),
        };
        let (worker, stored) = Worker::start(options.storage.clone());
        let (status, watched) = watch::channel(session.status());
        let owner = Self {
            session,
            settings,
            options,
            link: Link::None,
            closing: None,
            connects: Vec::new(),
            sends: BTreeMap::new(),
            requests: BTreeMap::new(),
            finds: BTreeMap::new(),
            status,
            messages,
            events,
            start: Instant::now(),
            worker,
            stored,
            writes: 0,
            refused_v2: false,
        };
        (owner, watched)
    }

    /// Runs until the last handle is dropped.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let configure = Input::Configure(self.settings.clone());
        self.input(configure);
        loop {
            let deadline = self.deadline();
            tokio::select! {
                command = commands.recv(), if self.link.outgoing() < OUTGOING => match command {
                    Some(command) => self.command(command),
                    None => break,
                },
                event = self.link.next() => self.link_event(event),
                Some(done) = self.stored.recv() => self.stored(done),
                () = tokio::time::sleep_until(deadline) => {
                    self.session.handle_timeout(self.now());
                    self.time_out_keys();
                    self.drain();
                }
            }
        }
        self.input(Input::Close);
        // What was handled is noted before it ends, so that nothing is handled again.
        while self.writes > 0
            && let Some(done) = self.stored.recv().await
        {
            self.stored(done);
        }
        self.messages.end();
        self.events.end();
    }

    fn stored(&mut self, done: Done) {
        match done {
            Done::Input(input) => {
                if let Input::Persisted { .. } | Input::PersistFailed { .. } = input {
                    self.writes -= 1;
                }
                self.input(input);
            }
            Done::Trouble(failure) => self.tell(Event::Trouble(failure)),
        }
    }

    fn command(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Connect(done) => {
                self.connects.push(done);
                self.session.handle_input(Input::Connect(self.settings.clone()), now);
            }
            Command::Configure(settings, done) => {
                self.settings = settings.clone();
                self.session.handle_input(Input::Configure(settings), now);
                // Whoever asked may be gone.
                let _ = done.send(());
            }
            Command::Send(draft, done) => {
                let ticket = self.session.send(draft, now);
                self.sends.insert(ticket, done);
            }
            Command::Request(mut draft, done) => {
                draft.request.get_or_insert(REQUEST_TIMEOUT_MS);
                let ticket = self.session.send(draft, now);
                self.requests.insert(ticket, done);
            }
            Command::Handled(tag, done) => {
                self.session.handle_input(Input::Handled(tag), now);
                let _ = done.send(());
            }
            Command::Answer(input, done) => {
                self.session.handle_input(input, now);
                let _ = done.send(());
            }
            Command::Find(keyword, done) => {
                let ticket = self.session.find(keyword, now);
                self.finds.insert(ticket, done);
            }
            Command::End(input, done) => {
                self.input(input);
                let _ = done.send(self.closing.take());
            }
        }
        self.drain();
    }

    fn link_event(&mut self, event: LinkEvent) {
        let input = match event {
            LinkEvent::Opened(Ok(socket)) => {
                let subprotocol = socket.subprotocol();
                self.link = Link::Open(socket);
                Input::SocketOpened { subprotocol }
            }
            LinkEvent::Opened(Err(ended)) => {
                self.link = Link::None;
                self.refused_v2 = ended.refused_subprotocol;
                Input::SocketClosed { code: ended.code, reason: ended.reason }
            }
            LinkEvent::Frame(Frame::Text(text)) => match read(&text) {
                Ok(received) => Input::Received(Box::new(received)),
                Err(_) => Input::Unreadable,
            },
            LinkEvent::Frame(Frame::Binary(bytes)) => Input::FrameReceived(bytes),
            LinkEvent::Frame(Frame::Ended(ended)) => {
                self.close_link(1000);
                Input::SocketClosed { code: ended.code, reason: ended.reason }
            }
        };
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(input, self.now());
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::OpenSocket { url, subprotocol } => {
                    self.refused_v2 = false;
                    self.link = Link::Opening(Box::pin(Socket::open(url, subprotocol, self.options.clone())));
                }
                Output::Transmit(text) => self.push(WsMessage::text(text)),
                Output::TransmitFrames(bytes) => self.push(WsMessage::binary(bytes)),
                Output::Restore { credential } => self.worker.restore(credential),
                Output::Persist { ticket, changes, strict: _ } => {
                    self.writes += 1;
                    self.worker.persist(ticket, changes);
                }
                Output::CloseSocket { code } => self.close_link(code),
                // A refusal, of the origin or of the sub-protocol, was seen when the connection failed. A server that was
                // not reached speaks what clients like this one speak.
                Output::ProbeOrigin { .. } => {
                    let probed = Input::OriginProbed { refused: false, speaks_v2: Some(!self.refused_v2) };
                    self.session.handle_input(probed, self.now());
                }
                question @ (Output::Prove { .. }
                | Output::Seal { .. }
                | Output::Unseal { .. }
                | Output::Open { .. }
                | Output::Keys(_)
                | Output::LateHandled { .. }) => {
                    let now = self.now();
                    let answers = match &self.options.keys {
                        Some(keys) => keys.with(|keys| keys.ask(question, now)),
                        None => without_keys(question),
                    };
                    self.answer(answers);
                }
                Output::Event(event) => self.tell(event),
            }
        }
        let status = self.session.status();
        self.status.send_if_modified(|told| std::mem::replace(told, status) != status);
    }

    /// What the keys have to say.
    fn answer(&mut self, answers: Vec<Input>) {
        for answer in answers {
            self.session.handle_input(answer, self.now());
        }
    }

    fn push(&mut self, message: WsMessage) {
        if let Link::Open(socket) = &mut self.link {
            socket.push(message);
        }
    }

    /// Settles what waits for this, and passes it on.
    fn tell(&mut self, event: Event) {
        if let Some(keys) = &self.options.keys {
            let now = self.now();
            let answers = keys.with(|keys| keys.told(&event, now));
            self.answer(answers);
        }
        match &event {
            Event::Registered => self.connected(&Ok(())),
            Event::Refused(failure) => self.connected(&Err(failure.clone())),
            Event::Sent { ticket, message, .. } => settle(&mut self.sends, *ticket, || Ok(Sent::Written(message.clone()))),
            Event::Accepted { ticket, id, timestamp_ms, recipients, .. } => {
                let (id, timestamp_ms) = (*id, *timestamp_ms);
                settle(&mut self.sends, *ticket, || Ok(Sent::Accepted { id, timestamp_ms, recipients: recipients.clone() }));
            }
            Event::NotSent { ticket, failure } => {
                settle(&mut self.sends, *ticket, || Err(failure.clone()));
                settle(&mut self.requests, *ticket, || Err(failure.clone()));
            }
            Event::Reply { ticket, message } => settle(&mut self.requests, *ticket, || Ok(Inbound::clone(message))),
            Event::NoReply { ticket, failure } => settle(&mut self.requests, *ticket, || Err(failure.clone())),
            Event::Found { ticket, peers } => settle(&mut self.finds, *ticket, || Ok(peers.clone())),
            Event::NotFound { ticket, failure } => settle(&mut self.finds, *ticket, || Err(failure.clone())),
            Event::Message(inbound) => self.messages.publish(&inbound.message),
            Event::State(_)
            | Event::Outbox { .. }
            | Event::Trouble(_)
            | Event::Lost { .. }
            | Event::Receipt(_)
            | Event::Restored { .. }
            | Event::Gap
            | Event::Devices { .. } => {}
        }
        self.events.publish(&event);
        if let Event::Message(message) | Event::Reply { message, .. } = event
            && let Some(tag) = message.tag.filter(|_| !self.options.by_hand)
        {
            self.session.handle_input(Input::Handled(tag), self.now());
        }
    }

    fn connected(&mut self, outcome: &Result<(), Failure>) {
        for done in self.connects.drain(..) {
            let _ = done.send(outcome.clone());
        }
    }

    fn close_link(&mut self, code: u16) {
        if let Link::Open(socket) = std::mem::replace(&mut self.link, Link::None) {
            self.closing = Some(tokio::spawn(socket.close(code)));
        }
    }

    fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { monotonic_ms: self.start.elapsed().as_secs_f64() * 1_000.0, wall_ms: wall.as_secs_f64() * 1_000.0 }
    }

    fn time_out_keys(&mut self) {
        let Some(keys) = &self.options.keys else { return };
        let now = self.now();
        let is_due = |keys: &mut dyn Keys| keys.deadline_ms() <= now.monotonic_ms;
        let answers = keys.with(|keys| if is_due(keys) { keys.time_out(now) } else { Vec::new() });
        self.answer(answers);
    }

    fn deadline(&self) -> Instant {
        let now_ms = self.now().monotonic_ms;
        let deadline_ms = self.session.poll_timeout().unwrap_or(f64::INFINITY);
        let keys_ms = self.options.keys.as_ref().map_or(f64::INFINITY, |keys| keys.with(|keys| keys.deadline_ms()));
        let deadline_ms = deadline_ms.min(keys_ms);
        let sleep_ms = (deadline_ms - now_ms).clamp(0.0, LONGEST_SLEEP_MS);
        Instant::now() + Duration::from_secs_f64(sleep_ms / 1_000.0)
    }
}

fn settle<T>(waiting: &mut BTreeMap<Ticket, Settled<T>>, ticket: Ticket, outcome: impl FnOnce() -> Result<T, Failure>) {
    if let Some(done) = waiting.remove(&ticket) {
        let _ = done.send(outcome());
    }
}

impl Link {
    async fn next(&mut self) -> LinkEvent {
        match self {
            Self::None => std::future::pending().await,
            Self::Opening(opening) => LinkEvent::Opened(opening.await),
            Self::Open(socket) => LinkEvent::Frame(socket.next().await),
        }
    }

    fn outgoing(&self) -> usize {
        match self {
            Self::None | Self::Opening(_) => 0,
            Self::Open(socket) => socket.outgoing(),
        }
    }
}
