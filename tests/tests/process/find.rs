//! The directory: who is online and wants to be found.

use msr_tests::{Dialect, RawClient, Received, ServerProcess, Words, quoted};
use serde_json::{Value, json};

/// How many peers one search gives.
const FOUND_PEERS: usize = 20;

/// Asks, and reads every message of the answer.
async fn find(client: &mut RawClient, subject: &str, content: &str) -> Vec<Received> {
    client.send(&[&client.credential()], subject, content).await;
    let first = client.receive().await;
    let total = first.content()["total"].as_u64().unwrap_or(1) as usize;
    let mut answers = vec![first];
    while answers.len() < total {
        answers.push(client.receive().await);
    }
    for answer in &answers {
        assert_eq!((answer.dialect(), answer.message.from.clone()), (client.words.dialect, quoted(&client.credential())));
        assert!(["find", subject].contains(&answer.subject().as_str()), "{}", answer.text);
    }
    client.nothing_else().await;
    answers
}

async fn find_keyword(client: &mut RawClient, keyword: &str) -> Vec<Value> {
    let content = format!(r#"{{"target":"peer","keyword":{keyword}}}"#);
    find(client, "find", &content).await.iter().map(Received::content).collect()
}

/// The names found for a keyword, a JSON text.
async fn names(client: &mut RawClient, keyword: &str) -> Vec<String> {
    let contents = find_keyword(client, keyword).await;
    let mut names: Vec<String> = contents.iter().filter_map(|content| content["peer"]["name"].as_str().map(str::to_owned)).collect();
    names.sort();
    names
}

async fn status(client: &mut RawClient, keyword: &str) -> Value {
    find_keyword(client, keyword).await[0]["status"].clone()
}

#[tokio::test]
async fn by_name_and_address_in_both_dialects() {
    let server = ServerProcess::start().await;
    let _quark = RawClient::register(&server, Dialect::A, "Quark Li").await;
    let words = Words { location: r#"{"city":"Z","coords":{"x":1}}"#.to_owned(), ..Words::new(Dialect::B, "Ада") };
    let ada = RawClient::register_as(&server, words).await;
    for dialect in Dialect::BOTH {
        let mut client = RawClient::register(&server, dialect, "Seeker").await;
        for keyword in ["\"quark\"", "\"QUARK LI\"", "\"k l\"", "\"quark.li@EXAMPLE\"", "\"\\u0071uark\""] {
            assert_eq!(names(&mut client, keyword).await, ["Quark Li"], "{keyword}");
        }
        assert_eq!(names(&mut client, "\"АДА\"").await, ["Ада"]);
        let found = find_keyword(&mut client, "\"ада\"").await.remove(0);
        assert_eq!((&found["status"], &found["reason"]), (&json!(200), &json!("Found Matched Target")));
        let (email, hidden) = if dialect == Dialect::A { ("email", "publish") } else { ("contact", "hidden") };
        let peer = json!({
            "credential": ada.credential(), "name": "Ада", email: "ада@example.org",
            "location": { "city": "Z", "coords": { "x": 1 } }, hidden: dialect == Dialect::A,
        });
        assert_eq!(found["peer"], peer, "as everybody may see it: no secret, no session");
    }
}

#[tokio::test]
async fn query_is_find_and_the_keyword_may_stand_alone() {
    let server = ServerProcess::start().await;
    let mut client = RawClient::register(&server, Dialect::A, "Alice").await;
    for (subject, content) in
        [("query", r#"{"target":"peer","keyword":"alice"}"#), ("query", "\"alice\""), ("find", r#"{"keyword":"alice"}"#)]
    {
        let answers = find(&mut client, subject, content).await;
        assert_eq!(answers[0].content()["peer"]["name"], "Alice", "{subject} {content}");
    }
}

#[tokio::test]
async fn only_who_is_online_and_not_hidden() {
    let server = ServerProcess::start().await;
    let hidden_a = RawClient::register_as(&server, Words { publish: false, ..Words::new(Dialect::A, "Hidden A") }).await;
    let _hidden_b = RawClient::register_as(&server, Words { publish: false, ..Words::new(Dialect::B, "Hidden B") }).await;
    let mut client = RawClient::register(&server, Dialect::A, "Seeker").await;
    assert_eq!(status(&mut client, "\"hidden\"").await, 201);
    assert_eq!(status(&mut client, &quoted(&hidden_a.words.secret)).await, 201, "secrets are not searched");

    let phone = RawClient::register(&server, Dialect::A, "Two Devices").await;
    let mut laptop = RawClient::register(&server, Dialect::A, "Two Devices").await;
    assert_eq!(names(&mut client, "\"two\"").await, ["Two Devices"], "a peer is found once");
    let credential = phone.credential();
    phone.close().await;
    server.logged(&["signed out", &credential]).await;
    assert_eq!(names(&mut client, "\"two\"").await, ["Two Devices"], "still on the laptop");
    laptop.send(&[], "bye", "null").await;
    laptop.ended().await;
    server.logged_times(&["signed out", &credential], 2).await;
    assert_eq!(status(&mut client, "\"two\"").await, 201);
}

#[tokio::test]
async fn twenty_at_most() {
    let server = ServerProcess::start().await;
    let mut crowd = vec![];
    for nth in 0..FOUND_PEERS + 5 {
        crowd.push(RawClient::register(&server, Dialect::A, &format!("Member {nth}")).await);
    }
    let found = names(&mut crowd[0], "\"member\"").await;
    assert_eq!(found.len(), FOUND_PEERS);
}

#[tokio::test]
async fn a_keyword_is_never_a_pattern() {
    let server = ServerProcess::start().await;
    let _regular = RawClient::register(&server, Dialect::A, "Regular").await;
    let _odd = RawClient::register(&server, Dialect::A, "a.*b [x] (y) $ ^ \\").await;
    let mut client = RawClient::register_as(&server, Words { publish: false, ..Words::new(Dialect::B, "Seeker") }).await;
    for pattern in [".*", "^r", "r$", "[a-z]+", "reg|x", "R.gular", "(", "[", "\\", "*", "%", "_", "a.*b.*"] {
        let expected =
            if "a.*b [x] (y) $ ^ \\".contains(pattern) || "a.*b.[x].(y).$.^.\\@example.org".contains(pattern) { 200 } else { 201 };
        assert_eq!(status(&mut client, &quoted(pattern)).await, expected, "{pattern}");
    }
    assert_eq!(status(&mut client, r#""{\"$regex\":\".*\"}""#).await, 201);
}

#[tokio::test]
async fn a_keyword_that_is_no_string_is_answered_400() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        let mut client = RawClient::register(&server, dialect, "Alice").await;
        for content in [
            r#"{"target":"peer","keyword":{"$regex":".*"}}"#,
            r#"{"target":"peer","keyword":[".*"]}"#,
            r#"{"target":"peer","keyword":null}"#,
            r#"{"target":"peer","keyword":7}"#,
            r#"{"target":"peer"}"#,
            r#"{"target":"secret","keyword":"alice"}"#,
            "null",
            "[]",
        ] {
            let answers = find(&mut client, "find", content).await;
            assert_eq!(answers[0].content()["status"], 400, "{content}");
        }
    }
    server.logged_code(400).await;
}

#[tokio::test]
async fn nobody_found_is_answered_201() {
    let server = ServerProcess::start().await;
    for dialect in Dialect::BOTH {
        let mut client = RawClient::register(&server, dialect, "Alice").await;
        let content = find_keyword(&mut client, "\"zebra\"").await.remove(0);
        assert_eq!((&content["status"], &content["reason"]), (&json!(201), &json!("No Matched Target")));
        assert_eq!(content["keyword"], "zebra");
        assert!(content["originTime"].is_i64() && content.get("peer").is_none(), "{content}");
    }
}
