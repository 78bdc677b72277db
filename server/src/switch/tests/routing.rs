use super::*;

fn text() -> JsonText {
    JsonText::string("hello")
}

#[test]
fn to_every_connection_once_and_to_the_senders_others() {
    let room = Room::new();
    let (ann, bob) = (peer("Ann"), peer("Bob"));
    let (mut sender, other) = (room.register(&ann), room.register(&ann));
    let bobs = [room.register(&bob), room.register(&bob)];
    let cat = room.register(&peer("Cat"));
    let to = [bob.credential(), bob.credential(), Credential([7; 16])];
    let sent = message(ann.credential(), &to, "test", text());
    sender.says(sent.to_text());
    for client in bobs.iter().chain([&other]) {
        assert_eq!(client.gets_one().to_string(), serde_json::from_str::<Value>(&sent.to_text()).unwrap().to_string());
    }
    assert!(sender.gets().is_empty() && cat.gets().is_empty());
    assert_eq!((room.shared.counters.delivered.get(), room.shared.counters.unreached.get()), (3, 1));
}

#[test]
fn to_oneself() {
    let room = Room::new();
    let ann = peer("Ann");
    let (mut sender, other) = (room.register(&ann), room.register(&ann));
    sender.says(message(ann.credential(), &[ann.credential()], "test", text()).to_text());
    assert_eq!((sender.gets().len(), other.gets().len()), (1, 1));
}

#[test]
fn between_the_dialects() {
    let room = Room::new();
    let (ann, bob) = (peer("Ann"), peer("Bob"));
    let mut a = room.register(&ann);
    let (mut b, _) = room.register_b(&bob);
    let sent = message(ann.credential(), &[bob.credential_b()], "test", text());
    a.says(sent.to_text());
    let got = b.gets_one();
    assert_eq!((&got["signature"], &got["sessid"], &got["content"]), (&"Ann".into(), &"".into(), &"hello".into()));
    let expected = MessageB { base: sent, signature: JsonText::string("Ann"), sessid: JsonText::empty_string() };
    assert_eq!(got["checksum"], expected.checksum().to_string());

    let sent = message_b(bob.credential_b(), &[ann.credential(), bob.credential_b()], "test", text());
    b.says(sent.to_text());
    let got = a.gets_one();
    assert_eq!((got.get("sessid"), &got["checksum"]), (None, &sent.base.checksum().to_string().into()));
    assert_eq!((&b.gets_one()["sessid"], b.ending()), (&"".into(), None));
}

#[test]
fn a_forged_sender_and_a_broken_checksum_are_dropped() {
    let room = Room::new();
    let (ann, bob) = (peer("Ann"), peer("Bob"));
    let (mut sender, receiver) = (room.register(&ann), room.register(&bob));
    sender.says(message(bob.credential(), &[bob.credential()], "test", text()).to_text());
    sender.says(message(bob.credential(), &[], "bye", text()).to_text());
    sender.says(message(ann.credential(), &[bob.credential()], "test", text()).to_text().replace("hello", "hullo"));
    assert!(receiver.gets().is_empty());
    assert_eq!((sender.ending(), receiver.ending(), room.shared.counters.refused.get()), (None, None, 3));
}

#[test]
fn what_is_no_message_closes() {
    let ann = peer("Ann");
    let credential = ann.credential();
    let deep = "[".repeat(200) + &"]".repeat(200);
    let crowd: Vec<Credential> = (0..=msr_protocol::limits::RECIPIENTS).map(|number| Credential((number as u128).to_be_bytes())).collect();
    for (text, code) in [
        ("hello".to_owned(), Code::BadMessage),
        ("{}".to_owned(), Code::BadMessage),
        (Message { timestamp: text(), ..message(credential, &[], "test", text()) }.to_text(), Code::BadMessage),
        (Message { subject: JsonText::null(), ..message(credential, &[], "test", text()) }.to_text(), Code::BadMessage),
        (Message { to: JsonText::null(), ..message(credential, &[], "test", text()) }.to_text(), Code::BadMessage),
        ("x".repeat(msr_protocol::limits::MESSAGE_BYTES + 1), Code::TooLarge),
        (message(credential, &[], "test", JsonText::from_spelled(deep)).to_text(), Code::TooDeep),
        (message(credential, &crowd, "test", text()).to_text(), Code::TooManyRecipients),
    ] {
        let room = Room::new();
        let (mut client, other) = (room.register(&ann), room.register(&peer("Bob")));
        client.says(text);
        assert_eq!((client.ending(), other.ending()), (refused(code), None), "{code:?}");
    }
}

#[test]
fn who_does_not_read_ends_alone() {
    let room = Room::new();
    let (ann, bob) = (peer("Ann"), peer("Bob"));
    let (mut sender, slow, quick) = (room.register(&ann), room.register(&bob), room.register(&bob));
    for _ in 0..=limits::QUEUE_MESSAGES {
        sender.says(message(ann.credential(), &[bob.credential()], "test", text()).to_text());
        quick.gets();
    }
    assert_eq!(slow.ending(), refused(Code::SlowConsumer));
    assert_eq!((sender.ending(), quick.ending()), (None, None));
    assert_eq!(room.shared.counters.dropped.get(), limits::QUEUE_MESSAGES as u64 + 1);
    sender.says(message(ann.credential(), &[bob.credential()], "test", text()).to_text());
    assert_eq!(quick.gets().len(), 1, "the other connection of the same peer goes on");
    slow.leaves();
    assert_eq!(room.shared.registry.peers(), 2);
}

#[test]
fn a_message_costs_as_much_as_it_makes_copies() {
    // A registration, a message, and what its copies cost.
    let burst =
        |copies: usize| Rate { message_burst: 2 + (copies / limits::COPIES_PER_COST) as u32, messages_per_second: 0, ..Rate::default() };
    let (ann, bob) = (peer("Ann"), peer("Bob"));
    let crowd: Vec<Credential> = (0..50).map(|number| Credential([number; 16])).collect();
    for (bobs, anns, to, copies) in
        [(40, 0, &[bob.credential()][..], 40), (20, 20, &[bob.credential()], 40), (0, 30, &[], 30), (0, 0, &crowd, 50)]
    {
        for (rate, ending) in [(burst(copies), None), (burst(copies - 10), refused(Code::RateLimited))] {
            let room = Room::with_rate(rate);
            let _bobs: Vec<Client> = (0..bobs).map(|_| room.register(&bob)).collect();
            let _anns: Vec<Client> = (0..anns).map(|_| room.register(&ann)).collect();
            let mut sender = room.register(&ann);
            sender.says(message(ann.credential(), to, "test", text()).to_text());
            assert_eq!(sender.ending(), ending, "{bobs} {anns} {copies}");
            let delivered = if ending.is_none() { bobs + anns } else { 0 };
            assert_eq!(room.shared.counters.delivered.get(), delivered as u64, "what is too much is not passed on");
        }
    }
}

#[test]
fn too_much_at_once_closes() {
    let room = Room::with_rate(Rate { message_burst: 3, messages_per_second: 1, ..Rate::default() });
    let ann = peer("Ann");
    let mut client = room.register(&ann);
    for _ in 0..3 {
        assert_eq!(client.ending(), None);
        client.says(message(ann.credential(), &[], "test", text()).to_text());
    }
    assert_eq!(client.ending(), refused(Code::RateLimited));
}
