//! Which pages may connect: decided before the upgrade, refused with HTTP status 403 and a log line.

use msr_tests::{Dialect, Opening, RawClient, ServerProcess, Settings, Words, get};

/// What `GET /origin` says to a page of that origin.
async fn told(server: &ServerProcess, origin: Option<&str>) -> String {
    let headers: Vec<(&str, &str)> = origin.map(|origin| ("Origin", origin)).into_iter().collect();
    let answer = get(server.port, "/origin", &headers).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("*")));
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    body["origin"].as_str().unwrap().to_owned()
}

async fn allowed(server: &ServerProcess, origin: Option<&str>) {
    let mut client =
        Opening::at(server).origin(origin).open().await.unwrap_or_else(|status| panic!("{origin:?} was refused with {status}"));
    client.sign_in(Words::new(Dialect::A, "Alice")).await;
    assert_eq!(told(server, origin).await, "allowed", "{origin:?}");
}

async fn refused(server: &ServerProcess, origin: Option<&str>) {
    let status = Opening::at(server).origin(origin).open().await.err();
    assert_eq!(status, Some(403), "{origin:?}");
    assert_eq!(told(server, origin).await, "refused", "{origin:?}");
}

#[tokio::test]
async fn the_servers_own_unless_said_otherwise() {
    let server = ServerProcess::start().await;
    let mut undisturbed = RawClient::register(&server, Dialect::A, "Bob").await;
    let port = server.port;
    for origin in [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")] {
        allowed(&server, Some(&origin)).await;
    }
    let wrong = [
        "http://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        "null".to_owned(),
        String::new(),
        "http://localhost.evil.example".to_owned(),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://evil.example/http://localhost:{port}"),
        format!("http://localhost:{port}@evil.example"),
        format!("http://localhost:{port}.evil.example"),
        format!("http://evillocalhost:{port}"),
        format!("http://localhost:{}", port.wrapping_add(1).max(1)),
        "http://localhost".to_owned(),
        "http://127.0.0.1".to_owned(),
        format!("https://localhost:{port}"),
        format!("ws://localhost:{port}"),
        "file://".to_owned(),
        format!("http://localhost:{port}, http://evil.example"),
    ];
    for origin in &wrong {
        refused(&server, Some(origin)).await;
    }
    refused(&server, None).await;
    server.logged_times(&["code=410"], wrong.len() + 1).await;
    undisturbed.nothing_else().await;
}

#[tokio::test]
async fn the_host_header_makes_no_origin_its_own() {
    let server = ServerProcess::start().await;
    let rebound = Opening { host: "evil.example".to_owned(), ..Opening::at(&server) };
    assert_eq!(rebound.clone().origin(Some("http://evil.example")).open().await.err(), Some(403));
    let with_port = Opening { host: format!("evil.example:{}", server.port), ..rebound };
    assert_eq!(with_port.origin(Some(&format!("http://evil.example:{}", server.port))).open().await.err(), Some(403));
}

#[tokio::test]
async fn a_list() {
    let server = Settings::default().with("SRC", "HTTPS://App.Example:443/, http://other.example:8080").start().await;
    for origin in ["https://app.example", "http://other.example:8080"] {
        allowed(&server, Some(origin)).await;
    }
    for origin in ["http://app.example", "https://app.example:444", "https://sub.app.example", "http://other.example", "null"] {
        refused(&server, Some(origin)).await;
    }
    refused(&server, None).await;
    server.logged_code(410).await;
}

#[tokio::test]
async fn any() {
    let server = Settings::default().with("SRC", "ANY").start().await;
    for origin in [Some("https://whatever.example"), Some("null"), None] {
        allowed(&server, origin).await;
    }
}

#[tokio::test]
async fn none_admits_who_sends_no_origin() {
    let server = Settings::default().with("SRC", "https://app.example,NONE").start().await;
    allowed(&server, Some("https://app.example")).await;
    allowed(&server, None).await;
    for origin in ["null", "", "NONE", "none", "https://other.example"] {
        refused(&server, Some(origin)).await;
    }
}

#[tokio::test]
async fn a_src_that_is_no_origin_is_refused_at_the_start() {
    let (status, said) = Settings::default().with("SRC", "not an origin").refused().await;
    assert!(!status.success() && said.contains("not an origin"), "{said}");
}
