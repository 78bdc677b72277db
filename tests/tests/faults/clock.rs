//! The clock is moved by a day, in either direction: nothing is lost by it while the server runs. Case 20.

use std::path::{Path, PathBuf};

use msr_protocol::Code;
use msr_tests::frames::{Device, FrameClient, Parcel};
use msr_tests::{ServerProcess, Settings, get};

use crate::{bob_away, expect_texts, online, texts};

const HOUR_MS: u64 = 3_600_000;

/// Where Debian puts it.
pub(crate) fn faketime() -> Option<PathBuf> {
    let library = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    let found = Some(PathBuf::from(library)).filter(|library| library.exists());
    if found.is_none() {
        msr_tests::skipped("libfaketime is not there");
    }
    found
}

/// A server whose wall clock is as far off as the file says; what it measures durations by is not moved.
fn with_moved_clock(library: &Path) -> (Settings, PathBuf) {
    let settings = Settings::default();
    let file = settings.folder().join("clock");
    let settings = settings
        .with("LD_PRELOAD", library.display())
        .with("FAKETIME_TIMESTAMP_FILE", file.display())
        .with("FAKETIME_NO_CACHE", 1)
        .with("FAKETIME_DONT_FAKE_MONOTONIC", 1);
    (settings, file)
}

fn set_clock(file: &Path, offset: &str) {
    // Moved into place, so that nobody reads half of it.
    let new = file.with_extension("new");
    std::fs::write(&new, offset).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// What the server's clock says, against ours.
async fn offset_hours(server: &ServerProcess) -> i64 {
    let mut probe = FrameClient::open(server.port).await.unwrap();
    let ours = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    (probe.challenge_time_ms().await - ours + 30 * 60_000).div_euclid(HOUR_MS as i64)
}

#[tokio::test]
async fn moved_while_the_server_runs_it_expires_nothing() {
    let Some(library) = faketime() else { return };
    let (settings, clock) = with_moved_clock(&library);
    set_clock(&clock, "+0");
    let server = settings.start().await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
    for (number, (offset, hours)) in (1..).zip([("+1d", 24), ("-1d", -24), ("+0", 0), ("-2d", -48)]) {
        alice.send_parcel(&Parcel { expire_after_ms: HOUR_MS, ..Parcel::new(number, &to, number.to_string()) }).await;
        alice.accepted(number).await;
        set_clock(&clock, offset);
        assert_eq!(offset_hours(&server).await, hours, "the clock is moved");
        // Past the next look for what has expired: it would take a short one with it.
        let short = 100 + number;
        let mut probe_device = Device::new("Carol", &format!("probe {number}"));
        let mut probe = probe_device.connect(server.port).await;
        probe.send_parcel(&Parcel { expire_after_ms: 1, ..Parcel::new(1, &to, short.to_string()) }).await;
        assert_eq!(probe.receipt().await.1.code, Code::Expired.number());
        let mut bob = bob_device.connect(server.port).await;
        assert!(!bob.welcome.gap);
        expect_texts(&mut bob_device, &mut bob, texts([number])).await;
        bob.bye().await;
        let (sequence, receipt) = alice.receipt().await;
        assert_eq!((receipt.number.0, receipt.code), (number, 200));
        alice.ack(sequence).await;
        alice_device.handle(&alice, sequence);
    }
}

/// The documented limit: across a restart the clock on the wall is all there is.
#[tokio::test]
async fn moved_across_a_restart_expiry_errs_by_as_much_and_is_told() {
    let Some(library) = faketime() else { return };
    for (offset, kept) in [("-1d", vec![1, 2]), ("+1d", vec![2])] {
        let (settings, clock) = with_moved_clock(&library);
        set_clock(&clock, "+0");
        let mut server = settings.start().await;
        let mut bob_device = bob_away(&server).await;
        let to = [bob_device.credential()];
        let (mut alice_device, mut alice) = online(&server, "Alice", "laptop").await;
        alice.send_parcel(&Parcel { expire_after_ms: HOUR_MS, ..Parcel::new(1, &to, "1") }).await;
        alice.send_parcel(&Parcel { expire_after_ms: 48 * HOUR_MS, ..Parcel::new(2, &to, "2") }).await;
        alice.accepted(2).await;
        server.kill().await;
        set_clock(&clock, offset);
        let server = server.restart().await;
        if kept.len() == 1 {
            let receipt = alice_device.connect(server.port).await.receipt().await.1;
            assert_eq!((receipt.number.0, receipt.code), (1, Code::Expired.number()));
        }
        let mut bob = bob_device.connect(server.port).await;
        assert!(!bob.welcome.gap);
        expect_texts(&mut bob_device, &mut bob, texts(kept)).await;
        bob.nothing_else().await;
        assert_eq!(get(server.port, "/healthz", &[]).await.status, 200);
    }
}

/// Devices are not retired because a clock was moved forward for a moment.
#[tokio::test]
async fn a_client_whose_clock_is_off_is_served() {
    let server = ServerProcess::start().await;
    let (mut bob_device, mut bob) = online(&server, "Bob", "phone").await;
    let (_, mut alice) = online(&server, "Alice", "laptop").await;
    for time_ms in [0, i64::MIN, i64::MAX, -86_400_000] {
        alice.say(&msr_protocol::v2::Frame::Ping { time_ms }).await;
    }
    alice.send(1, &[bob_device.credential()], "1").await;
    alice.accepted(1).await;
    expect_texts(&mut bob_device, &mut bob, texts([1])).await;
}
