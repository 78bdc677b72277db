//! Who gets in by key, and who does not.

use msr_crypto::AccountKey;
use msr_protocol::v2::{Frame, HEADER_BYTES};
use msr_protocol::{Code, JsonText, Message, Peer};
use msr_server::switch::{Identities, Rules};
use tokio::task::JoinSet;

use crate::client::{Client, Device, Heard, encoded, opcode};
use crate::keyed::{Greeted, Keyed, put_list, refusal};
use crate::room::{HOST, Room, rules};

#[tokio::test(start_paused = true)]
async fn who_can_prove_it_is_welcome() {
    let room = Room::new();
    let mut ann = Keyed::new("Ann", 1);
    let (mut client, greeted) = ann.register(&room).await;
    assert_eq!(greeted, Greeted { list: Vec::new(), one_time: 0 });
    client.nothing_else().await;
    // It is a peer like any other.
    let (mut bob, bobs) = room.enter("Bob").await;
    bob.send(&bobs.message(1, &[ann.credential()], b"1")).await;
    bob.accepted(1).await;
    assert_eq!(client.next_delivery().await.1.payload, b"1");
}

#[tokio::test(start_paused = true)]
async fn several_devices_of_one_peer_do() {
    let room = Room::new();
    let mut clients = Vec::new();
    for number in 1..=8 {
        clients.push(Keyed::new("Ann", number).register(&room).await);
    }
    assert_eq!(room.switch.counts().devices, 8);
    assert_eq!(room.switch.counts().peers, 1);
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_connections_of_one_device_one_stays() {
    let room = Room::new();
    let mut racing = JoinSet::new();
    for _ in 0..100 {
        let switch = room.switch.clone();
        racing.spawn(async move {
            let mut ann = Keyed::new("Ann", 1);
            let (mut client, nonce) = Client::challenged(&switch).await;
            client.send(&ann.hello(&nonce, HOST)).await;
            (client, ann)
        });
    }
    let sent = racing.join_all().await;
    // The one that stays is the only one that hears of a message; 4504 when too many were there at once.
    room.until(|counts| counts.connections == 1).await;
    let (mut bob, bobs) = room.enter("Bob").await;
    bob.send(&bobs.message(1, &[sent[0].1.credential()], b"1")).await;
    bob.accepted(1).await;
    let (mut stayed, mut told) = (0, 0);
    for (mut client, _) in sent {
        loop {
            match client.next_of_all().await {
                Heard::Message { .. } => break stayed += 1,
                Heard::Closed { code: 4414 | 4504 } => break told += 1,
                _ => {}
            }
        }
    }
    assert_eq!((stayed, told), (1, 99));
}

#[tokio::test(start_paused = true)]
async fn a_proof_is_of_one_connection() {
    let room = Room::new();
    let mut ann = Keyed::new("Ann", 1);
    assert_eq!(ann.refused(&room, "other.example:443").await, 421);
    let (mut client, nonce) = Client::challenged(&room.switch).await;
    let hello = ann.hello(&nonce, HOST);
    // Somebody else has seen it, and says the same.
    let (mut eve, _) = Client::challenged(&room.switch).await;
    eve.send(&hello).await;
    assert_eq!(refusal(&mut eve).await, 401);
    client.send(&hello).await;
    assert!(matches!(client.next().await, Heard::Welcome(_)));
    let (mut eve, _) = Client::challenged(&room.switch).await;
    eve.send(&hello).await;
    assert_eq!(refusal(&mut eve).await, 401, "nor afterwards");
    let (mut eve, nonce) = Client::challenged(&room.switch).await;
    let mut wrong = nonce;
    wrong[0] ^= 1;
    eve.send(&ann.hello(&wrong, HOST)).await;
    assert_eq!(refusal(&mut eve).await, 401);
}

/// A second server says to its own client what the first one said to it, and passes on what it gets.
#[tokio::test(start_paused = true)]
async fn a_challenge_of_another_server_cannot_be_passed_on() {
    let (real, evil) = (Room::new(), Room::with_rules(rules("evil.example:443")));
    let mut ann = Keyed::new("Ann", 1);
    let (mut passing_on, nonce) = Client::challenged(&real.switch).await;
    // What the client signs has the host that it dialled, whoever the challenge is of.
    let signed = ann.hello(&nonce, "evil.example:443");
    passing_on.send(&signed).await;
    assert_eq!(refusal(&mut passing_on).await, 421);
    // The host in the proof is signed too.
    let (mut passing_on, nonce) = Client::challenged(&real.switch).await;
    let mut changed = ann.hello(&nonce, "r3lay.example:443");
    let place = changed.windows(5).position(|bytes| bytes == b"r3lay").unwrap();
    changed[place + 1] = b'e';
    passing_on.send(&changed).await;
    assert_eq!(refusal(&mut passing_on).await, 401);
    // Nor is it of use at the server that passes it on.
    let (mut client, _) = Client::challenged(&evil.switch).await;
    client.send(&signed).await;
    assert_eq!(refusal(&mut client).await, 401);
    assert_eq!(ann.refused(&evil, "evil.example:8443").await, 421);
    let (mut client, nonce) = Client::challenged(&evil.switch).await;
    client.send(&ann.hello(&nonce, "evil.example:443")).await;
    assert!(matches!(client.next().await, Heard::Welcome(_)), "it is a server of its own");
}

#[tokio::test(start_paused = true)]
async fn only_the_account_enrols() {
    let room = Room::new();
    let mut forged = Keyed::new("Ann", 1);
    let eve = AccountKey::from_seed(&[66; 32]);
    forged.own.enrolment = eve.enrol(forged.credential(), forged.device.device, &forged.own.key.public(), [1; 32], 5);
    assert_eq!(forged.refused(&room, HOST).await, 401, "by another account");
    let mut other_device = Keyed::new("Ann", 1);
    other_device.device.device[15] ^= 1;
    assert_eq!(other_device.refused(&room, HOST).await, 401, "another device");
    let mut taken = Keyed::new("Ann", 1);
    taken.own.enrolment = Keyed::new("Ann", 2).own.enrolment;
    assert_eq!(taken.refused(&room, HOST).await, 401, "the enrolment of another device");
    let mut other_peer = Keyed::new("Ann", 1);
    other_peer.device.peer.email = JsonText::string("ann@example.org");
    assert_eq!(other_peer.refused(&room, HOST).await, 401, "another credential of the same key");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_proof() {
    let room = Room::new();
    let ann = Keyed::new("Ann", 1);
    for proof in [Vec::new(), b"proof".to_vec()] {
        let mut client = Client::connect(&room.switch).await;
        client.send(&Device { proof, ..ann.device.clone() }.hello()).await;
        assert_eq!(refusal(&mut client).await, 401);
    }
    let mut client = Client::connect(&room.switch).await;
    client.send(&Device { proof: b"proof".to_vec(), ..Device::new("Bob", 1) }.hello()).await;
    assert_eq!(refusal(&mut client).await, 401, "an identity by MD5 has none");
    for secret in ["ed25519:", "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "ED25519:x"] {
        let mut other = Keyed::new("Ann", 1);
        other.device.peer.secret = JsonText::string(secret);
        assert_eq!(other.refused(&room, HOST).await, 401, "{secret}");
    }
    let mut cut = ann.device.hello();
    cut.truncate(cut.len() - 1);
    let length = (cut.len() - HEADER_BYTES).to_le_bytes();
    cut[1..HEADER_BYTES].copy_from_slice(&length[..3]);
    let mut client = Client::connect(&room.switch).await;
    client.send(&cut).await;
    assert_eq!(client.close_code().await, 4400);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_device_stays_out() {
    let room = Room::new();
    let (mut phone, mut laptop) = (Keyed::new("Ann", 1), Keyed::new("Ann", 2));
    let (mut on_phone, _) = phone.register(&room).await;
    let (mut on_laptop, _) = laptop.register(&room).await;
    let (mut bob, bobs) = room.enter("Bob").await;
    let list = phone.list(1, &[phone.listed()], &[laptop.device.device]);
    assert_eq!(put_list(&mut on_phone, &list).await, (200, list.clone()));
    assert_eq!(on_laptop.close_code().await, Code::DeviceRevoked.close_code());
    assert_eq!(laptop.refused(&room, HOST).await, 426);
    room.until(|counts| counts.devices == 2).await;
    bob.send(&bobs.message(1, &[phone.credential()], b"1")).await;
    bob.accepted(1).await;
    assert_eq!(on_phone.next_delivery().await.1.payload, b"1");
    assert_eq!(room.switch.counts().waiting, 1, "nothing waits for the device that is none");
    let room = room.restart().await;
    assert_eq!(laptop.refused(&room, HOST).await, 426, "after a restart too");
    assert_eq!(phone.register(&room).await.1.list, list);
}

#[tokio::test(start_paused = true)]
async fn a_server_may_take_identities_by_key_alone() {
    let room = Room::with_rules(Rules { identities: Identities::Key, ..rules(HOST) });
    let mut client = Client::connect(&room.switch).await;
    client.send(&Device::new("Bob", 1).hello()).await;
    assert_eq!(refusal(&mut client).await, 420);
    assert_eq!(version_1(&room, &Device::new("Bob", 1).peer).await, 4420);
    Keyed::new("Ann", 1).register(&room).await;
    assert_eq!(room.switch.counts().peers, 1);
}

#[tokio::test(start_paused = true)]
async fn an_identity_by_key_is_refused_in_version_1() {
    for identities in [Identities::Any, Identities::Key] {
        let room = Room::with_rules(Rules { identities, ..rules(HOST) });
        assert_eq!(version_1(&room, &Keyed::new("Ann", 1).device.peer).await, 4422);
    }
}

/// Registers in version 1; gives the code it is closed with.
async fn version_1(room: &Room, peer: &Peer) -> u16 {
    let credential = peer.credential();
    let message = Message {
        to: JsonText::array_of_one(credential),
        from: credential.into(),
        subject: JsonText::string("register"),
        timestamp: JsonText::milliseconds(5),
        content: JsonText::from_spelled(peer.to_text()),
    };
    let mut client = Client::connect_as(&room.switch, "null").await;
    client.send_message(opcode::TEXT, message.to_text().as_bytes()).await;
    client.close_code().await
}

#[tokio::test(start_paused = true)]
async fn a_second_hello_ends_the_connection() {
    let room = Room::new();
    let mut ann = Keyed::new("Ann", 1);
    let (mut client, _) = ann.register(&room).await;
    client.send(&ann.device.hello()).await;
    assert_eq!(client.close_code().await, 4402);
    let (mut client, _) = ann.register(&room).await;
    client.send(&encoded(&Frame::Keys { ticket: msr_protocol::v2::Varint(1), code: 200, one_time: msr_protocol::v2::Varint(1) })).await;
    assert_eq!(client.close_code().await, 4400);
}
