//! Identities by key at the real server: the names it is dialled by, and prekeys while it is killed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{SinkExt as _, StreamExt as _};
use msr_crypto::{AccountKey, DeviceKey, OwnDevice};
use msr_protocol::v2::{Field as _, Frame, List, PeerDevice, SUBPROTOCOL, Varint, frames};
use msr_protocol::{Credential, JsonText, Peer};
use msr_tests::{ServerProcess, Settings, within};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// A device of an identity by key.
struct Own {
    peer: Peer,
    device: OwnDevice,
}

impl Own {
    fn new(name: &str, number: u8) -> Self {
        let account = AccountKey::from_seed(&[number; 32]);
        let peer = Peer { name: JsonText::string(name), secret: account.secret_text(), ..Peer::default() };
        let key = DeviceKey::from_seed(&[number; 32]);
        let enrolment = account.enrol(peer.credential(), [number; 16], &key.public(), [number; 32], 5);
        Self { peer, device: OwnDevice { device: [number; 16], key, enrolment } }
    }

    fn of(&self) -> PeerDevice {
        PeerDevice { peer: self.credential(), device: self.device.device }
    }

    fn credential(&self) -> Credential {
        self.peer.credential()
    }

    fn prekey(&self, number: u8, is_fallback: bool) -> Vec<u8> {
        let mut out = Vec::new();
        self.device.key.sign_prekey(self.credential(), self.device.device, [number; 32], is_fallback, 5).write(&mut out);
        out
    }

    /// Registers at that server, as one that dialled this host; or the code it is refused with.
    async fn register(&self, server: u16, host: &str) -> Result<Connection, u16> {
        let mut connection = Connection::open(server).await.ok_or(0_u16)?;
        let nonce = connection.next(|frame| if let Frame::Challenge { nonce, .. } = frame { Some(*nonce) } else { None }).await;
        let is_md5 = self.peer.secret == Peer::default().secret;
        let proof = if is_md5 { Vec::new() } else { self.device.proof(&nonce.ok_or(0_u16)?, host, self.credential()) };
        let hello = Frame::Hello {
            credential: self.credential(),
            device: self.device.device,
            device_name: "test",
            name: self.peer.name.as_str(),
            email: self.peer.email.as_str(),
            secret: self.peer.secret.as_str(),
            location: self.peer.location.0.as_str(),
            publish: false,
            time_ms: 5,
            outbox_epoch: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            proof: &proof,
        };
        connection.say(&hello).await;
        let welcome = connection.next(|frame| match frame {
            Frame::Welcome { .. } => Some(Ok(())),
            Frame::Refused { code, .. } => Some(Err(*code)),
            _ => None,
        });
        welcome.await.unwrap_or(Err(0)).map(|()| connection)
    }
}

struct Connection(WebSocketStream<TcpStream>);

impl Connection {
    async fn open(server: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", server)).await.ok()?;
        let mut request = format!("ws://127.0.0.1:{server}/").into_client_request().unwrap();
        request.headers_mut().insert("Origin", HeaderValue::from_str(&format!("http://127.0.0.1:{server}")).unwrap());
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        tokio_tungstenite::client_async(request, stream).await.ok().map(|(socket, _)| Self(socket))
    }

    async fn say(&mut self, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        let _ = self.0.send(Message::Binary(bytes.into())).await;
    }

    /// What `pick` finds in the next message that has it; `None` when the server is gone.
    async fn next<T>(&mut self, pick: impl Fn(&Frame<'_>) -> Option<T>) -> Option<T> {
        let found = async {
            loop {
                if let Message::Binary(bytes) = self.0.next().await?.ok()?
                    && let Some(found) = frames(&bytes).find_map(|frame| pick(&frame.unwrap()))
                {
                    return Some(found);
                }
            }
        };
        within("a frame", found).await
    }

    /// Claims a key of that device; `None` when the server is gone.
    async fn claim(&mut self, of: PeerDevice) -> Option<Vec<u8>> {
        self.say(&Frame::Claim { ticket: Varint(1), devices: List(vec![of]) }).await;
        let keys = self.next(|frame| match frame {
            Frame::Claimed { code: 200, keys, .. } => Some(keys.0.iter().map(|claimed| claimed.key.to_vec()).collect::<Vec<_>>()),
            _ => None,
        });
        keys.await?.pop()
    }
}

#[tokio::test]
async fn the_names_a_server_is_dialled_by() {
    let settings = Settings::default().with("HOSTS", "relay.example,other.example:8443");
    let server = settings.start().await;
    let ann = Own::new("Ann", 1);
    let bound = |host: &str| format!("{host}:{}", server.port);
    for host in [bound("127.0.0.1"), bound("localhost"), bound("relay.example"), "relay.example:443".into(), "other.example:8443".into()] {
        assert_eq!(ann.register(server.port, &host).await.err(), None, "{host}");
    }
    // What another server was dialled by; the port counts too.
    let another = Settings::default().start().await;
    for host in [format!("127.0.0.1:{}", another.port), "evil.example:443".into(), "other.example:443".into(), bound("other.example")] {
        assert_eq!(ann.register(server.port, &host).await.err(), Some(421), "{host}");
    }
    server.logged(&["evil.example:443", "HOSTS"]).await;
}

#[tokio::test]
async fn a_server_for_identities_by_key() {
    let server = Settings::default().argument("--identity=key").start().await;
    let mut md5 = Own::new("Ann", 1);
    md5.peer.secret = Peer::default().secret;
    let host = format!("127.0.0.1:{}", server.port);
    assert_eq!(md5.register(server.port, &host).await.err(), Some(420));
    assert_eq!(Own::new("Ann", 2).register(server.port, &host).await.err(), None);
}

/// Whatever was handed out before the server was killed is not handed out after.
#[tokio::test]
async fn no_key_is_handed_out_twice_though_the_server_is_killed() {
    const KEYS: u8 = 100;
    let mut server = ServerProcess::start().await;
    let host = format!("127.0.0.1:{}", server.port);
    let ann = Own::new("Ann", 255);
    let fallback = ann.prekey(255, true);
    let one_time: Vec<_> = (0..KEYS).map(|number| ann.prekey(number, false)).collect();
    let mut connection = ann.register(server.port, &host).await.ok().unwrap();
    let one_time: Vec<&[u8]> = one_time.iter().map(Vec::as_slice).collect();
    connection.say(&Frame::PutKeys { ticket: Varint(1), fallback: Some(&fallback), one_time: List(one_time) }).await;
    let kept = connection
        .next(|frame| if let Frame::Keys { ticket: Varint(1), code, one_time } = frame { Some((*code, one_time.0)) } else { None });
    assert_eq!(kept.await, Some((200, u64::from(KEYS))));

    let mut taken = Vec::new();
    for kill_after in [20, 20, usize::MAX] {
        let answers = Arc::new(AtomicUsize::new(0));
        let mut claiming = JoinSet::new();
        for number in 1..=8 {
            let (of, fallback, answers, host, port) = (ann.of(), fallback.clone(), Arc::clone(&answers), host.clone(), server.port);
            claiming.spawn(async move {
                let mut got = Vec::new();
                let Ok(mut connection) = Own::new("Claimant", number).register(port, &host).await else { return got };
                while let Some(key) = connection.claim(of).await {
                    if key == fallback {
                        break;
                    }
                    got.push(key);
                    answers.fetch_add(1, Ordering::SeqCst);
                }
                got
            });
        }
        if kill_after < usize::MAX {
            within("some claims", async {
                while answers.load(Ordering::SeqCst) < kill_after {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            server.kill_now();
        }
        taken.extend(claiming.join_all().await.into_iter().flatten());
        if kill_after < usize::MAX {
            server.ended().await;
            server = server.restart().await;
        }
    }
    let once: BTreeSet<_> = taken.iter().collect();
    assert_eq!(once.len(), taken.len(), "a key was handed out twice");
    // The answers that were under way when it was killed are lost, one of each claimant at most.
    assert!(taken.len() >= usize::from(KEYS) - 2 * 8 && taken.len() <= usize::from(KEYS), "{}", taken.len());
}
