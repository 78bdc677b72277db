//! A WebSocket relay in front of a server: it sees every message of both sides, and does with them what a test tells it. To
//! its clients it is a server of its own, with a name (its port) of its own.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use msr_protocol::v2::{Frame, HEADER_BYTES, frames};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};

/// Whom a frame is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The client of that connection; they are counted from 0.
    Client(usize),
    /// The server, on that connection.
    Server(usize),
}

impl From {
    /// On which connection.
    pub fn connection(self) -> usize {
        let (Self::Client(number) | Self::Server(number)) = self;
        number
    }
}

/// What becomes of a frame. It is given as it was read and as its bytes; what is put into the vector goes on in its place. `false` ends the
/// connection.
pub type Hand = dyn FnMut(From, &Frame<'_>, &[u8], &mut Vec<u8>) -> bool + Send;

/// A message, or the head of an upgrade, and whose it is.
pub type Said = (From, Vec<u8>);

/// What has gone through a relay.
#[derive(Debug, Clone, Default)]
pub struct Capture(Arc<Mutex<Vec<Said>>>);

impl Capture {
    /// Every message and every head of an upgrade, in the order in which they came, before anything was done to them.
    pub fn all(&self) -> Vec<Said> {
        self.0.lock().unwrap().clone()
    }

    fn add(&self, from: From, bytes: &[u8]) {
        self.0.lock().unwrap().push((from, bytes.to_vec()));
    }
}

/// Forwards every connection to a server on 127.0.0.1.
pub struct Relay {
    /// Where it listens.
    pub port: u16,
    /// What has gone through.
    pub capture: Capture,
    hand: Arc<Mutex<Box<Hand>>>,
    server: watch::Sender<u16>,
    /// Where bytes for the client of a connection are put, by its number.
    clients: Arc<Mutex<Vec<mpsc::UnboundedSender<Vec<u8>>>>>,
    task: JoinHandle<()>,
}

/// What is needed of the relay by a connection.
#[derive(Clone)]
struct Shared {
    capture: Capture,
    hand: Arc<Mutex<Box<Hand>>>,
    clients: Arc<Mutex<Vec<mpsc::UnboundedSender<Vec<u8>>>>>,
}

impl Relay {
    /// A relay that takes connections as soon as it is told where to: [`Relay::lead_to`].
    pub async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = watch::channel(0).0;
        let shared = Shared { capture: Capture::default(), hand: Arc::new(Mutex::new(Box::new(pass))), clients: Arc::default() };
        let Shared { capture, hand, clients } = shared.clone();
        let task = tokio::spawn(accept(listener, server.subscribe(), shared));
        Self { port, capture, hand, server, clients, task }
    }

    /// Leads what comes from now on to that port.
    pub fn lead_to(&self, server: u16) {
        self.server.send_replace(server);
    }

    /// Does this with every frame from now on.
    pub fn with(&self, hand: impl FnMut(From, &Frame<'_>, &[u8], &mut Vec<u8>) -> bool + Send + 'static) {
        *self.hand.lock().unwrap() = Box::new(hand);
    }

    /// Passes everything on again.
    pub fn honest(&self) {
        self.with(pass);
    }

    /// Sends the client of a connection bytes of its own.
    pub fn say_to_client(&self, connection: usize, bytes: Vec<u8>) {
        let _ = self.clients.lock().unwrap()[connection].send(bytes);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.clients.lock().unwrap().len()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn pass(_from: From, _frame: &Frame<'_>, bytes: &[u8], on: &mut Vec<u8>) -> bool {
    on.extend_from_slice(bytes);
    true
}

async fn accept(listener: TcpListener, server: watch::Receiver<u16>, shared: Shared) {
    // Connections end with the relay.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let number = shared.clients.lock().unwrap().len();
        let (to_client, for_client) = mpsc::unbounded_channel();
        shared.clients.lock().unwrap().push(to_client);
        let (shared, mut server) = (shared.clone(), server.clone());
        connections.spawn(async move {
            let port = server.wait_for(|port| *port != 0).await.map(|port| *port);
            if let Ok(port) = port {
                let _ = forward(client, port, number, for_client, shared).await;
            }
        });
    }
}

async fn forward(
    client: TcpStream,
    port: u16,
    number: usize,
    mut for_client: mpsc::UnboundedReceiver<Vec<u8>>,
    shared: Shared,
) -> Result<(), Error> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let mut upgrade = format!("ws://127.0.0.1:{port}/").into_client_request()?;
    // What it would refuse with is a whole answer.
    #[allow(clippy::result_large_err)]
    let look = |request: &Request, mut response: Response| {
        shared.capture.add(From::Client(number), format!("{} {:?}", request.uri(), request.headers()).as_bytes());
        for name in ["Origin", "Sec-WebSocket-Protocol"] {
            if let Some(value) = request.headers().get(name) {
                upgrade.headers_mut().insert(name, value.clone());
            }
        }
        if let Some(protocol) = request.headers().get("Sec-WebSocket-Protocol") {
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol.clone());
        }
        Ok(response)
    };
    let mut client = tokio_tungstenite::accept_hdr_async(client, look).await?;
    let (mut server, answer) = tokio_tungstenite::client_async(upgrade, server).await?;
    shared.capture.add(From::Server(number), format!("{:?}", answer.headers()).as_bytes());
    loop {
        tokio::select! {
            biased;
            Some(bytes) = for_client.recv() => client.send(Message::binary(bytes)).await?,
            message = client.next() => match message.transpose()? {
                Some(Message::Close(frame)) => return server.close(frame).await,
                Some(message) => match through(From::Client(number), message, &shared) {
                    Some(message) => server.send(message).await?,
                    None => return Ok(()),
                },
                None => return Ok(()),
            },
            message = server.next() => match message.transpose()? {
                Some(Message::Close(frame)) => return client.close(frame).await,
                Some(message) => match through(From::Server(number), message, &shared) {
                    Some(message) => client.send(message).await?,
                    None => return Ok(()),
                },
                None => return Ok(()),
            },
        }
    }
}

/// A message as it goes on; `None` when the connection is to end.
fn through(from: From, message: Message, shared: &Shared) -> Option<Message> {
    let Message::Binary(bytes) = &message else {
        shared.capture.add(from, &message.to_string().into_bytes());
        return Some(message);
    };
    shared.capture.add(from, bytes);
    let (mut on, mut rest): (Vec<u8>, &[u8]) = (Vec::new(), bytes);
    let mut hand = shared.hand.lock().unwrap();
    for frame in frames(bytes) {
        let Ok(frame) = frame else {
            on.extend_from_slice(rest);
            break;
        };
        let length = HEADER_BYTES + u32::from_le_bytes([rest[1], rest[2], rest[3], 0]) as usize;
        let (one, after) = rest.split_at(length);
        rest = after;
        if !hand(from, &frame, one, &mut on) {
            return None;
        }
    }
    Some(Message::Binary(Bytes::from(on)))
}
