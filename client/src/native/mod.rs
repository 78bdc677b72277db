//! A driver over tokio, for tests, tools and relays: one task owns the [`Session`](crate::Session) and its socket,
//! [`Client`] is a handle to it that is cheap to clone. When the last handle is dropped, the connection is closed.
//!
//! The task decides nothing: it carries inputs to the session and does what the session says. It sends an `Origin` only
//! where it is told one. What the device must not forget is kept in a [`Storage`].

mod keys;
mod owner;
mod reader;
mod socket;
mod store;
mod subscribers;

use std::sync::Arc;

use msr_protocol::v2::MessageId;
use msr_protocol::{Code, Credential, JsonText, Message};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use self::keys::{Keys, SharedKeys};
use self::owner::{Command, Owner};
pub use self::reader::read;
pub use self::store::{Folder, Memory, Storage, Store};
use self::subscribers::Subscribers;
use crate::{DeliveryTag, Draft, Event, Failure, Inbound, Input, Progress, Settings, Status};

/// So many commands wait for the task before whoever gives one waits.
const COMMANDS: usize = 256;

/// What a client is besides its [`Settings`].
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// All the randomness of its session.
    pub seed: u64,
    /// The `Origin` to send; without, there is none.
    pub origin: Option<String>,
    /// Whom to trust over TLS; without, the roots that Mozilla ships.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Where it keeps what it must not forget.
    pub storage: Storage,
    /// Whether a message counts as handled as soon as it was handed to those who listen. If not, [`Client::handled`] says
    /// so, and a sender's next message waits for that.
    pub by_hand: bool,
    /// Who proves, seals and opens for an identity by key; without, one is refused with 463.
    pub keys: Option<SharedKeys>,
}

/// What became of a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was written to the socket, and nothing more is known: version 1, realtime.
    Written(Message),
    /// The server keeps it for every recipient device.
    Accepted {
        /// Its name, for ever.
        id: MessageId,
        /// When, by the server's clock, ms since 1970.
        timestamp_ms: i64,
        /// How far it got with each recipient; more is told by [`Event::Receipt`].
        recipients: Vec<(Credential, Progress)>,
    },
}

/// A handle to one client.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    messages: Subscribers<Message>,
    events: Subscribers<Event>,
}

impl Client {
    /// Starts the task of a client that is not connected yet. Runs on the tokio runtime it is called in.
    #[must_use]
    pub fn new(settings: Settings, options: Options) -> Self {
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (messages, events) = (Subscribers::new(), Subscribers::new());
        let (owner, status) = Owner::new(settings, options, messages.clone(), events.clone());
        tokio::spawn(owner.run(inbox));
        Self { commands, status, messages, events }
    }

    /// Connects, and keeps trying if the settings say so.
    ///
    /// # Errors
    /// Why it was given up: [`Code::InvalidArgument`] for a server that is no WebSocket URL, [`Code::OriginRefused`], what
    /// the server closed the connection with, [`Code::Closed`].
    pub async fn connect(&self) -> Result<(), Failure> {
        self.ask(Command::Connect).await?
    }

    /// Takes over settings, for the next attempt to connect.
    ///
    /// # Errors
    /// [`Code::Closed`] when the runtime is going away.
    pub async fn configure(&self, settings: Settings) -> Result<(), Failure> {
        self.ask(|done| Command::Configure(settings, done)).await
    }

    /// Sends a message, or lets it wait for a registration. Returns when it is accepted (version 1: written).
    ///
    /// # Errors
    /// Why it was not sent.
    pub async fn send(&self, draft: Draft) -> Result<Sent, Failure> {
        self.ask(|done| Command::Send(draft, done)).await?
    }

    /// Sends a request and waits for its answer, as long as the draft says.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn request(&self, draft: Draft) -> Result<Inbound, Failure> {
        self.ask(|done| Command::Request(draft, done)).await?
    }

    /// A message is handled; for clients that say so by hand.
    ///
    /// # Errors
    /// [`Code::Closed`] when the runtime is going away.
    pub async fn handled(&self, tag: DeliveryTag) -> Result<(), Failure> {
        self.ask(|done| Command::Handled(tag, done)).await
    }

    /// The keys of an identity have something to say that nobody waits for: see [`Keys::ask`].
    ///
    /// # Errors
    /// [`Code::Closed`] when the runtime is going away.
    pub async fn answer(&self, input: Input) -> Result<(), Failure> {
        self.ask(|done| Command::Answer(input, done)).await
    }

    /// Searches for peers; `keyword` is a JSON string. Gives those found as JSON objects.
    ///
    /// # Errors
    /// Why they were not found.
    pub async fn find(&self, keyword: JsonText) -> Result<Vec<JsonText>, Failure> {
        self.ask(|done| Command::Find(keyword, done)).await?
    }

    /// Closes the connection, and waits until the socket is closed.
    pub async fn close(&self) {
        self.end(Input::Close).await;
    }

    /// Says good-bye and closes the connection.
    pub async fn bye(&self) {
        self.end(Input::Bye).await;
    }

    /// The messages that come from now on. It ends with the client, or when it is 65 536 messages behind.
    #[must_use]
    pub fn messages(&self) -> mpsc::Receiver<Message> {
        self.messages.add()
    }

    /// All that happens from now on, messages included. It ends as [`Client::messages`] does.
    #[must_use]
    pub fn events(&self) -> mpsc::Receiver<Event> {
        self.events.add()
    }

    /// What can be read off the session now.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// The status, to be watched.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    async fn end(&self, input: Input) {
        let closing: Result<Option<JoinHandle<()>>, Failure> = self.ask(|done| Command::End(input, done)).await;
        if let Ok(Some(closing)) = closing {
            // It ends within its own time-out, and a runtime that goes away has closed the socket too.
            let _ = closing.await;
        }
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Failure> {
        let (done, answer) = oneshot::channel();
        let closed = || Failure::from(Code::Closed);
        self.commands.send(command(done)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }
}
