//! Accepted means: on disk, for every device that has not acknowledged it. Nothing is acknowledged on hope.

use std::io::Write as _;
use std::path::PathBuf;

use msr_protocol::Code;
use msr_tests::frames::{Device, FrameClient, Heard, Parcel};
use msr_tests::{Ended, Injection, ServerProcess, Settings, files_in, is_possible, within};

use crate::{bob_away, expect_texts, health, online, seeded, texts};

/// What ends at these calls is on its way to the disk.
const SYNC: &str = "fsync,fdatasync";

/// What ends at these calls is on its way to a client.
const SEND: &str = "sendto,sendmsg,writev";

fn queue_files(server: &ServerProcess) -> Vec<PathBuf> {
    files_in(&server.settings.store().join("queues"))
}

fn inject(server: &ServerProcess, what: &str) -> Injection {
    let files = queue_files(server);
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    Injection::into(server, what, &files)
}

/// Everything that comes until the connection ends.
async fn last_words(client: &mut FrameClient) -> (Vec<Heard>, Ended) {
    let mut heard = Vec::new();
    loop {
        match client.next().await {
            Ok(said) => heard.push(said),
            Err(ended) => return (heard, ended),
        }
    }
}

/// Sends a message that the server does not live to acknowledge, several times over; each is sent again after the
/// restart. Says whether it was on disk each time.
async fn killed_at(kill: impl Fn(&ServerProcess) -> Injection) -> Vec<bool> {
    let mut random = seeded();
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let mut alice_device = Device::new("Alice", "laptop");
    let (mut next, mut was_kept) = (1, Vec::new());
    for _ in 0..4 {
        let mut alice = alice_device.connect(server.port).await;
        for _ in 0..random.u32(0..4) {
            alice.send(next, &to, next.to_string()).await;
            alice.accepted(next).await;
            next += 1;
        }
        let _kill = kill(&server);
        alice.send(next, &to, next.to_string()).await;
        let (said, ended) = last_words(&mut alice).await;
        assert_eq!((said, ended), (vec![], Ended::Lost), "nothing was acknowledged");
        server.ended().await;
        server = server.restart().await;
        let mut alice = alice_device.connect(server.port).await;
        assert!([next - 1, next].contains(&alice.welcome.accepted), "{:?} after {next}", alice.welcome);
        was_kept.push(alice.welcome.accepted == next);
        alice.send(next, &to, next.to_string()).await;
        alice.accepted(next).await;
        next += 1;
        alice.bye().await;
    }
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..next)).await;
    bob.nothing_else().await;
    was_kept
}

/// Case 1.
#[tokio::test]
async fn killed_before_the_sync_nothing_was_acknowledged() {
    if Injection::is_possible() {
        killed_at(|server| inject(server, &format!("{SYNC}:signal=SIGKILL:when=1"))).await;
    }
}

/// Case 2.
#[tokio::test]
async fn killed_between_sync_and_acknowledgement_the_retry_is_the_same_message() {
    if Injection::is_possible() {
        let was_kept = killed_at(|server| Injection::into(server, &format!("{SEND}:signal=SIGKILL:when=1"), &[])).await;
        assert_eq!(was_kept, [true; 4], "each had been synced when the server died on its way to say so");
    }
}

/// A server whose store has a disk of 80 MB, if this machine lets it.
async fn on_a_small_disk() -> Option<ServerProcess> {
    const MOUNT: &str = r#"mkdir -p "$DBSRC" && mount -t tmpfs -o size=80m tmpfs "$DBSRC" && exec "$@""#;
    if !is_possible(&["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]) {
        return None;
    }
    let settings = Settings::default().with("MAX_BYTES_PER_SECOND", 0).with("MAX_MESSAGES_PER_SECOND", 0);
    Some(settings.behind(&["unshare", "-m", "sh", "-c", MOUNT, "sh"]).start().await)
}

/// Case 5.
#[tokio::test]
async fn a_full_disk_is_told_and_recovers() {
    let Some(server) = on_a_small_disk().await else { return };
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let mut alice_device = Device::new("Alice", "laptop");
    let mut alice = alice_device.connect(server.port).await;
    let (mut bob, mut next) = (None, 1);
    for _ in 0..2 {
        let full = fill(&mut alice, &to, next).await;
        assert!(full > next, "something fitted");
        // Who is offered the next one before the first is not answered as if it had come.
        alice.send(full + 1, &to, "early").await;
        assert_eq!(alice.answered(full + 1).await, Err(Code::OutOfOrder.number()));
        let mut reader = match bob.take() {
            Some(reader) => reader,
            None => bob_device.connect(server.port).await,
        };
        for number in next..full {
            let arrived = reader.message().await;
            assert!(arrived.text().starts_with(&format!("{number} ")), "{} is due", number);
            reader.ack(arrived.sequence.unwrap()).await;
            bob_device.handle(&reader, arrived.sequence.unwrap());
        }
        within("room on the disk", async {
            loop {
                alice.send(full, &to, format!("{full} ")).await;
                match alice.answered(full).await {
                    Ok(exceptions) => break assert_eq!(exceptions, []),
                    Err(code) => assert_eq!(code, Code::StoreFull.number()),
                }
            }
        })
        .await;
        assert!(reader.message().await.text().starts_with(&format!("{full} ")));
        reader.nothing_else().await;
        bob = Some(reader);
        next = full + 1;
    }
}

/// Sends until the disk is full; gives the number that was refused.
async fn fill(alice: &mut FrameClient, to: &[msr_protocol::Credential], first: u64) -> u64 {
    for number in first.. {
        assert!(number < first + 10_000, "the disk never fills");
        let mut payload = format!("{number} ");
        payload.extend(std::iter::repeat_n('x', 30_000));
        alice.send_parcel(&Parcel::new(number, to, payload)).await;
        match alice.answered(number).await {
            Ok(exceptions) => assert_eq!(exceptions, []),
            Err(code) => {
                assert_eq!(code, Code::StoreFull.number());
                return number;
            }
        }
    }
    unreachable!()
}

/// Case 5, the peers: who registered while somebody else had filled the disk is remembered when there is room again.
#[tokio::test]
async fn who_registers_on_a_full_disk_is_remembered() {
    let Some(server) = on_a_small_disk().await else { return };
    let folder = PathBuf::from(format!("/proc/{}/root/{}", server.id(), server.settings.store().display()));
    let filler = folder.join("of somebody else");
    let mut file = std::fs::File::create(&filler).unwrap();
    let full = std::iter::repeat(()).find_map(|()| file.write_all(&[1; 4_096]).err()).unwrap();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let mut registered = Vec::new();
    let refused = async {
        for number in 0..10_000 {
            let name = format!("Visitor number {number}");
            registered.push(online(&server, &name, "phone").await);
            if server.log_lines().iter().any(|line| line.contains("did not write")) {
                return;
            }
        }
    };
    within("the disk to refuse", refused).await;
    let last = format!("Visitor number {}", registered.len() - 1);
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    server.logged(&["the store writes again"]).await;
    within("it is written", async {
        while !std::fs::read(folder.join("peers.redb")).unwrap().windows(last.len()).any(|bytes| bytes == last.as_bytes()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(health(&server).await["store_lost"], 0);
}

/// Case 6.
#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged() {
    if !Injection::is_possible() {
        return;
    }
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let mut alice_device = Device::new("Alice", "laptop");
    let mut alice = alice_device.connect(server.port).await;
    alice.send(1, &to, "1").await;
    alice.accepted(1).await;
    // One fails; those after it would seem to work.
    let _failing = inject(&server, &format!("{SYNC}:error=EIO:when=1"));
    for number in 2..6 {
        alice.send(number, &to, number.to_string()).await;
    }
    let (said, ended) = last_words(&mut alice).await;
    assert!(said.iter().all(|heard| matches!(heard, Heard::Rejected(_, 500..600))), "{said:?}");
    assert!(matches!(ended, Ended::Closed(4508 | 1012)), "{ended:?}");
    let status = server.ended().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    server.logged_code(Code::StoreBroken.number()).await;

    let server = server.restart().await;
    let mut alice = alice_device.connect(server.port).await;
    assert!(alice.welcome.accepted >= 1 && !alice.welcome.gap, "{:?}", alice.welcome);
    for number in 2..6 {
        alice.send(number, &to, number.to_string()).await;
        alice.accepted(number).await;
    }
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..6)).await;
    bob.nothing_else().await;
}

/// An acknowledgement does not wait for the recipient, nor for its connection.
#[tokio::test]
async fn what_was_accepted_is_there_after_a_kill() {
    let mut random = seeded();
    let mut server = ServerProcess::start().await;
    let mut bob_device = bob_away(&server).await;
    let to = [bob_device.credential()];
    let mut alice_device = Device::new("Alice", "laptop");
    let mut accepted = 0;
    for _ in 0..5 {
        let mut alice = alice_device.connect(server.port).await;
        assert!(alice.welcome.accepted >= accepted, "{:?}: {accepted} were accepted", alice.welcome);
        let first = alice.welcome.accepted + 1;
        let parcels: Vec<_> = (first..first + 200).map(|number| Parcel::new(number, &to, number.to_string())).collect();
        alice.send_all(&parcels).await;
        accepted = first + random.u64(0..200);
        alice.accepted(accepted).await;
        server.kill().await;
        server = server.restart().await;
    }
    let all = alice_device.connect(server.port).await.welcome.accepted;
    let mut bob = bob_device.connect(server.port).await;
    expect_texts(&mut bob_device, &mut bob, texts(1..=all)).await;
    bob.nothing_else().await;
}
