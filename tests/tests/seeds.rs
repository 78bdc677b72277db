//! What the fuzz targets do, over their seeds and over each of them cut and changed: quick, without libFuzzer.
//! `cargo xtask fuzz --seconds N` looks further. Whatever it finds becomes a seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::{Path, PathBuf};

/// How often each seed is changed.
const CHANGES: usize = 200;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target)
}

#[test]
fn the_seeds_of_every_target() {
    let seed = std::env::var("MSR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("MSR_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for (target, run) in targets::TARGETS {
        let mut seeds = 0;
        for file in fs::read_dir(folder(target)).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            seeds += 1;
            run(&bytes);
            for _ in 0..CHANGES {
                run(&changed(&bytes, &mut random));
            }
        }
        assert!(seeds > 5, "{target} has its seeds");
    }
}

fn changed(bytes: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..4) {
        let place = random.usize(0..=bytes.len());
        match random.u32(0..4) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, random.u8(..)),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = random.u8(..);
                }
            }
        }
    }
    bytes
}

/// Writes seeds of version 2 and of the store; what is there stays.
#[test]
#[ignore = "writes into fuzz/seeds"]
fn write_seeds() {
    use msr_protocol::Credential;
    use msr_protocol::v2::*;
    let (number, credential, device) = (Varint(300), Credential([7; 16]), [9; 16]);
    let id = MessageId { device, outbox_epoch: 5, number };
    let delivery = Delivery {
        from: credential,
        id,
        timestamp_ms: 1,
        flags: 2,
        recipients: List(vec![credential]),
        reply_to: Some(MessageId { device, outbox_epoch: 1, number }),
        subject: "\"s\"",
        payload: Rest(b"{}"),
    };
    let (mut message, mut receipt) = (Vec::new(), Vec::new());
    Entry::Message(delivery).write(&mut message);
    Entry::Receipt(Receipt { outbox_epoch: 5, number, recipient: credential, code: 200, timestamp_ms: 1 }).write(&mut receipt);
    let device_headers = List(vec![DeviceHeader { device, header: b"key" }]);
    let all = [
        Frame::Challenge { nonce: [1; 32], time_ms: 1, server: "s" },
        Frame::Hello {
            credential,
            device,
            device_name: "phone",
            name: "\"n\"",
            email: "\"e\"",
            secret: "\"5ebe2294ecd0e0f08eab7690d2a6ee69\"",
            location: "{}",
            publish: true,
            time_ms: -1,
            outbox_epoch: 5,
            queue_epoch: Some(6),
            start: 7,
            handled: 8,
            proof: b"",
        },
        Frame::Refused { code: 401, reason: "no" },
        Frame::Ping { time_ms: 1 },
        Frame::Pong { origin_time_ms: 1, receive_time_ms: 2 },
        Frame::Bye {},
        Frame::Send {
            number,
            flags: 0,
            expire_after_ms: Varint(604_800_000),
            recipients: List(vec![credential, Credential([8; 16])]),
            device_headers,
            reply_to: None,
            subject: "\"s\"",
            payload: Rest(b"payload"),
        },
        Frame::Begin { upload: number, total_bytes: Varint(70_000) },
        Frame::Piece { upload: number, offset: Varint(32_768), payload: Rest(b"piece") },
        Frame::Void { number },
        Frame::Accepted { number, timestamp_ms: 1, exceptions: List(vec![Exception { recipient: Varint(1), code: 417 }]) },
        Frame::Rejected { number, code: 507, reason: "full" },
        Frame::Finish { upload: Varint(1), number },
        Frame::Declined { upload: Varint(1), code: 509, reason: "busy" },
        Frame::Deliver { sequence: 9, header: b"key", entry: Rest(&message) },
        Frame::Deliver { sequence: 10, header: &[], entry: Rest(&receipt) },
        Frame::DeliverBegin { sequence: 11, sender: device, total_bytes: Varint(70_000), header: b"key" },
        Frame::DeliverPiece { sequence: 11, offset: Varint(0), payload: Rest(b"piece") },
        Frame::Ack { sequence: 11 },
        Frame::Progress { number, recipient: credential, bytes: Varint(5) },
        Frame::Realtime { header: &[], entry: Rest(&message) },
        Frame::Find { ticket: Varint(1), keyword: "bob" },
        Frame::Found { ticket: Varint(1), peers: List(vec!["{}", "{\"a\":1}"]) },
        Frame::Retire { device },
        Frame::Trouble { code: 451, reason: "no" },
    ];
    let frames = folder("v2_frames");
    fs::create_dir_all(&frames).unwrap();
    let mut together = Vec::new();
    for (place, frame) in all.iter().enumerate() {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        fs::write(frames.join(format!("frame-{place:02}")), &bytes).unwrap();
        together.extend(bytes);
    }
    fs::write(frames.join("together"), together).unwrap();

    // The segment of a store, and each of its batches without the checksum around it.
    let records = folder("store_records");
    fs::create_dir_all(&records).unwrap();
    let segment = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("stores/2026-11/0000000001.log")).unwrap();
    fs::write(records.join("segment"), &segment).unwrap();
    payloads(&segment, "payload", &records);
    let with_headers = segment_with_headers();
    fs::write(records.join("segment-headers"), &with_headers).unwrap();
    payloads(&with_headers, "headers", &records);
}

/// A segment as it is written now, with headers in it.
fn segment_with_headers() -> Vec<u8> {
    use msr_store::Storage as _;
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = msr_store::DiskStore::open(folder.path(), &msr_store::Options { segment_bytes: 4_096 }).unwrap();
    let all: [&'static [u8]; 3] = [b"one", b"", &[3; 200]];
    let mut batch = msr_store::Batch::new();
    for (arrival, headers) in [(7, &all[..]), (8, &[]), (9, &all[..1])] {
        let headers = headers.iter().map(|header| (*header).into()).collect();
        let entry = b"an entry".as_slice().into();
        batch.message(msr_store::Message { arrival, expiry_ms: 1_700_000_000_000, devices: [1, 200, 70_000].into(), headers, entry });
    }
    store.commit(&[batch]).unwrap();
    drop(store);
    let mut segment = fs::read(folder.path().join("0000000001.log")).unwrap();
    let used = segment.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    segment.truncate(used);
    segment
}

/// Writes each batch of a segment without the checksum around it.
fn payloads(segment: &[u8], name: &str, folder: &Path) {
    // Payloads are found by trying: those of any length at any place that make sense to the end.
    let mut place = 0;
    while place < segment.len() {
        let longest = (place + 4..=segment.len().min(place + 600))
            .rev()
            .find(|end| msr_store::check_payload(&segment[place..*end]).is_some_and(|records| records > 1));
        match longest {
            Some(end) => {
                fs::write(folder.join(format!("{name}-{place:04}")), &segment[place..end]).unwrap();
                place = end;
            }
            None => place += 1,
        }
    }
}
