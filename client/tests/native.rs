//! The tokio driver against a server in this process, over real sockets on the loopback interface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::result_large_err)]

use std::future::Future;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use msr_client::native::{Client, Options, Sent, Storage};
use msr_client::{Draft, Event, Settings, State};
use msr_protocol::v1::{Answer, Dialect, FoundPeer, Incoming, Registration, RegistrationAnswer, Search, SearchAnswer, Subject};
use msr_protocol::v2::{Delivery, Entry, Field as _, Frame, List, MessageId, Rest, SUBPROTOCOL, Varint, frames};
use msr_protocol::{Code, Credential, JsonText, Location, Peer, spell};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

type ServerSocket = WebSocketStream<TcpStream>;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

fn json(text: &str) -> JsonText {
    spell(text).unwrap()
}

fn draft(to: Credential, content: &str) -> Draft {
    let (to, subject) = (JsonText::array_of_one(to), JsonText::string("test"));
    Draft::new(to, subject, json(content))
}

fn version_1() -> Options {
    Options { storage: Storage::Version1, ..Options::default() }
}

fn written(sent: Sent) -> msr_protocol::Message {
    let Sent::Written(message) = sent else { panic!("{sent:?}") };
    message
}

async fn listen() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("ws://{}", listener.local_addr().unwrap());
    (listener, Settings { server, peer: Peer::default(), device: String::new(), autoreconnect: true })
}

async fn accept(listener: &TcpListener) -> ServerSocket {
    accept_async(listener.accept().await.unwrap().0).await.unwrap()
}

/// The next text, or the close code.
async fn text(socket: &mut ServerSocket) -> Result<String, u16> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
            Some(Ok(Message::Close(frame))) => {
                // Reading on answers it.
                while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
                return Err(frame.map_or(1005, |frame| frame.code.into()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(1006),
        }
    }
}

async fn say(socket: &mut ServerSocket, text: impl Into<String>) {
    socket.send(Message::text(text.into())).await.unwrap();
}

/// Takes the registration that is due, and accepts it; its clock shows one second after 1970.
async fn register(socket: &mut ServerSocket) -> Credential {
    let request = text(socket).await.unwrap();
    let incoming = Incoming::read(&request).unwrap();
    assert_eq!(incoming.subject(), Subject::Register);
    let registration = Registration::read(&incoming).unwrap();
    let (credential, _) = registration.peer.unwrap();
    let content =
        RegistrationAnswer { code: Code::Done, origin_time: Some(&registration.origin_time), process_time_ms: 0, sessid: None, peer: None };
    let content = content.content(Dialect::A);
    let answer = Answer { dialect: Dialect::A, credential: Some(credential), subject: "register", timestamp_ms: 1_000, content };
    say(socket, answer.to_text()).await;
    credential
}

#[tokio::test]
async fn messages_searches_and_good_bye() {
    let (listener, settings) = listen().await;
    let credential = settings.peer.credential();
    let server = tokio::spawn(async move {
        let mut socket = accept(&listener).await;
        register(&mut socket).await;
        let message = text(&mut socket).await.unwrap();
        socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        say(&mut socket, message).await;
        let request = text(&mut socket).await.unwrap();
        let search = Search::read(&Incoming::read(&request).unwrap()).unwrap();
        let peer = FoundPeer { credential, name: search.spelled_keyword, email: JsonText::empty_string(), location: Location::default() };
        for index in 0..2 {
            let found = Some((&peer, index, 2));
            let (keyword, origin_time) = (&peer.name, &search.origin_time);
            let content = SearchAnswer { code: Code::Done, keyword, origin_time, process_time_ms: 0, found }.content(Dialect::A);
            let answer = Answer { dialect: Dialect::A, credential: Some(credential), subject: "find", timestamp_ms: 0, content };
            say(&mut socket, answer.to_text()).await;
        }
        let bye = text(&mut socket).await.unwrap();
        assert_eq!(Incoming::read(&bye).unwrap().subject(), Subject::Bye);
        assert_eq!(text(&mut socket).await, Err(1000));
    });

    within(async {
        let client = Client::new(settings, version_1());
        let (mut messages, mut events) = (client.messages(), client.events());
        client.connect().await.unwrap();
        let status = client.status();
        assert_eq!((status.state, status.credential), (State::Registered, Some(credential)));
        assert!(status.offset_ms > 1e12 && status.round_trip_ms.unwrap() >= 0.0, "{status:?}");

        let sent = written(client.send(draft(credential, r#"{"b":"ü","1":1.50}"#)).await.unwrap());
        assert_eq!(sent.content.as_str(), r#"{"1":1.5,"b":"ü"}"#);
        assert_eq!(messages.recv().await.unwrap(), sent);
        let troubles = std::iter::from_fn(|| events.try_recv().ok()).filter(|event| matches!(event, Event::Trouble(_))).count();
        assert_eq!(troubles, 1, "binary data is dropped, and told");

        let peers = client.find(JsonText::string("who")).await.unwrap();
        assert_eq!(peers.len(), 2);
        assert!(peers[0].as_str().contains(r#""name":"who""#));

        client.bye().await;
        assert_eq!(client.status().state, State::Closed);
        server.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_sent_while_the_server_was_away_is_written_when_it_is_back() {
    let (listener, settings) = listen().await;
    let credential = settings.peer.credential();
    within(async {
        let client = Client::new(settings, version_1());
        let sending = tokio::spawn({
            let client = client.clone();
            async move { client.send(draft(credential, "1")).await }
        });
        let server = tokio::spawn(async move {
            let mut socket = accept(&listener).await;
            text(&mut socket).await.unwrap();
            let frame = CloseFrame { code: Code::GoingAway.close_code().into(), reason: "back soon".into() };
            socket.close(Some(frame)).await.unwrap();
            // A connection that ends before it opens.
            drop(listener.accept().await.unwrap());
            let mut socket = accept(&listener).await;
            register(&mut socket).await;
            let message = text(&mut socket).await.unwrap();
            assert_eq!(Incoming::read(&message).unwrap().subject(), Subject::Other);
            assert_eq!(text(&mut socket).await, Err(1000));
        });
        let mut events = client.events();
        client.connect().await.unwrap();
        assert_eq!(written(sending.await.unwrap().unwrap()).content.as_str(), "1");
        let lost = std::iter::from_fn(|| events.try_recv().ok())
            .find_map(|event| if let Event::Lost { code, reason, .. } = event { Some((code, reason)) } else { None });
        assert_eq!(lost, Some((1012, "back soon".to_owned())));
        drop(client);
        server.await.unwrap();
        while events.recv().await.is_some() {}
    })
    .await;
}

#[tokio::test]
async fn a_refused_origin_is_final_and_the_request_is_plain() {
    let (listener, settings) = listen().await;
    let server = tokio::spawn(async move {
        let refuse = |request: &Request, _: Response| -> Result<Response, ErrorResponse> {
            assert_eq!(request.headers().get("origin").unwrap(), "https://elsewhere.example");
            assert!(request.headers().get("sec-websocket-protocol").is_none());
            let mut response = ErrorResponse::new(None);
            *response.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::FORBIDDEN;
            Err(response)
        };
        accept_hdr_async(listener.accept().await.unwrap().0, refuse).await.unwrap_err();
    });
    let options = Options { origin: Some("https://elsewhere.example".to_owned()), ..version_1() };
    let client = Client::new(settings, options);
    assert_eq!(within(client.connect()).await.unwrap_err().code, Code::OriginRefused);
    within(server).await.unwrap();
}

#[tokio::test]
async fn no_server_there() {
    let refused = |server: &str| {
        let settings = Settings { server: server.to_owned(), peer: Peer::default(), device: String::new(), autoreconnect: false };
        let client = Client::new(settings, version_1());
        async move { within(client.connect()).await.unwrap_err().code }
    };
    for server in ["", "http://127.0.0.1", "ws://", "ws://host:port", "ws://[::1"] {
        assert_eq!(refused(server).await, Code::InvalidArgument, "{server:?}");
    }
    let (listener, settings) = listen().await;
    let hang_up = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    let secure = settings.server.replace("ws://", "wss://");
    assert_eq!(refused(&secure).await, Code::Unreachable, "TLS that ends in the middle");
    within(hang_up).await.unwrap();
    assert_eq!(refused(&settings.server).await, Code::Unreachable, "nobody listens");
}

#[tokio::test]
async fn a_closed_client_says_so_and_can_be_used_again() {
    let (listener, settings) = listen().await;
    within(async {
        let client = Client::new(settings, version_1());
        let connecting = tokio::spawn({
            let client = client.clone();
            async move { client.connect().await }
        });
        let mut silent = accept(&listener).await;
        text(&mut silent).await.unwrap();
        let (closed, seen) = tokio::join!(client.close(), text(&mut silent));
        assert_eq!((closed, seen), ((), Err(1000)));
        assert_eq!(connecting.await.unwrap().unwrap_err().code, Code::Closed);

        let again = tokio::spawn(async move {
            let mut socket = accept(&listener).await;
            register(&mut socket).await;
            text(&mut socket).await
        });
        client.connect().await.unwrap();
        client.connect().await.unwrap();
        drop(client);
        assert_eq!(again.await.unwrap(), Err(1000), "the last handle is dropped");
    })
    .await;
}

/// The server's end of a connection of version 2, up to a registration; gives the device.
async fn welcome(socket: &mut ServerSocket, accepted: u64) -> [u8; 16] {
    write(socket, &Frame::Challenge { nonce: [0; 32], time_ms: 0, server: "" }).await;
    let hello = binary(socket).await;
    let Some(Ok(Frame::Hello { device, time_ms, .. })) = frames(&hello).next() else { panic!("{hello:?}") };
    let welcome = Frame::Welcome {
        origin_time_ms: time_ms,
        receive_time_ms: 1_000,
        process_time_us: Varint(0),
        queue_epoch: 1,
        start: 1,
        accepted: Varint(accepted),
        waiting: Varint(0),
        gap: false,
        window_entries: Varint(16),
        window_bytes: Varint(100_000),
        message_bytes: Varint(1_000_000),
        piece_bytes: Varint(32_768),
        heartbeat_ms: Varint(10_000),
    };
    write(socket, &welcome).await;
    device
}

async fn write(socket: &mut ServerSocket, frame: &Frame<'_>) {
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    socket.send(Message::binary(bytes)).await.unwrap();
}

async fn binary(socket: &mut ServerSocket) -> Vec<u8> {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => return bytes.into(),
            other => assert!(!other.is_text() && !other.is_close(), "{other:?}"),
        }
    }
}

async fn accept_version_2(listener: &TcpListener) -> ServerSocket {
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let offered = request.headers().get("sec-websocket-protocol").unwrap().clone();
        assert_eq!(offered, SUBPROTOCOL);
        response.headers_mut().insert("sec-websocket-protocol", offered);
        Ok(response)
    };
    accept_hdr_async(listener.accept().await.unwrap().0, choose).await.unwrap()
}

#[tokio::test]
async fn version_2_keeps_what_it_sends_in_a_folder_through_a_restart() {
    let (listener, settings) = listen().await;
    let credential = settings.peer.credential();
    let folder = std::env::temp_dir().join(format!("msr-client-native-{}", std::process::id()));
    let options = || Options { storage: Storage::Folder(folder.clone()), ..Options::default() };
    let (came, has_come) = tokio::sync::oneshot::channel();
    let server = tokio::spawn(async move {
        let mut socket = accept_version_2(&listener).await;
        let device = welcome(&mut socket, 0).await;
        let sent = binary(&mut socket).await;
        assert!(matches!(frames(&sent).next(), Some(Ok(Frame::Send { number: Varint(1), .. }))));
        // The client goes away before it is answered; another run of it comes.
        let _ = came.send(());
        let mut socket = accept_version_2(&listener).await;
        assert_eq!(welcome(&mut socket, 0).await, device);
        let again = binary(&mut socket).await;
        assert_eq!(again.len(), sent.len());
        write(&mut socket, &Frame::Accepted { number: Varint(1), timestamp_ms: 5, exceptions: List(Vec::new()) }).await;
        let id = MessageId { device: [8; 16], outbox_epoch: 1, number: Varint(1) };
        let mut entry = Vec::new();
        Entry::Message(Delivery {
            from: credential,
            id,
            timestamp_ms: 1,
            flags: 0,
            recipients: List(vec![credential]),
            reply_to: None,
            subject: "\"s\"",
            payload: Rest(b"[1]"),
        })
        .write(&mut entry);
        write(&mut socket, &Frame::Deliver { sequence: 7, header: &[], entry: Rest(&entry) }).await;
        let ack = binary(&mut socket).await;
        assert_eq!(frames(&ack).next(), Some(Ok(Frame::Ack { sequence: 7 })));
    });
    within(async {
        let client = Client::new(settings.clone(), options());
        client.connect().await.unwrap();
        let sending = tokio::spawn({
            let client = client.clone();
            async move { client.send(draft(credential, "1")).await }
        });
        has_come.await.unwrap();
        sending.abort();
        assert!(sending.await.is_err());
        drop(client);

        let client = Client::new(settings, options());
        let (mut messages, mut events) = (client.messages(), client.events());
        client.connect().await.unwrap();
        assert_eq!(messages.recv().await.unwrap().content.as_str(), "[1]");
        let mut restored = None;
        loop {
            match events.recv().await.unwrap() {
                Event::Restored { ticket, .. } => restored = Some(ticket),
                Event::Accepted { ticket, .. } => break assert_eq!(Some(ticket), restored),
                _ => {}
            }
        }
        server.await.unwrap();
        drop(client);
        while events.recv().await.is_some() {}
    })
    .await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_subprotocol_is_spoken_to_in_version_1() {
    let (listener, settings) = listen().await;
    let server = tokio::spawn(async move {
        let mut refused = accept(&listener).await;
        assert!(text(&mut refused).await.is_err(), "a client hangs up on who takes none of its offers");
        let mut socket = accept(&listener).await;
        register(&mut socket).await;
        Incoming::read(&text(&mut socket).await.unwrap()).unwrap().subject()
    });
    within(async {
        let client = Client::new(settings, Options::default());
        client.connect().await.unwrap();
        client.bye().await;
        assert_eq!(server.await.unwrap(), Subject::Bye);
    })
    .await;
}
