use super::*;

#[test]
fn dialect_a() {
    let room = Room::new();
    let ann = peer("Ann");
    let mut client = room.connect();
    client.says(registration(&ann));
    let answer = client.gets_one();
    let credential = ann.credential().to_string();
    assert_eq!((&answer["from"], &answer["to"][0]), (&Value::from(credential.clone()), &Value::from(credential)));
    assert_eq!(answer["timestamp"], NOW_MS);
    assert_eq!(answer["content"], serde_json::json!({"status": 1, "originTime": NOW_MS - 5, "orginTime": NOW_MS - 5}));
    assert_eq!(client.ending(), None);
    assert_eq!(room.shared.registry.peers(), 1);
    client.leaves();
    assert_eq!(room.shared.registry.peers(), 0);
    assert!(room.shared.connections.lock().is_empty());
}

#[test]
fn dialect_b() {
    let room = Room::new();
    let mut client = room.connect();
    client.says(registration_b(&peer("Bob"), ""));
    let content = client.gets_one()["content"].clone();
    assert_eq!((&content["status"], &content["reason"]), (&200.into(), &"Registration Succeed".into()));
    assert_eq!((&content["originTime"], &content["processTime"]), (&(NOW_MS - 5).into(), &0.into()));
    assert_eq!(content["peer"]["name"], "Bob");
    assert!(!content.to_string().contains(&hash_secret("secret")), "no secret is told");
}

#[test]
fn a_wrong_credential_is_refused() {
    let room = Room::new();
    let text = registration(&peer("Ann"));
    let mut stolen = peer("Ann");
    stolen.secret = JsonText::string(&hash_secret("guess"));
    let content = stolen.to_text().replace(&stolen.credential().to_string(), &peer("Ann").credential().to_string());
    let credential = peer("Ann").credential();
    let forged = message(credential, &[credential], "register", JsonText::from_spelled(content)).to_text();
    assert_ne!(text, forged);
    let mut client = room.connect();
    client.says(forged);
    assert_eq!(client.gets(), Vec::<Value>::new(), "dialect A has no answer for it");
    assert_eq!(client.ending(), refused(Code::InvalidRegistration));

    let mut client = room.connect();
    client.says(registration_b(&Peer { name: JsonText::empty_string(), ..peer("Bob") }, ""));
    assert_eq!(client.gets_one()["content"]["status"], 401);
    assert_eq!(client.ending(), refused(Code::InvalidRegistration));
    assert_eq!(room.shared.registry.peers(), 0);
}

#[test]
fn too_late() {
    let room = Room::new();
    let client = room.connect();
    client.connection.time_out();
    let answer = client.gets_one();
    assert_eq!((&answer["from"], &answer["subject"]), (&"00000000".into(), &"register".into()));
    assert_eq!(answer["content"]["status"], 403);
    assert_eq!(client.ending(), refused(Code::RegistrationTimeout));
}

#[test]
fn a_second_registration() {
    let room = Room::new();
    let mut client = room.register(&peer("Ann"));
    client.says(registration(&peer("Ann")));
    assert_eq!(client.ending(), refused(Code::DuplicateRegistration));

    let (mut client, _) = room.register_b(&peer("Bob"));
    client.says(registration_b(&peer("Bob"), ""));
    assert_eq!(client.gets_one()["content"]["status"], 402);
    assert_eq!(client.ending(), None, "dialect B stays");
}

#[test]
fn a_flood_of_second_registrations() {
    let message_burst = 2 + 2 * limits::DROP_COST_MESSAGES;
    let room = Room::with_rate(Rate { messages_per_second: 1, message_burst, ..Rate::default() });
    let (mut client, _) = room.register_b(&peer("Bob"));
    client.says(registration_b(&peer("Bob"), ""));
    assert_eq!(client.gets_one()["content"]["status"], 402);
    client.says(registration_b(&peer("Bob"), ""));
    assert_eq!(client.gets(), Vec::<Value>::new());
    assert_eq!(client.ending(), refused(Code::RateLimited), "each leaves a line in the log");
}

#[test]
fn something_else_first() {
    let room = Room::new();
    let ann = peer("Ann").credential();
    for subject in ["test", "find", "bye"] {
        let mut client = room.connect();
        client.says(message(ann, &[ann], subject, JsonText::null()).to_text());
        assert_eq!(client.ending(), refused(Code::NotRegistered), "{subject}");
    }
}

#[test]
fn no_more_connections_than_a_credential_may_have() {
    let room = Room::new();
    let mut clients: Vec<Client> = (0..limits::CONNECTIONS_PER_CREDENTIAL).map(|_| room.register(&peer("Ann"))).collect();
    let mut client = room.connect();
    client.says(registration(&peer("Ann")));
    assert_eq!(client.ending(), refused(Code::TooManyConnections));
    clients.pop().unwrap().leaves();
    room.register(&peer("Ann"));
    assert_eq!(room.shared.registry.peers(), 1);
}

#[test]
fn bye() {
    let room = Room::new();
    let ann = peer("Ann").credential();
    let mut client = room.register(&peer("Ann"));
    client.says(message(ann, &[], "bye", JsonText::null()).to_text());
    assert_eq!(client.ending(), Some(Ending::Bye));
}

#[test]
fn a_draining_switch_takes_nobody_in() {
    let room = Room::new();
    room.shared.draining.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(room.connect().ending(), refused(Code::GoingAway));
}

#[tokio::test]
async fn the_store_learns_who_came_and_went() {
    let room = Room::new();
    let ann = peer("Ann").credential();
    let (one, two) = (room.register(&peer("Ann")), room.register(&peer("Ann")));
    one.leaves();
    room.shared.store.flush().await.unwrap();
    assert!(room.shared.store.peer(ann).unwrap().unwrap().online, "the other connection is there");
    two.leaves();
    room.shared.store.flush().await.unwrap();
    let stored = room.shared.store.peer(ann).unwrap().unwrap();
    assert_eq!((stored.online, stored.signed_in_ms, stored.signed_out_ms), (false, NOW_MS, NOW_MS));
    let file = std::fs::read(room.folder.path().join("peers.redb")).unwrap();
    let secret = hash_secret("secret");
    assert!(!file.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "no secret on disk");
}
