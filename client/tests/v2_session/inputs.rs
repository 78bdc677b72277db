//! Whatever happens, in whatever order: it never panics, never waits for a time that has passed, and settles no ticket
//! twice.

use std::collections::{BTreeMap, VecDeque};

use fastrand::Rng;
use msr_client::{
    DeliveryTag, Draft, Encrypt, Event, Input, Moment, Opened, Opening, Output, PersistTicket, SealTicket, Sealing, Session, Settings,
    Snapshot, Ticket,
};
use msr_protocol::v2::flags::{SEALED, TARGETED};
use msr_protocol::v2::{
    ClaimedKey, Device, Entry, Exception, Field as _, Frame, List, MessageId, PeerList, Receipt, Rest, SUBPROTOCOL, Varint,
};
use msr_protocol::{Code, JsonText, Peer};

use crate::keyed::{keyed, peer};
use crate::stage::{OTHER, credential, draft, entry, settings};

fn number(random: &mut Rng) -> u64 {
    match random.u32(0..12) {
        0 => u64::MAX,
        1 => random.u64(..),
        2 => 0,
        _ => random.u64(1..12),
    }
}

fn varint_bytes(number: u64) -> usize {
    let mut bytes = Vec::new();
    Varint(number).write(&mut bytes);
    bytes.len()
}

fn any_settings(random: &mut Rng) -> Settings {
    if random.bool() { settings() } else { keyed() }
}

fn sealing(random: &mut Rng) -> Sealing {
    match random.u32(0..6) {
        0 => Sealing::Plain,
        1 => Sealing::Refused(Code::NoKeys.into()),
        _ => Sealing::Sealed { payload: vec![1; [10, 30_000][random.usize(0..2)]], headers: vec![([1; 16], vec![2; random.usize(0..9)])] },
    }
}

fn inside(random: &mut Rng) -> Opened {
    let reply_to = random.bool().then(|| MessageId { device: [6; 16], outbox_epoch: random.u64(0..3), number: Varint(number(random)) });
    let payload = if random.bool() { b"1".to_vec() } else { b"1,2".to_vec() };
    Opened { flags: random.u8(..), reply_to, subject: JsonText::string("s"), payload }
}

fn opening(random: &mut Rng) -> Opening {
    match random.u32(0..4) {
        0 => Opening::Silent,
        1 => Opening::Failed(Code::CannotOpen.into()),
        _ => Opening::Opened(inside(random)),
    }
}

/// What keys say that nobody asked.
fn keys(random: &mut Rng) -> Input {
    let n = number(random);
    match random.u32(0..8) {
        0 => Input::Proven { nonce: [random.u8(0..2); 32], proof: vec![1] },
        1 if random.u32(0..4) == 0 => Input::NotProven { nonce: [0; 32], failure: Code::NoDeviceKeys.into() },
        2 => Input::Sealed { ticket: SealTicket(n), outcome: sealing(random) },
        3 => Input::Opened { tag: DeliveryTag(n), outcome: opening(random) },
        4 => Input::Keys(frame(random)),
        5 => Input::Control { recipient: OTHER, payload: vec![1; random.usize(0..40_000)], headers: vec![([1; 16], vec![2])] },
        6 => Input::Late { entry: entry(n, None, b"1"), opened: inside(random) },
        _ => Input::Late { entry: vec![random.u8(..); 3], opened: inside(random) },
    }
}

fn frame(random: &mut Rng) -> Vec<u8> {
    let (n, m) = (number(random), number(random));
    let code = if random.bool() { Code::ALL[random.usize(0..Code::ALL.len())].number() } else { random.u16(..) };
    let id = MessageId { device: [random.u8(0..3); 16], outbox_epoch: random.u64(0..3), number: Varint(n) };
    let mut receipt = Vec::new();
    Entry::Receipt(Receipt { outbox_epoch: m, number: Varint(n), recipient: OTHER, code, timestamp_ms: 1 }).write(&mut receipt);
    let mut message = entry(n, random.bool().then_some(id), if random.bool() { b"1" } else { b"1,2" });
    if random.bool() {
        // The flags stand behind kind, sender, name and time.
        let flags = 1 + 16 + 16 + 8 + varint_bytes(n) + 8;
        message[flags] = SEALED | random.u8(0..2) | (random.u8(0..2) * TARGETED);
    }
    let bytes = if random.bool() { &message } else { &receipt };
    let frame = match random.u32(0..20) {
        0 | 1 => Frame::Challenge { nonce: [random.u8(0..2); 32], time_ms: n as i64, server: "" },
        2..5 => Frame::Welcome {
            origin_time_ms: 0,
            receive_time_ms: if random.u32(0..5) == 0 { i64::MIN } else { m as i64 },
            process_time_us: Varint(m),
            queue_epoch: random.u64(0..3),
            start: m,
            accepted: Varint(if random.bool() { 0 } else { n }),
            waiting: Varint(n),
            gap: random.bool(),
            window_entries: Varint(n),
            window_bytes: Varint(m),
            message_bytes: Varint(if random.bool() { n } else { 1 << 20 }),
            piece_bytes: Varint(m),
            heartbeat_ms: Varint(n),
        },
        5 => Frame::Refused { code, reason: "x" },
        6 => Frame::Pong { origin_time_ms: n as i64, receive_time_ms: m as i64 },
        7 | 8 => Frame::Accepted { number: Varint(n), timestamp_ms: 0, exceptions: List(vec![Exception { recipient: Varint(m), code }]) },
        9 => Frame::Rejected { number: Varint(n), code, reason: "" },
        10 => Frame::Declined { upload: Varint(n), code, reason: "" },
        11 | 12 => Frame::Deliver { sequence: n, header: b"h", entry: Rest(bytes) },
        13 => Frame::DeliverBegin {
            sequence: n,
            header: &[],
            sender: [random.u8(0..2) * 8; 16],
            total_bytes: Varint(if random.bool() { bytes.len() as u64 } else { m }),
        },
        14 => Frame::DeliverPiece { sequence: n, offset: Varint(if random.bool() { 0 } else { m }), payload: Rest(bytes) },
        15 => Frame::Progress { number: Varint(n), recipient: OTHER, bytes: Varint(m) },
        16 => Frame::Realtime { header: &[], entry: Rest(bytes) },
        17 => Frame::Lists { ticket: Varint(n), lists: List(vec![PeerList { peer: OTHER, list: b"l" }]) },
        18 => Frame::Claimed { ticket: Varint(n), code, keys: List(vec![ClaimedKey { device: [1; 16], key: b"k" }]) },
        _ if random.bool() => Frame::Found { ticket: Varint(n), peers: List(vec!["{}", "1"]) },
        _ => Frame::Devices {
            revision: Varint(n),
            devices: List(vec![Device { device: [1; 16], name: "", online: true, seen_ms: 0, waiting: Varint(m) }]),
        },
    };
    let mut written = Vec::new();
    frame.write(&mut written);
    if random.u32(0..30) == 0 {
        let at = random.usize(0..written.len());
        written[at] = random.u8(..);
    }
    written
}

fn input(random: &mut Rng, disk: &BTreeMap<String, Vec<u8>>, writes: &mut Vec<PersistTicket>) -> Input {
    let ticket = if writes.is_empty() || random.u32(0..10) == 0 { PersistTicket(number(random)) } else { writes.remove(0) };
    match random.u32(0..46) {
        0 | 1 => Input::Connect(any_settings(random)),
        2 => Input::Connect(Settings { peer: Peer { name: JsonText::string("other"), ..Peer::default() }, ..settings() }),
        3 => Input::Configure(Settings { autoreconnect: random.bool(), ..any_settings(random) }),
        4 if random.bool() => Input::Close,
        4 => Input::Bye,
        5 => Input::Wake,
        6..10 => Input::SocketOpened { subprotocol: (random.u32(0..4) > 0).then(|| SUBPROTOCOL.to_owned()) },
        10 => Input::SocketClosed { code: if random.bool() { 1006 } else { random.u16(4_000..4_600) }, reason: String::new() },
        11 => Input::OriginProbed { refused: random.u32(0..5) == 0, speaks_v2: [None, Some(true), Some(false)][random.usize(0..3)] },
        12..15 => {
            let damage = |value: &Vec<u8>| value.iter().map(|byte| byte ^ u8::from(random.u32(0..500) == 0)).collect();
            let mut damage = damage;
            let mut records: Vec<(String, Vec<u8>)> = disk.iter().map(|(key, value)| (key.clone(), damage(value))).collect();
            records.push(("x".to_owned(), Vec::new()));
            let credential = if random.bool() { credential() } else { peer().credential() };
            Input::Restored(Snapshot { credential, records, entropy: [random.u8(..); 32] })
        }
        15..20 => Input::Persisted { ticket },
        20 => Input::PersistFailed { ticket, reason: String::new() },
        21..24 => Input::Handled(DeliveryTag(number(random))),
        24 => Input::Retire([1; 16]),
        25 => Input::Unreadable,
        26..32 => keys(random),
        _ => {
            let count = random.usize(1..4);
            Input::FrameReceived((0..count).flat_map(|_| frame(random)).collect())
        }
    }
}

#[test]
fn any_sequence() {
    let (mut registered, mut settled_tickets, mut sealed, mut opened) = (0, 0, 0, 0);
    for seed in 0..400 {
        let mut random = Rng::with_seed(seed);
        let mut session = Session::new(seed);
        let (mut disk, mut writes, mut expected) = (BTreeMap::new(), Vec::new(), VecDeque::new());
        let mut now = Moment { monotonic_ms: 0.0, wall_ms: 1e12 };
        let (mut settled, mut asked): (BTreeMap<Ticket, usize>, u64) = (BTreeMap::new(), 0);
        for _ in 0..300 {
            now.monotonic_ms += random.f64() * 500.0;
            now.wall_ms += if random.u32(0..100) == 0 { (random.f64() - 0.5) * 1e12 } else { 10.0 };
            match random.u32(0..10) {
                0 => {
                    let large = format!("{:?}", "x".repeat(random.usize(0..100_000)));
                    let text = if random.u32(0..5) == 0 { large.as_str() } else { "1" };
                    let id = (random.u32(0..3) == 0).then(|| random.u32(0..5).to_string());
                    let request = (random.u32(0..4) == 0).then(|| random.f64() * 1_000.0);
                    let expire_after_ms = (random.u32(0..4) == 0).then(|| random.f64() * 1_000.0);
                    let realtime = random.u32(0..6) == 0;
                    let encrypt = [Encrypt::Auto, Encrypt::Required, Encrypt::Off][random.usize(0..3)];
                    session.send(Draft { id, request, expire_after_ms, realtime, encrypt, ..draft(text) }, now);
                }
                1 => session.cancel(Ticket(random.u32(1..30)), now),
                2 => drop(session.find(JsonText::string("x"), now)),
                _ => {
                    // Now and then what is due, so that it gets somewhere.
                    let due = (random.u32(0..3) > 0).then(|| expected.pop_front()).flatten();
                    let input = due.unwrap_or_else(|| input(&mut random, &disk, &mut writes));
                    session.handle_input(input, now);
                }
            }
            for _ in 0..50 {
                if session.poll_timeout().is_none_or(|at_ms| at_ms > now.monotonic_ms) {
                    break;
                }
                session.handle_timeout(now);
            }
            let late = session.poll_timeout().is_some_and(|at_ms| at_ms <= now.monotonic_ms);
            assert!(!late, "seed {seed}: {:?} at {}", session.poll_timeout(), now.monotonic_ms);
            while let Some(output) = session.poll_output() {
                match output {
                    Output::Restore { credential } => {
                        let records = disk.clone().into_iter().collect();
                        expected.push_back(Input::Restored(Snapshot { credential, records, entropy: [random.u8(..); 32] }));
                    }
                    Output::OpenSocket { subprotocol: Some(_), .. } => {
                        let challenge = Frame::Challenge { nonce: [0; 32], time_ms: 0, server: "" };
                        expected.push_back(Input::SocketOpened { subprotocol: Some(SUBPROTOCOL.to_owned()) });
                        expected.extend([crate::stage::frame(&challenge), crate::stage::welcome_frame(&Default::default(), 1)]);
                    }
                    Output::Persist { ticket, changes, .. } => {
                        writes.push(ticket);
                        for change in changes {
                            match change {
                                msr_client::Change::Put { key, value } => drop(disk.insert(key, value)),
                                msr_client::Change::Delete { key } => drop(disk.remove(&key)),
                            }
                        }
                    }
                    Output::Prove { nonce, .. } => expected.push_front(Input::Proven { nonce, proof: vec![1] }),
                    Output::Seal { ticket, .. } => {
                        assert!(asked < ticket.0, "seed {seed}: a question is asked twice");
                        asked = ticket.0;
                        sealed += 1;
                        expected.push_back(Input::Sealed { ticket, outcome: sealing(&mut random) });
                    }
                    Output::Open { tag, .. } => {
                        opened += 1;
                        expected.push_back(Input::Opened { tag, outcome: opening(&mut random) });
                    }
                    Output::Event(Event::Registered) => registered += 1,
                    Output::Event(Event::Accepted { ticket, .. } | Event::Sent { ticket, .. } | Event::NotSent { ticket, .. }) => {
                        *settled.entry(ticket).or_default() += 1;
                    }
                    _ => {}
                }
            }
        }
        assert!(settled.values().all(|times| *times == 1), "seed {seed}: {settled:?}");
        settled_tickets += settled.len();
    }
    assert!(registered > 400 && settled_tickets > 4_000, "{registered} registrations, {settled_tickets} settled");
    assert!(sealed > 500 && opened > 40, "{sealed} to be sealed, {opened} to be opened");
}
