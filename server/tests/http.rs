//! The embedded server over plain HTTP and TLS: pages and headers, origins, handshakes, limits, the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod outside;

use std::time::Duration;

use msr_server::config::Config;
use outside::{Client, Running, deadline};

#[tokio::test]
async fn the_page_with_its_headers() {
    let server = Running::start(Config::default()).await;
    let mut client = Client::connect(&server).await;
    let page = client.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self';"), "{policy}");
    assert!(policy.ends_with("base-uri 'none'; form-action 'none'; frame-ancestors 'none'"), "{policy}");

    let etag = page.header("etag").unwrap();
    let again = client.request("GET", "/", &[("If-None-Match", etag)]).await;
    assert_eq!((again.status, again.header("etag"), again.body.as_str()), (304, Some(etag), ""));
    let changed = client.request("GET", "/", &[("If-None-Match", "\"other\"")]).await;
    assert_eq!((changed.status, changed.body), (200, page.body.clone()));
    let length = page.body.len().to_string();
    let head = client.request("HEAD", "/index.html", &[]).await;
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, Some(length.as_str()), ""));
}

#[tokio::test]
async fn what_is_not_there() {
    let server = Running::start(Config::default()).await;
    let mut client = Client::connect(&server).await;
    for path in
        ["/nowhere", "/pkg/", "/pkg/package.json", "/pkg/README.md", "/pkg/../Cargo.toml", "/../Cargo.toml", "//", "/app", "/%2e%2e/x.js"]
    {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, r#"{"code":404,"reason":"Not Found"}"#), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for path in ["/", "/healthz"] {
        let answer = client.request("DELETE", path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (405, r#"{"code":405,"reason":"Method Not Allowed"}"#), "{path}");
        assert!(answer.header("allow").unwrap().contains("GET"));
    }
}

#[tokio::test]
async fn a_client_that_closed_its_side_is_answered() {
    let server = Running::start(Config::default()).await;
    let mut client = Client::connect(&server).await;
    client.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.close_own_side().await;
    assert!(client.answer(false).await.body.starts_with(r#"{"status":"ok","connections":0,"peers":0,"#));
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn health_shows_every_count() {
    let server = Running::start(outside::open_to_all()).await;
    let mut socket = Client::connect(&server).await;
    assert_eq!(socket.upgrade("/", &[]).await.status, 101);
    // A masked text frame of two bytes that is no message: refused with 4400.
    socket.write_bytes(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).await;
    assert_eq!(socket.read_exactly(4).await[2..], 4400_u16.to_be_bytes());
    let health = Client::connect(&server).await.get("/healthz").await;
    let health: serde_json::Value = serde_json::from_str(&health.body).unwrap();
    for name in ["connections", "peers", "registered", "routed", "delivered", "dropped", "unreached", "refused", "store_lost", "list_bytes"]
    {
        assert!(health[name].is_u64(), "{name} in {health}");
    }
    assert_eq!((&health["refused"], &health["routed"]), (&1.into(), &0.into()));
}

#[tokio::test]
async fn who_may_connect() {
    let server = Running::start(Config::default()).await;
    let own = [format!("http://127.0.0.1:{}", server.port()), format!("http://localhost:{}", server.port())];
    for origin in &own {
        let mut client = Client::connect(&server).await;
        assert_eq!(client.upgrade("/", &[("Origin", origin)]).await.status, 101, "{origin}");
    }
    let other_port = format!("http://127.0.0.1:{}", server.port().wrapping_add(1));
    let other_scheme = format!("https://127.0.0.1:{}", server.port());
    let suffix = format!("http://127.0.0.1.evil.example:{}", server.port());
    for headers in [
        &[][..],
        &[("Origin", "null")],
        &[("Origin", "")],
        &[("Origin", &other_port)],
        &[("Origin", &other_scheme)],
        &[("Origin", &suffix)],
        &[("Origin", &own[0]), ("Origin", &own[0])],
        &[("Origin", "http://evil.example"), ("Host", "evil.example")],
    ] {
        let mut client = Client::connect(&server).await;
        let answer = client.upgrade("/", headers).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert!(answer.body.starts_with(r#"{"code":410,"reason":""#), "{}", answer.body);
        assert_eq!(client.request("POST", "/origin", headers).await.body, r#"{"origin":"refused","protocols":["msr.v2"]}"#, "{headers:?}");
    }
}

#[tokio::test]
async fn a_page_asks_whether_it_may_connect() {
    let server = Running::start(Config::default()).await;
    let mut client = Client::connect(&server).await;
    let own = format!("http://localhost:{}", server.port());
    for method in ["GET", "POST"] {
        let answer = client.request(method, "/origin", &[("Origin", &own)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"origin":"allowed","protocols":["msr.v2"]}"#));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // What a browser sends to the page's own server.
    let host = format!("localhost:{}", server.port());
    let same = client.request("GET", "/origin", &[("Host", &host), ("Sec-Fetch-Site", "same-origin")]).await;
    assert_eq!(same.body, r#"{"origin":"allowed","protocols":["msr.v2"]}"#);
    for headers in [
        &[("Host", host.as_str())][..],
        &[("Host", &host), ("Sec-Fetch-Site", "same-site")],
        &[("Host", "evil.example"), ("Sec-Fetch-Site", "same-origin")],
        &[("Host", &host), ("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
    ] {
        assert_eq!(client.request("GET", "/origin", headers).await.body, r#"{"origin":"refused","protocols":["msr.v2"]}"#, "{headers:?}");
    }
}

#[tokio::test]
async fn upgrades_at_any_path_and_the_original_sub_protocol() {
    let server = Running::start(outside::open_to_all()).await;
    for (path, offered, chosen) in [
        ("/", None, None),
        ("/healthz", Some("null"), Some("null")),
        ("/pkg/index.js?x", Some("chat, null"), Some("null")),
        ("/any/path", Some("chat, superchat"), None),
        ("/origin", Some("NULL"), None),
    ] {
        let headers: Vec<(&str, &str)> = offered.map(|offered| ("Sec-WebSocket-Protocol", offered)).into_iter().collect();
        let answer = Client::connect(&server).await.upgrade(path, &headers).await;
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, chosen), "{path}");
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}

#[tokio::test]
async fn handshakes_that_are_none() {
    let server = Running::start(outside::open_to_all()).await;
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut client = Client::connect(&server).await;
    let old = client.request("GET", "/", &[upgrade[0], upgrade[1], key, ("Sec-WebSocket-Version", "8")]).await;
    assert_eq!((old.status, old.header("sec-websocket-version")), (426, Some("13")));
    let version = ("Sec-WebSocket-Version", "13");
    for (method, headers, status) in [
        ("GET", &[upgrade[0], upgrade[1], version][..], 400),
        ("GET", &[upgrade[1], version, key], 400),
        ("GET", &[upgrade[0], upgrade[1], version, ("Sec-WebSocket-Key", "short")], 400),
        ("DELETE", &[upgrade[0], upgrade[1], version, key], 405),
    ] {
        let answer = Client::connect(&server).await.request(method, "/", headers).await;
        assert_eq!(answer.status, status, "{method} {headers:?} {}", answer.body);
    }
}

#[tokio::test]
async fn a_message_that_is_too_large() {
    let server = Running::start(outside::open_to_all()).await;
    let mut client = Client::connect(&server).await;
    assert_eq!(client.upgrade("/", &[]).await.status, 101);
    // A masked text frame that says it has 2 MiB.
    client.write_bytes(&[0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0]).await;
    let frame = client.read_exactly(4).await;
    assert_eq!((frame[0], &frame[2..]), (0x88, &1009_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn headers_that_are_too_many_or_too_long() {
    let server = Running::start(Config::default()).await;
    let many = "x: y\r\n".repeat(100);
    let long = format!("x: {}\r\n", "y".repeat(20_000));
    for headers in [many, long] {
        let mut client = Client::connect(&server).await;
        client.write(&format!("GET / HTTP/1.1\r\nhost: x\r\n{headers}\r\n")).await;
        assert_eq!(client.answer(false).await.status, 431);
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_never_end() {
    let server = Running::start(Config::default()).await;
    for sent in ["", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = Client::connect(&server).await;
        client.write(sent).await;
        deadline(client.rest()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_speaks_plain_http_for_ever() {
    let server = Running::start(Config::default()).await;
    let mut client = Client::connect(&server).await;
    let mut served = 0;
    while client.try_get("/healthz").await.is_some_and(|answer| answer.status == 200) {
        served += 1;
        assert!(served < 100, "still served");
        tokio::time::sleep(Duration::from_secs(8)).await;
    }
    assert!(served > 30, "{served}");
}

#[tokio::test]
async fn connections_of_one_address() {
    let server = Running::start(Config { max_connections_per_address: Some(2), ..outside::open_to_all() }).await;
    let mut first = Client::connect(&server).await;
    assert_eq!(first.get("/healthz").await.status, 200);
    let mut second = Client::connect(&server).await;
    assert_eq!(second.upgrade("/", &[]).await.status, 101);

    let mut third = Client::connect(&server).await;
    let refused = third.get("/healthz").await;
    assert_eq!((refused.status, refused.body.as_str()), (503, r#"{"code":504,"reason":"this address has too many connections"}"#));
    drop(second);
    loop {
        // Until the server has seen it go.
        if Client::connect(&server).await.try_get("/healthz").await.is_some_and(|answer| answer.status == 200) {
            break;
        }
    }
    assert_eq!(first.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn draining() {
    let mut server = Running::start(outside::open_to_all()).await;
    let mut kept = Client::connect(&server).await;
    let mut socket = Client::connect(&server).await;
    assert_eq!(socket.upgrade("/", &[]).await.status, 101);
    assert!(kept.get("/healthz").await.body.starts_with(r#"{"status":"ok","connections":1,"peers":0,"#));

    server.stop();
    // The socket does not answer the close, so the drain waits for it, and who is connected can ask.
    let health = loop {
        let health = deadline(kept.get("/healthz")).await;
        if health.status != 200 {
            break health;
        }
    };
    assert_eq!(health.status, 503);
    assert!(health.body.starts_with(r#"{"status":"draining","#), "{}", health.body);
    assert_eq!(kept.upgrade("/", &[]).await.status, 503);
    assert_eq!(socket.read_exactly(4).await[2..], 1012_u16.to_be_bytes());
    drop(socket);
    deadline(server.ended()).await;
    assert_eq!(kept.rest().await, b"");
    assert!(Client::try_connect(&server).await.is_err(), "still listening");
}

#[tokio::test]
async fn an_address_in_use() {
    let server = Running::start(Config::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let config = Config { port: server.port(), store: folder.path().to_owned(), ..Config::default() };
    let error = msr_server::server::Server::bind(config).await.err().unwrap();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{}: ", server.port())), "{error}");
}
