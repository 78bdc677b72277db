//! The server ends and starts again.

use std::fs;
use std::path::{Path, PathBuf};

use msr_tests::{Dialect, Ended, RawClient, ServerProcess, Settings};

/// What a search for `keyword` is answered: the status of its first message.
async fn found(client: &mut RawClient, keyword: &str) -> i64 {
    client.send(&[&client.credential()], "find", &format!(r#"{{"target":"peer","keyword":"{keyword}"}}"#)).await;
    client.receive_about("find").await.content()["status"].as_i64().unwrap()
}

#[tokio::test]
async fn sigterm_drains() {
    let mut server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bob = RawClient::register(&server, Dialect::B, "Bob").await;
    let mut early = RawClient::open(&server).await;
    alice.send(&[&bob.credential()], "last words", "1").await;
    bob.receive_about("last words").await;
    server.terminate();
    for client in [&mut alice, &mut bob, &mut early] {
        assert_eq!(client.ended().await, Ended::Closed(1012));
    }
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_was_sent_before_sigterm_arrives() {
    let mut server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let own = alice.credential();
    for nth in 0..100 {
        alice.send(&[&own], "count", &nth.to_string()).await;
    }
    for nth in 0..50 {
        assert_eq!(alice.receive().await.content(), nth);
    }
    server.terminate();
    let mut next = 50;
    let ended = loop {
        match alice.next().await {
            Ok(message) => assert_eq!(message.content(), next),
            Err(ended) => break ended,
        }
        next += 1;
    };
    assert_eq!(ended, Ended::Closed(1012));
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn after_a_restart_nobody_is_signed_in() {
    let mut server = ServerProcess::start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    assert_eq!(found(&mut alice, "alice").await, 200);
    server.terminate();
    server.ended().await;
    let server = server.restart().await;
    let mut bob = RawClient::register(&server, Dialect::A, "Bob").await;
    assert_eq!(found(&mut bob, "alice").await, 201);
    let _alice = RawClient::register(&server, Dialect::A, "Alice").await;
    assert_eq!(found(&mut bob, "alice").await, 200);
}

#[tokio::test]
async fn it_starts_again_after_a_kill() {
    let mut server = ServerProcess::start().await;
    for _ in 0..3 {
        let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
        let mut bob = RawClient::register(&server, Dialect::B, "Bob").await;
        server.kill().await;
        assert_eq!(alice.ended().await, Ended::Lost);
        assert_eq!(bob.ended().await, Ended::Lost);
        server = server.restart().await;
        let mut carol = RawClient::register(&server, Dialect::A, "Carol").await;
        assert_eq!(found(&mut carol, "alice").await, 201);
        assert_eq!(found(&mut carol, "bob").await, 201);
    }
}

#[tokio::test]
async fn a_damaged_store_is_refused() {
    let mut server = ServerProcess::start().await;
    RawClient::register(&server, Dialect::A, "Alice").await.close().await;
    server.terminate();
    server.ended().await;
    let files: Vec<_> =
        fs::read_dir(server.settings.store()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    assert!(!files.is_empty(), "the store is in its folder");
    for file in &files {
        let length = fs::metadata(file).unwrap().len();
        fs::write(file, vec![0xA5; length as usize]).unwrap();
    }
    let (status, said) = server.settings.refused().await;
    assert!(!status.success());
    assert!(said.contains(server.settings.store().to_str().unwrap()), "it names the store: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn a_store_that_is_no_folder_is_refused() {
    let settings = Settings::default();
    fs::write(settings.store(), "a file").unwrap();
    let (status, said) = settings.refused().await;
    assert!(!status.success() && said.contains("store") && !said.contains("panicked"), "{said}");
}

#[tokio::test]
async fn two_servers_never_share_a_store() {
    let server = ServerProcess::start().await;
    let (status, said) = server.settings.refused().await;
    assert!(!status.success() && !said.contains("panicked"), "{said}");
    RawClient::register(&server, Dialect::A, "Alice").await.nothing_else().await;
}

#[tokio::test]
async fn a_port_in_use_is_refused() {
    let server = ServerProcess::start().await;
    let (status, said) = Settings::default().with("PORT", server.port).refused().await;
    assert!(!status.success() && said.contains(&server.port.to_string()), "{said}");
}

#[tokio::test]
async fn secrets_never_reach_log_or_store() {
    let mut server = Settings::default().with("LOG", "trace").start().await;
    let mut clients = vec![];
    for dialect in Dialect::BOTH {
        let mut client = RawClient::register(&server, dialect, "Alice").await;
        client.nothing_else().await;
        clients.push((client.words.secret.clone(), client.session.clone()));
    }
    server.terminate();
    server.ended().await;
    let log = server.log_lines().join("\n");
    for (secret, session) in clients {
        assert!(!log.contains(&secret), "a secret in the log");
        assert!(session.is_empty() || !log.contains(&session), "a session id in the log");
        for file in files_below(&server.settings.store()) {
            let text = fs::read(&file).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(&secret), "a secret in {}", file.display());
        }
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
