//! What the port says over plain HTTP, and where it takes upgrades.

use msr_tests::{Dialect, Opening, ServerProcess, Words, get};
use serde_json::Value;

#[tokio::test]
async fn the_page() {
    let server = ServerProcess::start().await;
    let page = get(server.port, "/", &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{page:?}");
    assert!(page.body.contains("<html"), "{page:?}");
    let policy = page.header("content-security-policy").expect("a policy");
    let sources = |directive: &str| policy.split(';').find_map(|rule| rule.trim().strip_prefix(directive).map(str::trim));
    assert_eq!(sources("default-src"), Some("'none'"), "{policy}");
    assert_eq!(sources("script-src"), Some("'self' 'wasm-unsafe-eval'"), "{policy}");
    assert!(!policy.replace("'wasm-unsafe-eval'", "").contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn nothing_outside_the_page_and_the_package() {
    let server = ServerProcess::start().await;
    for path in
        ["/pkg/no-such-file.js", "/no-such-page", "/pkg/../Cargo.toml", "/pkg/..%2f..%2fCargo.toml", "/..%2fCargo.toml", "/pkg//etc/passwd"]
    {
        assert_eq!(get(server.port, path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn whether_it_serves() {
    let server = ServerProcess::start().await;
    let health = get(server.port, "/healthz", &[]).await;
    assert_eq!((health.status, health.header("access-control-allow-origin")), (200, Some("*")));
    let body: Value = serde_json::from_str(&health.body).unwrap();
    assert_eq!(body["status"], "ok");
}

#[tokio::test]
async fn upgrades_at_any_path() {
    let server = ServerProcess::start().await;
    for path in ["/", "/chat", "/a/b/c?d=e", "/healthz", "/pkg/", "/origin"] {
        let mut client = Opening::at(&server).path(path).open().await.unwrap_or_else(|status| panic!("{path}: {status}"));
        client.sign_in(Words::new(Dialect::A, "Alice")).await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn the_sub_protocol_null_is_answered_with_that_token() {
    let server = ServerProcess::start().await;
    let mut page = Opening::at(&server).protocol("null").open().await.unwrap();
    assert_eq!(page.protocol.as_deref(), Some("null"));
    page.sign_in(Words::new(Dialect::A, "Alice")).await;
    let plain = Opening::at(&server).open().await.unwrap();
    assert_eq!(plain.protocol, None);
}

#[tokio::test]
async fn a_host_that_is_not_its_own_is_served_no_secrets() {
    let server = ServerProcess::start().await;
    let health = get(server.port, "/healthz", &[("Origin", "https://evil.example")]).await;
    assert!(health.header("access-control-allow-credentials").is_none(), "{health:?}");
}
