//! A thousand connections at once, on two cores, without an error.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use msr_tests::{Dialect, RawClient, ServerProcess, within};
use tokio::task::JoinSet;

const CONNECTIONS: usize = 1_000;

/// How many messages each sends to its neighbour.
const MESSAGES: i64 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_register_and_talk() {
    let server = ServerProcess::start().await;
    RawClient::register(&server, Dialect::A, "the first").await.nothing_else().await;
    let before = server.resident_bytes();

    let mut registering = JoinSet::new();
    for nth in 0..CONNECTIONS {
        let opening = msr_tests::Opening::at(&server);
        registering.spawn(async move {
            let dialect = if nth % 2 == 0 { Dialect::A } else { Dialect::B };
            let mut client = opening.open().await.unwrap_or_else(|status| panic!("connection {nth} is refused with {status}"));
            client.sign_in(msr_tests::Words::new(dialect, &format!("Member {nth}"))).await;
            client
        });
    }
    let clients = within("all registrations", registering.join_all()).await;
    let bytes = (server.resident_bytes() - before) / CONNECTIONS as u64;
    println!("{CONNECTIONS} registered connections: {:.1} KiB of server memory each", bytes as f64 / 1024.0);

    let credentials: Vec<String> = clients.iter().map(RawClient::credential).collect();
    let mut talking = JoinSet::new();
    for (nth, mut client) in clients.into_iter().enumerate() {
        let next = credentials[(nth + 1) % CONNECTIONS].clone();
        talking.spawn(async move {
            for count in 0..MESSAGES {
                client.send(&[&next], "hello", &count.to_string()).await;
            }
            for count in 0..MESSAGES {
                assert_eq!(client.receive_about("hello").await.content(), count);
            }
            client.nothing_else().await;
            client
        });
    }
    let clients = within("all messages", talking.join_all()).await;
    assert_eq!(clients.len(), CONNECTIONS);
    let refusals: Vec<String> = server.log_lines().into_iter().filter(|line| line.contains("code=")).collect();
    assert!(refusals.is_empty(), "{refusals:#?}");
}
