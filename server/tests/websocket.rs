//! WebSockets through the whole server: uploads over TCP in virtual time, and the router inside another program's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod outside;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use msr_protocol::{JsonText, Message, Peer, hash_secret};
use msr_server::config::Config;
use msr_server::server::Server;
use msr_server::switch::limits::{HEARTBEAT_MS, MESSAGE_TIMEOUT_MS};
use outside::{Client, Running, deadline};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

const PING: u8 = 0x89;

fn message(subject: &str, content: JsonText) -> String {
    let peer = peer();
    let message = Message {
        to: JsonText::array_of_one(peer.credential()),
        from: peer.credential().into(),
        subject: JsonText::string(subject),
        timestamp: JsonText::milliseconds(0),
        content,
    };
    message.to_text()
}

fn peer() -> Peer {
    Peer { name: JsonText::string("Ann"), secret: JsonText::string(&hash_secret("secret")), ..Peer::default() }
}

/// A text message in one frame, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x81, 0x80 | 127];
    bytes.extend((text.len() as u64).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(text.as_bytes());
    bytes
}

/// The next frame: its first byte and its payload.
async fn next_frame(client: &mut Client) -> (u8, Vec<u8>) {
    let head = client.read_exactly(2).await;
    let length = match head[1] {
        126 => u16::from_be_bytes(client.read_exactly(2).await.try_into().unwrap()).into(),
        127 => u64::from_be_bytes(client.read_exactly(8).await.try_into().unwrap()),
        length => length.into(),
    };
    (head[0], client.read_exactly(length as usize).await)
}

/// The next frame that is no ping.
async fn next_but_pings(client: &mut Client) -> (u8, String) {
    loop {
        let (first, payload) = next_frame(client).await;
        if first != PING {
            return (first, String::from_utf8_lossy(&payload).into_owned());
        }
    }
}

async fn register(client: &mut Client, path: &str) {
    assert_eq!(client.upgrade(path, &[]).await.status, 101);
    client.write_bytes(&frame(&message("register", JsonText::from_spelled(peer().to_text())))).await;
    let (_, answer) = next_but_pings(client).await;
    assert!(answer.contains(r#""status":1"#), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_keeps_its_connection() {
    let server = Running::start(outside::open_to_all()).await;
    let mut client = Client::connect(&server).await;
    register(&mut client, "/").await;
    let upload = frame(&message("upload", JsonText::string(&"x".repeat(10_000))));
    let pieces = MESSAGE_TIMEOUT_MS / HEARTBEAT_MS - 2;
    for piece in upload.chunks(upload.len().div_ceil(pieces as usize)) {
        client.write_bytes(piece).await;
        sleep(Duration::from_millis(HEARTBEAT_MS)).await;
    }
    let (_, got) = next_but_pings(&mut client).await;
    assert!(got.contains(r#""subject":"upload""#), "{got}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_ends_does_not() {
    let server = Running::start(outside::open_to_all()).await;
    let mut client = Client::connect(&server).await;
    register(&mut client, "/").await;
    let started = Instant::now();
    let upload = frame(&message("upload", JsonText::string(&"x".repeat(10_000))));
    let (mut reader, mut writer) = client.0.into_split();
    let dribble = tokio::spawn(async move {
        for byte in upload.chunks(1) {
            if tokio::io::AsyncWriteExt::write_all(&mut writer, byte).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(HEARTBEAT_MS / 2)).await;
        }
    });
    let mut read = Vec::new();
    // A reset, where bytes came too late to be read, is an end too.
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut read).await;
    let close = 4506_u16.to_be_bytes();
    assert!(read.windows(2).any(|bytes| bytes == close), "closed with 4506");
    let lasted = started.elapsed().as_millis() as u64;
    assert!((MESSAGE_TIMEOUT_MS..=MESSAGE_TIMEOUT_MS + 2 * HEARTBEAT_MS).contains(&lasted), "{lasted} ms");
    dribble.abort();
}

#[tokio::test]
async fn another_program_nests_the_router() {
    let store = tempfile::tempdir().unwrap();
    let config = Config { port: 0, store: store.path().to_owned(), ..outside::open_to_all() };
    let server = Server::bind(config).await.unwrap();
    let app = Router::new().nest("/chat", server.router());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    let serving = tokio::spawn(async move { serving.await });
    for path in ["/chat", "/chat/any/path"] {
        let mut client = Client(TcpStream::connect(address).await.unwrap());
        register(&mut client, path).await;
        client.write_bytes(&frame(&message("hello", JsonText::string("me")))).await;
        let (_, got) = deadline(next_but_pings(&mut client)).await;
        assert!(got.contains(r#""subject":"hello""#), "{got}");
    }
    let mut client = Client(TcpStream::connect(address).await.unwrap());
    assert_eq!(client.get("/chat/healthz").await.status, 200);
    assert_eq!(client.get("/healthz").await.status, 404, "all else is the other program's");
    assert_eq!(client.upgrade("/", &[]).await.status, 404);
    serving.abort();
}
