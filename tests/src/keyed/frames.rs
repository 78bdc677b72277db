//! A device with keys that speaks frames and does what it is told, right or wrong.

use std::collections::VecDeque;

use futures_util::{SinkExt as _, StreamExt as _};
use msr_crypto::{AccountKey, DeviceKey, DeviceList, OwnDevice, Words, read_list};
use msr_protocol::v2::{Bytes16, Field as _, Frame, List, ListedDevice, PeerDevice, Rest, SUBPROTOCOL, Varint, frames};
use msr_protocol::{Credential, Peer};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::Person;
use crate::within;

/// A device of a person, made of numbers.
pub struct Own {
    account: AccountKey,
    words: Words,
    /// Whose.
    pub peer: Peer,
    /// The device.
    pub device: OwnDevice,
}

impl Own {
    /// The device of that number.
    pub fn new(person: &Person, number: u8) -> Self {
        let (account, peer) = (person.account(), person.peer());
        let key = DeviceKey::from_seed(&[number; 32]);
        let enrolment = account.enrol(peer.credential(), [number; 16], &key.public(), [number; 32], 5);
        Self { account, words: person.words().clone(), peer, device: OwnDevice { device: [number; 16], key, enrolment } }
    }

    /// Whose device it is, and which.
    pub fn of(&self) -> PeerDevice {
        PeerDevice { peer: self.peer.credential(), device: self.device.device }
    }

    /// A key with which others can begin a session, of a number that names it.
    pub fn prekey(&self, number: u8, is_fallback: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let PeerDevice { peer, device } = self.of();
        self.device.key.sign_prekey(peer, device, [number; 32], is_fallback, 5).write(&mut out);
        out
    }

    /// As it stands in a list.
    pub fn listed(&self) -> ListedDevice {
        ListedDevice { device: self.device.device, enrolment: self.device.enrolment }
    }

    /// The next list after that one, with this device too, signed; the first where there is none.
    pub fn list_after(&self, list: &[u8]) -> Vec<u8> {
        match read_list(list) {
            Ok(list) => self.account.sign_list(&list.with_device(self.listed(), 5).unwrap()),
            Err(_) => self.account.sign_list(&DeviceList::first(&self.words, &self.peer.secret, self.listed(), 5)),
        }
    }

    /// What it says to register; `host` is what it signs.
    pub fn hello(&self, nonce: &[u8; 32], host: &str) -> Vec<u8> {
        let proof = self.device.proof(nonce, host, self.peer.credential());
        self.hello_with(&proof)
    }

    /// The same with any proof.
    pub fn hello_with(&self, proof: &[u8]) -> Vec<u8> {
        let Peer { name, email, secret, location, publish } = &self.peer;
        let frame = Frame::Hello {
            credential: self.peer.credential(),
            device: self.device.device,
            device_name: "test",
            name: name.as_str(),
            email: email.as_str(),
            secret: secret.as_str(),
            location: location.0.as_str(),
            publish: *publish,
            time_ms: 5,
            outbox_epoch: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            proof,
        };
        let mut out = Vec::new();
        frame.write(&mut out);
        out
    }

    /// Registers at a server on 127.0.0.1.
    ///
    /// # Errors
    /// The code it is refused with; 0 when the server is gone.
    pub async fn register(&self, port: u16) -> Result<Connection, u16> {
        let mut connection = Connection::open(port, port).await.ok_or(0_u16)?;
        let nonce = connection.challenge().await.ok_or(0_u16)?;
        connection.say_bytes(self.hello(&nonce, &format!("127.0.0.1:{port}"))).await;
        connection.welcomed().await.map(|()| connection)
    }
}

/// A connection that speaks frames.
pub struct Connection {
    socket: WebSocketStream<TcpStream>,
    /// Frames that came and were not looked at.
    came: VecDeque<Vec<u8>>,
    /// The close code, once it was closed.
    closed: Option<u16>,
}

impl Connection {
    /// Opens one; `None` when nobody listens.
    pub async fn open(port: u16, origin: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.set_nodelay(true).unwrap();
        let mut request = format!("ws://127.0.0.1:{port}/").into_client_request().unwrap();
        request.headers_mut().insert("Origin", HeaderValue::from_str(&format!("http://127.0.0.1:{origin}")).unwrap());
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        tokio_tungstenite::client_async(request, stream).await.ok().map(|(socket, _)| Self { socket, came: VecDeque::new(), closed: None })
    }

    /// Says a frame.
    pub async fn say(&mut self, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.say_bytes(bytes).await;
    }

    /// Says any bytes.
    pub async fn say_bytes(&mut self, bytes: Vec<u8>) {
        let _ = within("the server to take a message", self.socket.send(Message::Binary(bytes.into()))).await;
    }

    /// What `pick` finds in the next frame that has it; `None` when the connection ends first.
    pub async fn next<T>(&mut self, pick: impl Fn(&Frame<'_>) -> Option<T>) -> Option<T> {
        let found = async {
            loop {
                while let Some(frame) = self.came.pop_front() {
                    if let Some(found) = frames(&frame).find_map(|frame| pick(&frame.unwrap())) {
                        return Some(found);
                    }
                }
                match self.socket.next().await?.ok()? {
                    Message::Binary(bytes) => self.came.extend(one_by_one(&bytes)),
                    Message::Close(frame) => self.closed = frame.map(|frame| frame.code.into()),
                    _ => {}
                }
            }
        };
        within("a frame", found).await
    }

    /// The close code at the end; what comes before is passed over.
    pub async fn ended(&mut self) -> Option<u16> {
        assert!(self.next(|_| None::<()>).await.is_none());
        self.closed
    }

    /// The nonce that the server wants to see signed.
    pub async fn challenge(&mut self) -> Option<[u8; 32]> {
        self.next(|frame| if let Frame::Challenge { nonce, .. } = frame { Some(*nonce) } else { None }).await
    }

    /// Waits for the welcome.
    ///
    /// # Errors
    /// The code of the refusal or of the end, 0 for an end without one.
    pub async fn welcomed(&mut self) -> Result<(), u16> {
        let welcome = self.next(|frame| match frame {
            Frame::Welcome { .. } => Some(Ok(())),
            Frame::Refused { code, .. } => Some(Err(*code)),
            _ => None,
        });
        let welcome = welcome.await;
        welcome.unwrap_or(Err(self.closed.map_or(0, |code| code - 4000)))
    }

    /// Puts keys; the code, and how many one-time keys the server has now.
    pub async fn put_keys(&mut self, fallback: &[u8], one_time: &[Vec<u8>]) -> Option<(u16, u64)> {
        let one_time = List(one_time.iter().map(Vec::as_slice).collect());
        self.say(&Frame::PutKeys { ticket: Varint(1), fallback: Some(fallback), one_time }).await;
        self.next(|frame| match frame {
            Frame::Keys { ticket: Varint(1), code, one_time } => Some((*code, one_time.0)),
            _ => None,
        })
        .await
    }

    /// Claims a key of a device; `None` when the server is gone.
    pub async fn claim(&mut self, of: PeerDevice) -> Option<Vec<u8>> {
        self.say(&Frame::Claim { ticket: Varint(1), devices: List(vec![of]) }).await;
        let keys = self.next(|frame| match frame {
            Frame::Claimed { code: 200, keys, .. } => Some(keys.0.iter().map(|claimed| claimed.key.to_vec()).collect::<Vec<_>>()),
            _ => None,
        });
        keys.await?.pop()
    }

    /// Puts a list; the code, and the list that the server has now.
    pub async fn put_list(&mut self, list: &[u8]) -> Option<(u16, Vec<u8>)> {
        self.say(&Frame::PutList { ticket: Varint(1), list: Rest(list) }).await;
        self.next(|frame| if let Frame::ListPut { code, list, .. } = frame { Some((*code, list.0.to_vec())) } else { None }).await
    }

    /// The list of a peer, as the server has it; empty for none.
    pub async fn list_of(&mut self, peer: Credential) -> Option<Vec<u8>> {
        self.say(&Frame::GetLists { ticket: Varint(1), peers: List(vec![peer]) }).await;
        self.next(|frame| match frame {
            Frame::Lists { ticket: Varint(1), lists } => {
                Some(lists.0.iter().find(|list| list.peer == peer).map(|list| list.list.to_vec()).unwrap_or_default())
            }
            _ => None,
        })
        .await
    }
}

/// The frames of a message, each by itself.
fn one_by_one(message: &[u8]) -> Vec<Vec<u8>> {
    let spell = |frame: Result<Frame<'_>, _>| {
        let mut out = Vec::new();
        frame.unwrap().write(&mut out);
        out
    };
    frames(message).map(spell).collect()
}

/// The ids on a list; none where it is no list.
pub fn listed(list: &[u8]) -> Vec<Bytes16> {
    read_list(list).map(|list| list.devices.iter().map(|listed| listed.device).collect()).unwrap_or_default()
}
