use super::*;

impl Room {
    fn resume(&self, session: &str) -> (Client, Value) {
        let mut client = self.connect();
        client.says(resumption(session));
        let answer = client.gets_one()["content"].clone();
        (client, answer)
    }

    fn resume_well(&self, session: &str) -> (Client, String) {
        let (client, answer) = self.resume(session);
        assert_eq!(answer["status"], 200, "{answer}");
        (client, answer["peer"]["connection"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_session_whose_connection_ended_goes_on() {
    let room = Room::new();
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    let (client, answer) = room.resume(&id);
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["peer"]["credential"], peer("Bob").credential_b().to_string());
    assert_ne!(answer["peer"]["connection"], Value::from(id), "a new session id");
    assert!(client.connection.is_registered());
    assert_eq!(room.shared.registry.peers(), 1);
}

#[test]
fn not_one_that_is_unknown_or_connected() {
    let room = Room::new();
    let (connected, id) = room.register_b(&peer("Bob"));
    for session in ["0123456789abcdef0123456789abcdef", "x", &id] {
        let (client, answer) = room.resume(session);
        assert_eq!((&answer["status"], client.ending()), (&404.into(), refused(Code::InvalidResume)), "{session}");
    }
    assert_eq!(connected.ending(), None);
}

#[test]
fn the_second_use_of_an_id_closes_both_sides() {
    let room = Room::new();
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    let (first, next_id) = room.resume_well(&id);
    let (second, answer) = room.resume(&id);
    assert_eq!((&answer["status"], second.ending()), (&405.into(), refused(Code::ResumeViolation)));
    assert_eq!(first.ending(), refused(Code::ResumeViolation));
    first.leaves();
    let (_, answer) = room.resume(&next_id);
    assert_eq!(answer["status"], 405, "what came of it is barred too");
}

#[test]
fn also_when_it_went_on_further_or_comes_with_a_peer() {
    let room = Room::new();
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    let (client, second_id) = room.resume_well(&id);
    client.leaves();
    let (last, _) = room.resume_well(&second_id);
    let mut thief = room.connect();
    thief.says(registration_b(&peer("Bob"), &id));
    assert_eq!(thief.gets_one()["content"]["status"], 405);
    assert_eq!((thief.ending(), last.ending()), (refused(Code::ResumeViolation), refused(Code::ResumeViolation)));
}

#[test]
fn a_peer_with_a_session_registers_as_always() {
    let room = Room::new();
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    for session in [&id, "unknown"] {
        let mut client = room.connect();
        client.says(registration_b(&peer("Bob"), session));
        assert_eq!(client.gets_one()["content"]["status"], 200);
    }
    room.resume_well(&id);
}

#[test]
fn a_good_bye_ends_the_session_for_good() {
    let room = Room::new();
    let bob = peer("Bob").credential_b();
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    let (mut client, next_id) = room.resume_well(&id);
    client.says(message_b(bob, &[], "bye", JsonText::null()).to_text());
    assert_eq!(client.ending(), Some(Ending::Bye));
    assert_eq!(room.resume(&next_id).1["status"], 404, "also before the connection is gone");
    client.leaves();
    assert_eq!(room.resume(&next_id).1["status"], 404);
    let room = room.restart();
    assert_eq!(room.resume(&next_id).1["status"], 404);
    assert_eq!(room.resume(&id).1["status"], 405, "what was used up before stays so");
}

#[test]
fn sessions_survive_a_restart() {
    let room = Room::new();
    let (connected, connected_id) = room.register_b(&peer("Ann"));
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    let (client, next_id) = room.resume_well(&id);
    drop((connected, client));
    let room = room.restart();
    room.resume_well(&connected_id);
    room.resume_well(&next_id);
    let (_, answer) = room.resume(&id);
    assert_eq!(answer["status"], 405);
    let file = std::fs::read(room.folder.path().join("peers.redb")).unwrap();
    assert!(!file.windows(id.len()).any(|bytes| bytes == id.as_bytes()), "ids are on disk as digests alone");
}

#[test]
fn a_peer_has_no_more_sessions_than_it_may_have() {
    let room = Room::new();
    let (ann, ann_id) = room.register_b(&peer("Ann"));
    ann.leaves();
    let most = limits::REMEMBERED_SESSIONS_PER_CREDENTIAL;
    let ids: Vec<String> = (0..=most)
        .map(|_| {
            let (client, id) = room.register_b(&peer("Bob"));
            client.leaves();
            id
        })
        .collect();
    let room = room.restart();
    // Connected until the end: of sessions that are over since the same moment, any may be forgotten for the next that ends.
    let mut resumed = Vec::new();
    for (id, status) in [(&ids[0], 404), (&ids[1], 200), (&ids[most], 200), (&ann_id, 200)] {
        let (client, answer) = room.resume(id);
        assert_eq!(answer["status"], status);
        resumed.push(client);
    }
}

#[test]
fn sessions_are_forgotten_after_the_ttl() {
    let room = Room::new();
    let (_connected, _) = room.register_b(&peer("Ann"));
    let (client, id) = room.register_b(&peer("Bob"));
    client.leaves();
    let ttl_ms = TTL.as_millis() as i64;
    room.shared.sessions.clear(NOW_MS + ttl_ms);
    let (client, next_id) = room.resume_well(&id);
    client.leaves();
    room.shared.sessions.clear(NOW_MS + ttl_ms + 1);
    for session in [&id, &next_id] {
        assert_eq!(room.resume(session).1["status"], 404);
    }
}
