//! Identities by key and what is encrypted end to end, at the real server: our own clients, a relay between, kills.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod devices;
mod hostile;
mod killed;
mod leaving;
mod passed_on;
mod plain;
mod races;
mod restored;
mod revoked;
mod secrecy;

use msr_tests::ServerProcess;
use msr_tests::keyed::{Person, Running, Slot};

/// A new device of a person, on the list; it dials the server itself.
async fn online(server: &ServerProcess, person: &Person) -> (Slot, Running) {
    through(server.port, server, person).await
}

/// The same; it dials that port.
async fn through(port: u16, server: &ServerProcess, person: &Person) -> (Slot, Running) {
    let slot = Slot::new(person, server.port);
    let client = slot.start(port);
    client.registered().await;
    client.listed().await;
    (slot, client)
}

/// The next messages of a client, each of which must have come encrypted.
async fn secrets(client: &mut Running, count: usize) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    while texts.len() < count {
        texts.push(client.secret().await);
    }
    texts
}
