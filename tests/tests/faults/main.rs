//! Faults: the real server binary, killed, cut off, starved and fed garbage, and what must hold nevertheless. One file
//! for each promise of docs/PROMISES.md, which says what case each test shows.
//!
//! Kills at one system call need strace, a full disk a mount of its own, a moved clock faketime: where the machine
//! forbids them the test says that it is skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accepted;
mod client;
mod clock;
mod connections;
mod delivered;
mod garbage;
mod kept;
mod lost_state;
mod members;
mod memory;
mod order;
mod retry;
mod stopping;

use msr_tests::ServerProcess;
use msr_tests::frames::{Device, FrameClient};

/// A device of Bob's that is known to the server, and away.
async fn bob_away(server: &ServerProcess) -> Device {
    away(server, "Bob", "phone").await
}

/// Any device that is known to the server, and away.
async fn away(server: &ServerProcess, person: &str, name: &str) -> Device {
    let mut device = Device::new(person, name);
    device.connect(server.port).await.bye().await;
    device
}

/// A device that is connected.
async fn online(server: &ServerProcess, person: &str, name: &str) -> (Device, FrameClient) {
    let mut device = Device::new(person, name);
    let client = device.connect(server.port).await;
    (device, client)
}

/// What the server says of itself.
async fn health(server: &ServerProcess) -> serde_json::Value {
    serde_json::from_str(&msr_tests::get(server.port, "/healthz", &[]).await.body).unwrap()
}

/// Takes these messages in this order, with nothing of the kind between, acknowledging each.
async fn expect_texts(device: &mut Device, client: &mut FrameClient, texts: impl IntoIterator<Item = String>) {
    for text in texts {
        let arrived = client.message().await;
        assert_eq!(arrived.text(), text);
        let sequence = arrived.sequence.unwrap();
        client.ack(sequence).await;
        device.handle(client, sequence);
    }
}

/// What messages carry: their numbers.
fn texts(numbers: impl IntoIterator<Item = u64>) -> impl Iterator<Item = String> {
    numbers.into_iter().map(|number| number.to_string())
}

/// Seeds what is random in a test, and prints the seed; `MSR_SEED` repeats one.
fn seeded() -> fastrand::Rng {
    let seed = std::env::var("MSR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    eprintln!("MSR_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}
