//! Sessions against a router over a network that loses, breaks and delays, over many seeds. What must hold at every step
//! stands in `world/client.rs`; what must hold when all has healed stands here. A failing seed replays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use std::collections::BTreeMap;

use msr_client::State;
use world::World;

fn check(seed: u64, clients: usize) -> World {
    let mut world = World::new(seed, clients);
    world.run(120, 60);
    world.reconnect();
    world.run_for(60);
    for client in &world.clients {
        let status = client.session.status();
        assert_eq!((status.state, status.waiting), (State::Registered, 0), "seed {seed}");
        assert!(client.open.is_empty(), "seed {seed}: {:?}", client.open);
        assert!(client.registrations > 0);
    }
    world
}

/// From each sender, in the order of its numbers, and none twice.
fn assert_in_order(world: &World, seed: u64) {
    for client in &world.clients {
        let mut last = BTreeMap::new();
        for &(sender, number) in &client.received {
            let before = last.insert(sender, number);
            assert!(before.is_none_or(|before| before < number), "seed {seed}: {number} of {sender} after {before:?}");
        }
    }
}

#[test]
fn everything_is_settled_and_in_order_whatever_breaks() {
    let (mut written, mut received, mut registrations) = (0, 0, 0);
    for seed in 0..100 {
        let mut world = check(seed, 2);
        assert_in_order(&world, seed);
        let before: Vec<usize> = world.clients.iter().map(|client| client.received.len()).collect();
        world.greet(10);
        world.run_for(5);
        for (client, before) in world.clients.iter().zip(before) {
            assert_eq!(client.received.len() - before, 20, "seed {seed}: all that is sent when nothing breaks arrives");
        }
        assert_in_order(&world, seed);
        for client in &world.clients {
            written += client.written;
            received += client.received.len();
            registrations += client.registrations;
        }
    }
    // Were these small, the simulation would show nothing.
    assert!(written > 15_000 && received > 15_000 && registrations > 1_000, "{written} {received} {registrations}");
}

#[test]
fn a_clock_that_was_set_is_corrected_by_the_next_registration() {
    for seed in 0..20 {
        let mut world = check(seed, 3);
        world.restart();
        world.run_for(60);
        for client in &world.clients {
            let status = client.session.status();
            let error = (status.offset_ms - world::OFFSET_MS - client.wall_ahead_ms).abs();
            assert!(error <= status.round_trip_ms.unwrap() / 2.0 + 1.0, "seed {seed}: {error} {status:?}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let trace = |seed| check(seed, 3).trace;
    assert_eq!(trace(42), trace(42));
    assert_ne!(trace(42), trace(43));
}
