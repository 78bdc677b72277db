//! Who may register, and what is answered.

use msr_tests::{Dialect, Ended, RawClient, Received, ServerProcess, Words, md5};
use serde_json::json;

/// What a client of the original computes of an answer: its clock less the server's, in ms.
fn offset_ms(received_ms: f64, answer: &Received) -> f64 {
    let content = answer.content();
    let origin = content["originTime"].as_f64().expect("originTime");
    let process = content["processTime"].as_f64().unwrap_or(0.0);
    received_ms - answer.timestamp() as f64 - (received_ms - origin - process) / 2.0
}

fn wall_ms() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}

#[tokio::test]
async fn dialect_a_is_answered_as_in_the_original() {
    let server = ServerProcess::start().await;
    let mut client = RawClient::open(&server).await;
    client.words = Words::new(Dialect::A, "Quark Li");
    let request = client.registration();
    client.send_text(request.to_text()).await;
    let answer = client.receive().await;
    let received_ms = wall_ms();

    let credential = client.credential();
    assert_eq!(answer.dialect(), Dialect::A);
    assert_eq!(answer.message.to, format!("[\"{credential}\"]"));
    assert_eq!(answer.message.from, format!("\"{credential}\""));
    assert_eq!(answer.subject(), "register");
    let origin: i64 = request.timestamp.parse().unwrap();
    assert_eq!(answer.content(), json!({ "status": 1, "originTime": origin, "orginTime": origin }));
    let offset = offset_ms(received_ms, &answer);
    assert!(offset.is_finite() && offset.abs() < 60_000.0, "one machine, one clock: {offset}");
}

#[tokio::test]
async fn dialect_b_is_answered_as_in_the_original() {
    let server = ServerProcess::start().await;
    let mut client = RawClient::open(&server).await;
    client.words = Words { publish: false, ..Words::new(Dialect::B, "Quark Li") };
    let request = client.registration();
    client.send_text(request.to_text()).await;
    let answer = client.receive().await;
    let received_ms = wall_ms();

    let credential = client.credential();
    assert_eq!(answer.dialect(), Dialect::B);
    assert_eq!(answer.message.to, format!("[\"{credential}\"]"));
    assert_eq!(answer.message.from, format!("\"{credential}\""));
    assert_eq!(answer.subject(), "register");
    let content = answer.content();
    assert_eq!(content["status"], 200);
    assert_eq!(content["sessid"], "", "the content of the request comes back");
    assert_eq!(content["reason"], "Registration Succeed");
    assert_eq!(content["originTime"], request.timestamp.parse::<i64>().unwrap());
    assert!(content["processTime"].as_f64().is_some_and(|ms| (0.0..10_000.0).contains(&ms)), "{content}");
    let session = content["peer"]["connection"].as_str().expect("a session id");
    assert!(session.len() >= 16, "{session} can be guessed");
    assert_eq!(
        content["peer"],
        json!({
            "credential": credential,
            "name": "Quark Li",
            "contact": "quark.li@example.org",
            "location": { "city": "unknown", "country": "unknown", "addr": "unknown" },
            "hidden": true,
            "connection": session,
        })
    );
    assert!(!answer.text.contains(&client.words.secret), "the secret never comes back");
    assert!(offset_ms(received_ms, &answer).abs() < 60_000.0);
}

#[tokio::test]
async fn odd_names_register_in_both_dialects() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        for name in [r#""日本語 😀""#, r#""\"quoted\\\"""#, r#""\ud800 alone""#, r#""line\nbreak \u001f""#, "\"\u{2028}\""] {
            let words = Words { name: name.to_owned(), ..Words::new(dialect, "odd") };
            RawClient::register_as(&server, words).await.nothing_else().await;
        }
    }
}

#[tokio::test]
async fn another_spelling_of_the_json_registers() {
    let server = ServerProcess::start().await;
    let mut client = RawClient::open(&server).await;
    client.words = Words::new(Dialect::A, "Zoe");
    let request = client.registration();
    let spaced = request.to_text().replace("\"name\":\"Zoe\"", "\"name\" : \"\\u005aoe\"").replace(",\"content\"", " , \"content\"");
    assert_ne!(spaced, request.to_text());
    client.send_text(spaced).await;
    assert_eq!(client.receive_about("register").await.content()["status"], 1);
}

#[tokio::test]
async fn invalid_in_dialect_a_is_closed_with_4401() {
    let server = ServerProcess::start().await;
    let words = Words::new(Dialect::A, "Alice");
    let other = Words::new(Dialect::A, "Mallory").credential();
    let mut attempts = vec![];
    for broken in [
        words.to_text().replace("Alice", "Alicia"),
        words.to_text().replace(&words.secret, &md5("another secret")),
        words.to_text().replace(&words.email, "7"),
        words.to_text().replace(&format!("\"name\":{},", words.name), ""),
        "{}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
    ] {
        let mut client = RawClient::open(&server).await;
        client.words = words.clone();
        let mut request = client.registration();
        request.content = broken;
        attempts.push((client, request));
    }
    for (from, to) in [(other.clone(), words.credential()), (words.credential(), other.clone())] {
        let mut client = RawClient::open(&server).await;
        client.words = words.clone();
        let mut request = client.registration();
        request.from = format!("\"{from}\"");
        request.to = format!("[\"{to}\"]");
        attempts.push((client, request));
    }
    for (mut client, request) in attempts {
        client.send_text(request.to_text()).await;
        assert_eq!(client.ended().await, Ended::Closed(4401), "{}", request.content);
    }
    server.logged_code(401).await;
}

#[tokio::test]
async fn invalid_in_dialect_b_is_answered_401_and_closed() {
    let server = ServerProcess::start().await;
    let words = Words::new(Dialect::B, "Bob");
    let nameless = Words { name: "\"\"".to_owned(), ..words.clone() };
    let without_contact = Words { email: "\"\"".to_owned(), ..words.clone() };
    let without_secret = Words { secret: String::new(), ..words.clone() };
    for content in [
        format!(r#"{{"peer":{},"sessid":""}}"#, words.to_text().replace("Bob", "Rob")),
        format!(r#"{{"peer":{},"sessid":""}}"#, nameless.to_text()),
        format!(r#"{{"peer":{},"sessid":""}}"#, without_contact.to_text()),
        format!(r#"{{"peer":{},"sessid":""}}"#, without_secret.to_text()),
        r#"{"sessid":""}"#.to_owned(),
        "{}".to_owned(),
    ] {
        let mut client = RawClient::open(&server).await;
        client.words = words.clone();
        let mut request = client.registration();
        request.content = content;
        client.send_text(request.to_text()).await;
        let answer = client.receive_about("register").await;
        assert_eq!(answer.dialect(), Dialect::B);
        assert_eq!(answer.content()["status"], 401, "{}", request.content);
        assert_eq!(answer.content()["reason"], "Invalid Registration Request");
        assert_eq!(client.ended().await, Ended::Closed(4401));
    }
    server.logged_code(401).await;
}

#[tokio::test]
async fn a_second_registration_in_dialect_a_is_closed_with_4402() {
    let server = ServerProcess::start().await;
    let mut client = RawClient::register(&server, Dialect::A, "Alice").await;
    let mut bystander = RawClient::register(&server, Dialect::A, "Alice").await;
    client.send_text(client.registration().to_text()).await;
    assert_eq!(client.ended().await, Ended::Closed(4402));
    server.logged_code(402).await;
    bystander.nothing_else().await;
}

#[tokio::test]
async fn a_second_registration_in_dialect_b_is_answered_402() {
    let server = ServerProcess::start().await;
    let mut client = RawClient::register(&server, Dialect::B, "Bob").await;
    client.send_text(client.registration().to_text()).await;
    let answer = client.receive_about("register").await;
    assert_eq!(answer.content()["status"], 402);
    assert_eq!(answer.content()["reason"], "Duplicated Registration");
    server.logged_code(402).await;
    client.nothing_else().await;
}

#[tokio::test]
async fn whoever_does_not_register_is_told_after_4_320_ms() {
    let server = ServerProcess::start().await;
    let mut silent = RawClient::open(&server).await;
    let started = tokio::time::Instant::now();
    let answer = silent.receive_about("register").await;
    assert!(started.elapsed().as_millis() >= 4_000, "that was too early");
    assert_eq!(answer.dialect(), Dialect::B);
    assert_eq!((answer.message.to.as_str(), answer.message.from.as_str()), (r#"["00000000"]"#, r#""00000000""#));
    assert_eq!(answer.content()["status"], 403);
    assert_eq!(answer.content()["reason"], "Registration Timeout");
    assert_eq!(silent.ended().await, Ended::Closed(4403));
    server.logged_code(403).await;
}

#[tokio::test]
async fn whoever_says_something_else_first_is_closed_with_4412() {
    let server = ServerProcess::start().await;
    let mut registered = RawClient::register(&server, Dialect::A, "Alice").await;
    for dialect in Dialect::BOTH {
        for subject in ["test", "find", "query", "bye"] {
            let mut client = RawClient::open(&server).await;
            client.words = Words::new(dialect, "Eve");
            client.send(&[&registered.credential()], subject, "{}").await;
            assert_eq!(client.ended().await, Ended::Closed(4412), "{subject}");
        }
    }
    server.logged_code(412).await;
    registered.nothing_else().await;
}

#[tokio::test]
async fn bye_closes_the_connection() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        let mut client = RawClient::register(&server, dialect, "Alice").await;
        let mut other_connection = RawClient::register(&server, dialect, "Alice").await;
        client.send(&[&client.credential()], "bye", "{}").await;
        assert!(matches!(client.ended().await, Ended::Closed(1000)), "a good-bye is no error");
        other_connection.nothing_else().await;
    }
}
