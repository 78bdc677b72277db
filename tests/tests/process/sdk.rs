//! The session of our own client, driven natively, against the server; beside it a client of the original.

use msr_client::native::{Client, Options, Sent, Storage};
use msr_client::{Draft, Event, Settings, State};
use msr_protocol::{Code, Credential, JsonText, Peer, hash_secret};
use msr_tests::{Dialect, RawClient, ServerProcess, quoted, within};

fn peer(name: &str) -> Peer {
    Peer {
        name: JsonText::string(name),
        email: JsonText::string("me@example.org"),
        secret: JsonText::string(&hash_secret(name)),
        publish: true,
        ..Peer::default()
    }
}

/// A client that is not connected yet, and its credential.
fn client(server: &ServerProcess, name: &str, origin: &str) -> (Client, Credential) {
    let peer = peer(name);
    let credential = peer.credential();
    let settings = Settings { server: format!("ws://127.0.0.1:{}", server.port), peer, device: String::new(), autoreconnect: true };
    (
        Client::new(settings, Options { seed: 7, origin: Some(origin.to_owned()), storage: Storage::Version1, ..Options::default() }),
        credential,
    )
}

async fn connected(server: &ServerProcess, name: &str) -> (Client, Credential) {
    let (client, credential) = client(server, name, &server.origin());
    within("the registration", client.connect()).await.unwrap();
    (client, credential)
}

fn draft(to: &str, content: &str) -> Draft {
    let to = JsonText::from_spelled(format!("[{}]", quoted(to)));
    let content = JsonText::from_spelled(content.to_owned());
    Draft::new(to, JsonText::string("test"), content)
}

async fn in_state(client: &Client, state: State) {
    within("the state", client.watch().wait_for(|status| status.state == state)).await.unwrap();
}

#[tokio::test]
async fn registers_and_sends_to_itself() {
    let server = ServerProcess::start().await;
    let (client, credential) = connected(&server, "Quark Li").await;
    let status = client.status();
    assert_eq!((status.state, status.credential), (State::Registered, Some(credential)));
    assert!(status.offset_ms.abs() < 60_000.0 && status.round_trip_ms.is_some(), "{status:?}");
    let mut messages = client.messages();
    let written =
        within("the message to be written", client.send(draft(&credential.to_string(), r#"{"mydata":"something"}"#))).await.unwrap();
    let received = within("the message", messages.recv()).await.unwrap();
    assert_eq!(Sent::Written(received), written);
}

#[tokio::test]
async fn talks_to_clients_of_the_original() {
    let server = ServerProcess::start().await;
    let (client, credential) = connected(&server, "Quark Li").await;
    let mut messages = client.messages();
    for dialect in Dialect::BOTH {
        let mut bob = RawClient::register(&server, dialect, "Bob").await;
        within("the message to be written", client.send(draft(&bob.credential(), "[1,2]"))).await.unwrap();
        assert_eq!(bob.receive_about("test").await.message.content, "[1,2]");
        bob.send(&[&credential.to_string()], "answer", "[3]").await;
        assert_eq!(within("the answer", messages.recv()).await.unwrap().content.as_str(), "[3]");
    }
}

#[tokio::test]
async fn finds_others() {
    let server = ServerProcess::start().await;
    let (client, _) = connected(&server, "Quark Li").await;
    let _bob = RawClient::register(&server, Dialect::B, "Bob").await;
    let found = within("the peers", client.find(JsonText::string("bob"))).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].as_str().contains("\"Bob\""), "{}", found[0]);
    assert!(within("no peers", client.find(JsonText::string("zebra"))).await.unwrap().is_empty());
}

#[tokio::test]
async fn gives_up_when_the_origin_is_refused() {
    let server = ServerProcess::start().await;
    let (client, _) = client(&server, "Quark Li", "http://evil.example");
    let failure = within("the refusal", client.connect()).await.unwrap_err();
    assert_eq!(failure.code, Code::OriginRefused);
    assert_eq!(client.status().state, State::Closed);
}

#[tokio::test]
async fn comes_back_after_a_kill_with_what_waited() {
    let mut server = ServerProcess::start().await;
    let (alice, _) = connected(&server, "Alice").await;
    let (bob, to_bob) = connected(&server, "Bob").await;
    let (mut messages, mut events) = (bob.messages(), alice.events());
    within("the message to be written", alice.send(draft(&to_bob.to_string(), "1"))).await.unwrap();
    assert_eq!(within("the first message", messages.recv()).await.unwrap().content.as_str(), "1");

    server.kill().await;
    in_state(&alice, State::Closed).await;
    let waiting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.send(draft(&to_bob.to_string(), "2")).await }
    });
    within("the loss to be told", async { while !matches!(events.recv().await, Some(Event::Outbox { waiting: 1 })) {} }).await;
    in_state(&bob, State::Closed).await;
    let server = server.restart().await;
    // Version 1 keeps nothing for who is away: Bob has to be back before Alice's message is.
    let (_alice, _bob) = tokio::join!(in_state(&alice, State::Registered), in_state(&bob, State::Registered));
    within("what waited to be written", waiting).await.unwrap().unwrap();
    within("the next message to be written", alice.send(draft(&to_bob.to_string(), "3"))).await.unwrap();
    within("the last message", async { while messages.recv().await.unwrap().content.as_str() != "3" {} }).await;
    drop(server);
}

#[tokio::test]
async fn a_drained_server_is_waited_for() {
    let mut server = ServerProcess::start().await;
    let (alice, own) = connected(&server, "Alice").await;
    let mut events = alice.events();
    server.terminate();
    assert!(server.ended().await.success());
    within("the loss", async {
        loop {
            if let Event::Lost { code, retry_in_ms, .. } = events.recv().await.unwrap() {
                assert_eq!(code, 1012);
                break assert!(retry_in_ms.is_some());
            }
        }
    })
    .await;
    let _server = server.restart().await;
    in_state(&alice, State::Registered).await;
    let mut messages = alice.messages();
    within("the message to be written", alice.send(draft(&own.to_string(), "1"))).await.unwrap();
    within("the message", messages.recv()).await.unwrap();
}
