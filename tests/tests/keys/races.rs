//! Races at the real server: for a key that is handed out once, for a device, and what a kill in between changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use msr_protocol::Code;
use msr_tests::keyed::{Own, Person};
use msr_tests::{ServerProcess, Settings, within};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Many connections of this machine.
fn roomy() -> Settings {
    Settings::default().with("MAX_CONNECTIONS_PER_ADDRESS", 1_000)
}

/// A hundred peers want the one key at the same moment: one gets it, the others the fallback.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_race_for_one_key() {
    const CLIENTS: usize = 100;
    let server = roomy().start().await;
    let ann = Own::new(&Person::new("Ann"), 1);
    let (once, fallback) = (ann.prekey(1, false), ann.prekey(2, true));
    let mut owner = ann.register(server.port).await.ok().unwrap();
    assert_eq!(owner.put_keys(&fallback, std::slice::from_ref(&once)).await, Some((200, 1)));
    let (start, of) = (Arc::new(Barrier::new(CLIENTS)), ann.of());
    let mut claiming = JoinSet::new();
    for number in 0..CLIENTS {
        let (start, port) = (Arc::clone(&start), server.port);
        claiming.spawn(async move {
            let claimant = Own::new(&Person::new(&format!("Claimant {number}")), u8::try_from(number).unwrap() + 100);
            let mut connection = claimant.register(port).await.ok().unwrap();
            start.wait().await;
            connection.claim(of).await.unwrap()
        });
    }
    let keys = within("all claims", claiming.join_all()).await;
    assert_eq!(keys.iter().filter(|key| **key == once).count(), 1);
    assert_eq!(keys.iter().filter(|key| **key == fallback).count(), CLIENTS - 1);
}

/// The same while the server is killed, again and again: no key is handed out twice, and in the end all are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_handed_out_twice_though_the_server_is_killed() {
    const CLIENTS: u8 = 100;
    const KEYS: u8 = 100;
    const KILLS: usize = 4;
    let mut server = roomy().start().await;
    let ann = Own::new(&Person::new("Ann"), 1);
    let (fallback, of) = (ann.prekey(255, true), ann.of());
    let one_time: Vec<_> = (0..KEYS).map(|number| ann.prekey(number, false)).collect();
    let mut owner = ann.register(server.port).await.ok().unwrap();
    assert_eq!(owner.put_keys(&fallback, &one_time).await, Some((200, u64::from(KEYS))));
    let mut taken = Vec::new();
    for round in 0..=KILLS {
        let (answers, start) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(usize::from(CLIENTS))));
        let mut claiming = JoinSet::new();
        for number in 0..CLIENTS {
            let (answers, start, port) = (Arc::clone(&answers), Arc::clone(&start), server.port);
            let last = round == KILLS;
            claiming.spawn(async move {
                let claimant = Own::new(&Person::new(&format!("Claimant {number}")), number + 100);
                let connection = claimant.register(port).await;
                start.wait().await;
                let mut connection = connection.ok()?;
                // In the last round whatever is left is taken, and more.
                let claims = if last { 2 } else { 1 };
                let mut keys = Vec::new();
                for _ in 0..claims {
                    let Some(key) = connection.claim(of).await else { break };
                    answers.fetch_add(1, Ordering::SeqCst);
                    keys.push(key);
                }
                Some(keys)
            });
        }
        if round < KILLS {
            within("some claims", async {
                while answers.load(Ordering::SeqCst) < 5 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            server.kill_now();
        }
        let keys = within("all claims", claiming.join_all()).await;
        taken.extend(keys.into_iter().flatten().flatten().filter(|key| *key != fallback));
        if round < KILLS {
            server.ended().await;
            server = server.restart().await;
        }
    }
    let once: BTreeSet<_> = taken.iter().collect();
    assert_eq!(once.len(), taken.len(), "a key was handed out twice");
    assert!(taken.iter().all(|key| one_time.contains(key)));
    let claimant = Own::new(&Person::new("Late"), 250);
    let mut late = claimant.register(server.port).await.ok().unwrap();
    assert_eq!(late.claim(of).await, Some(fallback), "none is left");
}

/// A hundred connections say that they are one device: one stays, the others are told that it is elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_connections_of_one_device_one_stays() {
    const CONNECTIONS: usize = 100;
    let server = roomy().start().await;
    let start = Arc::new(Barrier::new(CONNECTIONS));
    let (ended, mut endings) = tokio::sync::mpsc::unbounded_channel();
    let mut connecting = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (start, ended, port) = (Arc::clone(&start), ended.clone(), server.port);
        connecting.spawn(async move {
            start.wait().await;
            match Own::new(&Person::new("Ann"), 1).register(port).await {
                Ok(mut connection) => {
                    let _ = ended.send(connection.ended().await);
                }
                Err(code) => {
                    let _ = ended.send(Some(code + 4000));
                }
            }
        });
    }
    for _ in 1..CONNECTIONS {
        assert_eq!(within("an end", endings.recv()).await.unwrap(), Some(4414));
    }
    // The one that is left answers for the device.
    assert!(endings.try_recv().is_err());
    let mut other = Own::new(&Person::new("Ann"), 2).register(server.port).await.ok().unwrap();
    let online = other.next(|frame| match frame {
        msr_protocol::v2::Frame::Devices { devices, .. } => Some(devices.0.iter().filter(|device| device.online).count()),
        _ => None,
    });
    assert_eq!(online.await, Some(2));
    connecting.shutdown().await;
}

/// As many devices of one peer as there may be, all at once; one more is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_devices_of_one_peer_all_succeed() {
    let devices = u8::try_from(msr_delivery::limits::DEVICES_PER_PEER).unwrap();
    let server = roomy().start().await;
    let start = Arc::new(Barrier::new(usize::from(devices)));
    let mut connecting = JoinSet::new();
    for number in 1..=devices {
        let (start, port) = (Arc::clone(&start), server.port);
        connecting.spawn(async move {
            start.wait().await;
            Own::new(&Person::new("Ann"), number).register(port).await
        });
    }
    let connections = within("all registrations", connecting.join_all()).await;
    assert!(connections.iter().all(Result::is_ok));
    let one_more = Own::new(&Person::new("Ann"), devices + 1).register(server.port).await;
    assert_eq!(one_more.err(), Some(Code::TooManyDevices.number()), "there is room for no more");
    assert_eq!(Own::new(&Person::new("Bob"), devices + 2).register(server.port).await.err(), None);
    drop(connections);
    let _: ServerProcess = server;
}
