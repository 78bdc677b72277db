//! Who gets in, who does not, and how a connection ends.

use msr_protocol::limits::{PEER_FIELD_BYTES, REGISTRATION_TIMEOUT_MS};
use msr_protocol::v2::{Frame, Varint};
use msr_protocol::{Code, JsonText};
use msr_server::switch::limits::HEARTBEAT_MS;
use tokio::time::Instant;

use crate::client::{Client, Device, Heard, encoded, opcode, peer};
use crate::room::Room;

#[tokio::test(start_paused = true)]
async fn the_server_speaks_first_and_welcomes() {
    let room = Room::new();
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect_as(&room.switch, "msr.v2").await;
        let Heard::Challenge { nonce } = client.next().await else { panic!("no challenge") };
        nonces.push(nonce);
    }
    assert_ne!(nonces[0], nonces[1]);
    let mut device = Device::new("Ann", 1);
    let (mut client, welcome) = room.register(&mut device).await;
    assert_eq!((welcome.accepted, welcome.waiting, welcome.gap, welcome.origin_time_ms), (0, 0, false, 77));
    let (_, devices) = client.next_devices().await;
    assert_eq!((devices.len(), devices[0].device, devices[0].online, devices[0].name.as_str()), (1, device.device, true, "test"));
    client.nothing_else().await;
    client.send(&encoded(&Frame::Bye {})).await;
    assert_eq!(client.close_code().await, 1000);
    room.until(|counts| counts.peers == 0 && counts.connections == 0 && counts.devices == 1).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_who_it_says_is_refused() {
    let room = Room::new();
    let long = JsonText::string(&"x".repeat(PEER_FIELD_BYTES));
    let plain = JsonText::string("ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let mut cases = Vec::new();
    let mut other = Device::new("Ann", 1).hello();
    other[msr_protocol::v2::HEADER_BYTES] ^= 1;
    cases.push(other);
    cases.push(Device { peer: msr_protocol::Peer { name: long, ..peer("Ann") }, ..Device::new("Ann", 1) }.hello());
    cases.push(Device { peer: msr_protocol::Peer { secret: plain, ..peer("Ann") }, ..Device::new("Ann", 1) }.hello());
    let number = JsonText::from_spelled("5".to_owned());
    cases.push(Device { peer: msr_protocol::Peer { email: number, ..peer("Ann") }, ..Device::new("Ann", 1) }.hello());
    for hello in cases {
        let mut client = Client::connect(&room.switch).await;
        client.send(&hello).await;
        assert_eq!(client.next().await, Heard::Refused { code: 401 });
        assert_eq!(client.close_code().await, 4401);
    }
    let (_ann, ann) = room.enter("Ann").await;
    let mut client = Client::connect(&room.switch).await;
    client.send(&Device { device: ann.device, ..Device::new("Eve", 1) }.hello()).await;
    assert_eq!(client.next().await, Heard::Refused { code: 401 }, "a device belongs to its peer");
    room.until(|counts| counts.peers == 1).await;
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_something_else_first() {
    let room = Room::new();
    let mut client = Client::connect(&room.switch).await;
    let opened = Instant::now();
    assert_eq!(client.next().await, Heard::Refused { code: 403 });
    assert_eq!(opened.elapsed().as_millis() as u64 / 10, REGISTRATION_TIMEOUT_MS / 10);
    assert_eq!(client.close_code().await, 4403);
    let mut client = Client::connect(&room.switch).await;
    client.send(&encoded(&Frame::Ping { time_ms: 1 })).await;
    assert_eq!(client.next().await, Heard::Refused { code: 412 });
    assert_eq!(client.close_code().await, 4412);
}

#[tokio::test(start_paused = true)]
async fn what_ends_a_connection() {
    let room = Room::new();
    let mut device = Device::new("Ann", 1);
    let hello = device.hello();
    let cases: [(u8, Vec<u8>, u16); 6] = [
        (opcode::BINARY, hello, 4402),
        (opcode::TEXT, b"{}".to_vec(), 4400),
        (opcode::BINARY, b"garbage".to_vec(), 4400),
        (
            opcode::BINARY,
            encoded(&Frame::Accepted { number: Varint(1), timestamp_ms: 0, exceptions: msr_protocol::v2::List(vec![]) }),
            4400,
        ),
        (opcode::BINARY, vec![0; msr_protocol::limits::MESSAGE_BYTES + 1], 1009),
        (0x3, b"reserved".to_vec(), 1002),
    ];
    for (opcode, payload, code) in cases {
        let (mut client, _) = room.register(&mut device).await;
        let (mut reading, _) = room.register(&mut Device::new("Bob", 1)).await;
        client.send_message(opcode, &payload[..payload.len().min(40_000)]).await;
        if payload.len() > 40_000 {
            // Its head says how long it is, and that is enough.
            drop(reading);
            continue;
        }
        assert_eq!(client.close_code().await, code);
        reading.nothing_else().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_for_two_heartbeats_is_closed() {
    let room = Room::new();
    let (mut silent, _) = room.enter("Ann").await;
    let (mut alive, _) = room.enter("Bob").await;
    let start = Instant::now();
    let pings = tokio::spawn(async move {
        for _ in 0..4 {
            tokio::time::sleep(std::time::Duration::from_millis(HEARTBEAT_MS)).await;
            alive.nothing_else().await;
        }
        alive
    });
    assert_eq!(silent.close_code().await, 4506);
    assert_eq!(start.elapsed().as_millis() as u64 / 100, 2 * HEARTBEAT_MS / 100);
    pings.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_same_device_connects_again() {
    let room = Room::new();
    let (mut first, mut ann) = room.enter("Ann").await;
    let (mut second, _) = room.register(&mut ann).await;
    assert_eq!(first.close_code().await, Code::Displaced.close_code());
    let (mut bob, bobs) = room.enter("Bob").await;
    bob.send(&bobs.message(1, &[ann.credential()], b"1")).await;
    let (sequence, _) = second.next_delivery().await;
    bob.accepted(1).await;
    first.acknowledge(sequence).await;
    room.until(|counts| counts.connections == 2).await;
    assert_eq!(room.switch.counts().waiting, 1, "a connection that was displaced acknowledges nothing");
    second.acknowledge(sequence).await;
    assert_eq!(bob.next_receipt().await, (1, ann.credential(), 200));
    room.until(|counts| counts.waiting == 0 && counts.devices == 2).await;
}

#[tokio::test(start_paused = true)]
async fn peers_of_version_2_are_found() {
    let room = Room::new();
    let (mut ann, _) = room.enter("Ann").await;
    let (_bob, bob) = room.enter("Bobby").await;
    ann.send(&encoded(&Frame::Find { ticket: Varint(9), keyword: "BOB" })).await;
    let Heard::Found { ticket: 9, peers } = ann.next().await else { panic!("not found") };
    assert_eq!(peers.len(), 1);
    assert!(peers[0].contains(&bob.credential().to_string()), "{peers:?}");
    ann.send(&encoded(&Frame::Find { ticket: Varint(10), keyword: "nobody" })).await;
    assert_eq!(ann.next().await, Heard::Found { ticket: 10, peers: Vec::new() });
    ann.send(&encoded(&Frame::Find { ticket: Varint(11), keyword: &"x".repeat(2_000) })).await;
    assert_eq!(ann.next().await, Heard::Trouble { code: 451 });
}
