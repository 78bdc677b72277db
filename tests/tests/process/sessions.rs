//! Sessions of dialect B: a connection that was lost goes on in another.

use msr_tests::{Dialect, Ended, RawClient, Received, ServerProcess, Settings, Words, quoted};

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

/// Ends the server well and starts it again with another TTL; what is answered then to the resumption of a lost session.
async fn resumed_after_a_restart(ttl_ms: u64) -> i64 {
    let mut server = Settings::default().start().await;
    let (words, session) = lost_session(&server).await;
    server.terminate();
    assert!(server.ended().await.success());
    server.settings = server.settings.clone().with("TTL", ttl_ms);
    let server = server.restart().await;
    resume(&server, &words, &session).await.1.content()["status"].as_i64().unwrap()
}

#[tokio::test]
async fn a_session_outlives_a_restart_for_the_ttl() {
    assert_eq!(resumed_after_a_restart(600_000).await, 200);
    assert_eq!(resumed_after_a_restart(1).await, 404);
}

#[tokio::test]
async fn an_id_used_twice_is_known_after_a_restart() {
    let mut server = ServerProcess::start().await;
    let (words, session) = lost_session(&server).await;
    let (client, answer) = resume(&server, &words, &session).await;
    assert_eq!(answer.content()["status"], 200);
    client.close().await;
    server.logged_times(&["signed out"], 2).await;
    server.terminate();
    server.ended().await;
    let server = server.restart().await;
    assert_eq!(resume(&server, &words, &session).await.1.content()["status"], 405);
}
