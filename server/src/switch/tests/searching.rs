use super::*;

fn search(asker: &mut Client, keyword: &str) -> Vec<Value> {
    let ann = peer("Ann").credential();
    asker.says(message(ann, &[ann], "find", JsonText::from_spelled(format!(r#"{{"target":"peer","keyword":{keyword}}}"#))).to_text());
    asker.gets().into_iter().map(|answer| answer["content"].clone()).collect()
}

fn names(found: &[Value]) -> Vec<&str> {
    found.iter().filter_map(|content| content["peer"]["name"].as_str()).collect()
}

#[test]
fn a_part_of_a_name_or_address_whatever_its_case() {
    let room = Room::new();
    let mut ann = room.register(&peer("Ann"));
    let _others = ["Éva.*", "bob", "Bobby"].map(|name| room.register(&peer(name)));
    let _hidden = room.register(&Peer { publish: false, ..peer("Bobo") });
    let found = search(&mut ann, r#""BOB""#);
    assert_eq!(names(&found), ["bob", "Bobby"]);
    assert_eq!((&found[1]["index"], &found[1]["total"], &found[1]["status"]), (&1.into(), &2.into(), &200.into()));
    assert_eq!(found[1]["peer"]["publish"], true);
    assert!(found[1]["peer"].get("secret").is_none());
    assert_eq!(names(&search(&mut ann, r#""bby@example""#)), ["Bobby"]);
    assert_eq!(names(&search(&mut ann, r#""éVA""#)), ["Éva.*"]);
    assert_eq!(names(&search(&mut ann, r#"".*""#)), ["Éva.*"], "a keyword is text");
    assert_eq!(names(&search(&mut ann, r#""""#)).len(), 4);
    let none = search(&mut ann, r#""nobody""#);
    assert_eq!((none.len(), &none[0]["status"], &none[0]["keyword"]), (1, &201.into(), &"nobody".into()));
}

#[test]
fn no_more_than_twenty() {
    let room = Room::new();
    let _others: Vec<Client> = (0..30).rev().map(|number| room.register(&peer(&format!("peer {number:02}")))).collect();
    let mut ann = room.register(&peer("Ann"));
    let found = search(&mut ann, r#""peer""#);
    assert_eq!((found.len(), names(&found)[0], names(&found)[19]), (20, "peer 00", "peer 19"));
}

#[test]
fn a_keyword_that_is_no_text_is_refused() {
    let room = Room::new();
    let mut ann = room.register(&peer("Ann"));
    for keyword in [r#"{"$regex":".*"}"#, "5", "null"] {
        let answer = search(&mut ann, keyword);
        assert_eq!((answer.len(), &answer[0]["status"]), (1, &400.into()), "{keyword}");
    }
    assert_eq!(ann.ending(), None);
}

#[test]
fn the_newest_connection_says_what_others_see() {
    let room = Room::new();
    let mut ann = room.register(&peer("Ann"));
    let _shown = room.register(&peer("Bob"));
    let hides = room.register(&Peer { publish: false, ..peer("Bob") });
    assert_eq!(search(&mut ann, r#""bob""#)[0]["status"], 201);
    hides.leaves();
    assert_eq!(names(&search(&mut ann, r#""bob""#)), ["Bob"]);
}

#[test]
fn who_has_gone_is_not_found() {
    let room = Room::new();
    let mut ann = room.register(&peer("Ann"));
    let (bob, _) = room.register_b(&peer("Bob"));
    assert_eq!(search(&mut ann, r#""bob""#)[0]["peer"]["email"], "Bob@example.org");
    bob.leaves();
    assert_eq!(search(&mut ann, r#""bob""#)[0]["status"], 201);
}

#[test]
fn where_the_peer_is() {
    let room = Room::new();
    let mut ann = room.register(&peer("Ann"));
    let mut bob = room.connect_from(Some(Place { city: Some("Taipei".to_owned()), country: None }));
    bob.says(registration(&peer("Bob")));
    let location = &search(&mut ann, r#""bob""#)[0]["peer"]["location"];
    assert_eq!(location, &serde_json::json!({"city": "Taipei", "country": "unknown", "addr": "unknown"}));
}
