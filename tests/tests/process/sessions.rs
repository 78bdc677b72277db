//! Sessions of dialect B: a connection that was lost goes on in another.

use msr_tests::{Dialect, Ended, RawClient, Received, ServerProcess, Words, quoted};

/// A new connection that asks to go on with `session`.
async fn resume(server: &ServerProcess, words: &Words, session: &str) -> (RawClient, Received) {
    let mut client = RawClient::open(server).await;
    client.words = words.clone();
    client.session = session.to_owned();
    client.send(&[&words.credential()], "register", &format!(r#"{{"sessid":{}}}"#, quoted(session))).await;
    let answer = client.receive_about("register").await;
    (client, answer)
}

/// A session whose connection is gone.
async fn lost_session(server: &ServerProcess) -> (Words, String) {
    let client = RawClient::register(server, Dialect::B, "Bob").await;
    let lost = (client.words.clone(), client.session.clone());
    client.close().await;
    server.logged(&["signed out", &lost.0.credential()]).await;
    lost
}

#[tokio::test]
async fn a_lost_session_goes_on() {
    let server = ServerProcess::start().await;
    let (words, session) = lost_session(&server).await;
    let (mut client, answer) = resume(&server, &words, &session).await;
    let content = answer.content();
    assert_eq!(content["status"], 200, "{content}");
    assert_eq!(content["peer"]["credential"], words.credential());
    assert_eq!(content["peer"]["name"], "Bob");
    let next = content["peer"]["connection"].as_str().unwrap().to_owned();
    assert!(!next.is_empty() && next != session, "a session id serves once");
    client.session = next;
    client.nothing_else().await;

    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    alice.send(&[&words.credential()], "hello", "1").await;
    client.receive_about("hello").await;
}

#[tokio::test]
async fn a_session_that_never_was_is_answered_404() {
    let server = ServerProcess::start().await;
    let words = Words::new(Dialect::B, "Bob");
    let (mut client, answer) = resume(&server, &words, "00000000000000000000000000000000").await;
    assert_eq!(answer.content()["status"], 404);
    assert_eq!(answer.content()["reason"], "Invalid Session Resume");
    assert_eq!(client.ended().await, Ended::Closed(4404));
    server.logged_code(404).await;
}

#[tokio::test]
async fn a_session_resumed_twice_closes_both() {
    let server = ServerProcess::start().await;
    let (words, session) = lost_session(&server).await;
    let mut bystander = RawClient::register(&server, Dialect::B, "Carol").await;
    let (mut first, answer) = resume(&server, &words, &session).await;
    assert_eq!(answer.content()["status"], 200);
    let (mut second, answer) = resume(&server, &words, &session).await;
    assert_eq!(answer.content()["status"], 405);
    assert_eq!(answer.content()["reason"], "Session Resume Violation");
    assert_eq!(second.ended().await, Ended::Closed(4405));
    let told = first.next().await;
    let ended = match told {
        Ok(answer) => {
            assert_eq!(answer.content()["status"], 405);
            first.ended().await
        }
        Err(ended) => ended,
    };
    assert_eq!(ended, Ended::Closed(4405));
    server.logged_code(405).await;
    bystander.nothing_else().await;
}
