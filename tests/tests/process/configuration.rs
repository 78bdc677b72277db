//! What the server is told, and by whom: a flag over the environment over the file.

use std::fs;

use msr_tests::{Dialect, Opening, RawClient, ServerProcess, Settings, get};

/// Whether a page of this origin may connect.
async fn admits(server: &ServerProcess, origin: &str) -> bool {
    Opening::at(server).origin(Some(origin)).open().await.is_ok()
}

/// Settings with a file that says `text`.
fn with_file(text: &str) -> Settings {
    let settings = Settings::default();
    let file = settings.folder().join("msr.toml");
    fs::write(&file, text).unwrap();
    settings.with("CONFIG", file.display())
}

#[tokio::test]
async fn a_flag_goes_before_the_environment_before_the_file() {
    let file = with_file("src = \"https://file.example\"\n");
    let server = file.start().await;
    assert!(admits(&server, "https://file.example").await);
    drop(server);
    let environment = file.with("SRC", "https://environment.example");
    let server = environment.start().await;
    assert!(admits(&server, "https://environment.example").await && !admits(&server, "https://file.example").await);
    drop(server);
    let server = environment.argument("--src").argument("https://flag.example").start().await;
    assert!(admits(&server, "https://flag.example").await && !admits(&server, "https://environment.example").await);
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let refused = [
        (Settings::default().with("PORT", "many"), "many"),
        (Settings::default().with("TTL", "-1"), "-1"),
        (Settings::default().argument("--no-such-flag"), "--no-such-flag"),
        (Settings::default().with("CONFIG", "/no/such/file.toml"), "/no/such/file.toml"),
        (with_file("no-such-key = 1\n"), "no-such-key"),
        (with_file("port = \n"), "msr.toml"),
        (Settings::default().with("DBSRC", "mongodb://localhost/msr"), "mongodb"),
    ];
    for (settings, named) in refused {
        let (status, said) = settings.refused().await;
        assert!(!status.success() && said.contains(named) && !said.contains("panicked"), "{named}: {said}");
    }
}

#[tokio::test]
async fn the_store_may_be_a_file_url() {
    let settings = Settings::default();
    let folder = settings.folder().join("another");
    let server = settings.with("DBSRC", format!("file://{}", folder.display())).start().await;
    RawClient::register(&server, Dialect::A, "Alice").await.nothing_else().await;
    assert!(folder.is_dir());
}

#[tokio::test]
async fn connections_beyond_the_limit_of_an_address_are_refused() {
    let server = Settings::default().with("MAX_CONNECTIONS_PER_ADDRESS", 2).start().await;
    let mut alice = RawClient::register(&server, Dialect::A, "Alice").await;
    let _bob = RawClient::register(&server, Dialect::A, "Bob").await;
    let refusal = get(server.port, "/", &[]).await;
    assert_eq!(refusal.status, 503);
    assert!(refusal.body.contains("504"), "{refusal:?}");
    server.logged_code(504).await;
    alice.nothing_else().await;
}
