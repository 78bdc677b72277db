//! The tokio driver and the keys of an identity, over real sockets on the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::result_large_err)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use msr_client::native::{Client, Keys, Options, Sent, SharedKeys};
use msr_client::{Draft, Event, Input, Moment, Opened, Opening, Output, Sealing, Settings};
use msr_protocol::v2::{Delivery, Entry, Exception, Field as _, Frame, List, MessageId, Rest, SUBPROTOCOL, Varint, frames};
use msr_protocol::{Code, Credential, JsonText, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

fn xor(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte ^ 0x55).collect()
}

/// Keys that are none.
#[derive(Default)]
struct Toy {
    registrations: usize,
    hosts: Vec<String>,
}

impl Keys for Toy {
    fn ask(&mut self, question: Output, _: Moment) -> Vec<Input> {
        match question {
            Output::Prove { nonce, host, .. } => {
                self.hosts.push(host);
                vec![Input::Proven { nonce, proof: b"proof".to_vec() }]
            }
            Output::Seal { ticket, letter } => {
                let headers = vec![([8; 16], b"h".to_vec())];
                vec![Input::Sealed { ticket, outcome: Sealing::Sealed { payload: xor(&letter.payload), headers } }]
            }
            Output::Open { tag, entry, .. } => {
                let Ok(Entry::Message(delivery)) = Entry::read(&mut entry.as_slice()) else { panic!("{entry:?}") };
                let subject = JsonText::string("inside");
                let opened = Opened { flags: 0, reply_to: None, subject, payload: xor(delivery.payload.0) };
                vec![Input::Opened { tag, outcome: Opening::Opened(opened) }]
            }
            other => panic!("{other:?}"),
        }
    }

    fn told(&mut self, event: &Event, _: Moment) -> Vec<Input> {
        self.registrations += usize::from(*event == Event::Registered);
        Vec::new()
    }
}

async fn write(socket: &mut WebSocketStream<TcpStream>, frame: &Frame<'_>) {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    socket.send(Message::binary(bytes)).await.unwrap();
}

async fn binary(socket: &mut WebSocketStream<TcpStream>) -> Vec<u8> {
    loop {
        if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
            return bytes.into();
        }
    }
}

/// A server for one connection: it takes one message and gives it back.
async fn serve(listener: TcpListener) {
    let choose = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        Ok(response)
    };
    let mut socket = accept_hdr_async(listener.accept().await.unwrap().0, choose).await.unwrap();
    write(&mut socket, &Frame::Challenge { nonce: [7; 32], time_ms: 0, server: "" }).await;
    let hello = binary(&mut socket).await;
    let Some(Ok(Frame::Hello { time_ms, proof: b"proof", .. })) = frames(&hello).next() else { panic!("{hello:?}") };
    let welcome = Frame::Welcome {
        origin_time_ms: time_ms,
        receive_time_ms: 1_000,
        process_time_us: Varint(0),
        queue_epoch: 1,
        start: 1,
        accepted: Varint(0),
        waiting: Varint(0),
        gap: false,
        window_entries: Varint(16),
        window_bytes: Varint(100_000),
        message_bytes: Varint(1_000_000),
        piece_bytes: Varint(32_768),
        heartbeat_ms: Varint(10_000),
    };
    write(&mut socket, &welcome).await;
    let sent = binary(&mut socket).await;
    let Some(Ok(Frame::Send { number, flags, payload, .. })) = frames(&sent).next() else { panic!("{sent:?}") };
    write(&mut socket, &Frame::Accepted { number, timestamp_ms: 1, exceptions: List(Vec::<Exception>::new()) }).await;
    let id = MessageId { device: [8; 16], outbox_epoch: 1, number: Varint(1) };
    let (from, recipients) = (Credential([9; 16]), List(Vec::new()));
    let delivery = Delivery { from, id, timestamp_ms: 1, flags, recipients, reply_to: None, subject: "\"\"", payload };
    let mut entry = Vec::new();
    Entry::Message(delivery).write(&mut entry);
    write(&mut socket, &Frame::Deliver { sequence: 5, header: b"h", entry: Rest(&entry) }).await;
    while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
}

async fn listen() -> (TcpListener, Settings, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let secret = JsonText::string(&format!("ed25519:{}", "A".repeat(43)));
    let peer = Peer { secret, ..Peer::default() };
    (listener, Settings { server: format!("ws://{host}"), peer, device: String::new(), autoreconnect: true }, host)
}

#[tokio::test]
async fn keys_prove_seal_and_open() {
    let (listener, settings, host) = listen().await;
    let server = tokio::spawn(serve(listener));
    let keys = Arc::new(Mutex::new(Toy::default()));
    let options = Options { keys: Some(SharedKeys::new(keys.clone())), ..Options::default() };
    let test = async {
        let client = Client::new(settings, options);
        let mut events = client.events();
        client.connect().await.unwrap();
        let to = JsonText::array_of_one(Credential([9; 16]));
        let draft = Draft::new(to, JsonText::string("s"), JsonText::from_spelled("42".to_owned()));
        assert!(matches!(client.send(draft).await.unwrap(), Sent::Accepted { .. }));
        let message = loop {
            match events.recv().await.unwrap() {
                Event::Accepted { encrypted, .. } => assert!(encrypted),
                Event::Message(message) => break message,
                _ => {}
            }
        };
        assert_eq!((message.message.content.as_str(), message.message.subject.as_str()), ("42", "\"inside\""));
        assert!(message.encrypted);
        client.close().await;
    };
    tokio::time::timeout(Duration::from_secs(20), test).await.unwrap();
    server.await.unwrap();
    let keys = keys.lock().unwrap();
    assert_eq!((keys.registrations, &keys.hosts[..]), (1, &[host][..]));
}

#[tokio::test]
async fn without_keys_it_is_refused() {
    let (listener, settings, _) = listen().await;
    let server = tokio::spawn(async move {
        let choose = |_: &Request, mut response: Response| {
            response.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
            Ok(response)
        };
        let mut socket = accept_hdr_async(listener.accept().await.unwrap().0, choose).await.unwrap();
        write(&mut socket, &Frame::Challenge { nonce: [7; 32], time_ms: 0, server: "" }).await;
        while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
    });
    let test = async {
        let client = Client::new(settings, Options::default());
        assert_eq!(client.connect().await.unwrap_err().code, Code::NoDeviceKeys);
    };
    tokio::time::timeout(Duration::from_secs(20), test).await.unwrap();
    server.await.unwrap();
}
