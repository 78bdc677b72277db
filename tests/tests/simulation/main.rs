//! Several devices, each a real session, at a real exchange whose store can be full and whose process can die, over a
//! network that loses connections, with disks of their own that fail and clocks that jump: in virtual time, from a seed.
//! Some worlds have identities by key, each device with the real machine of its keys, and seal all they send.
//! After every run one checker looks at the whole history.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod checker;
mod desk;
mod device;
mod history;
mod keys;
mod server;
#[path = "../../../delivery/tests/simulation/store.rs"]
mod store;
mod world;

use world::{Faults, World};

/// How many seeds the normal test run takes; `SEEDS=from..to` runs others, `SEEDS=n` one.
const SEEDS: std::ops::Range<u64> = 0..150;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("SEEDS") else { return SEEDS };
    match text.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => {
            let seed: u64 = text.parse().unwrap();
            seed..seed + 1
        }
    }
}

fn run(faults: Faults, steps: usize) -> checker::Seen {
    let mut seen = checker::Seen::default();
    for seed in seeds() {
        let mut world = World::new(seed, faults);
        world.run(steps);
        world.settle();
        seen += world.check();
    }
    println!("{seen:?}");
    seen
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    let seen = run(Faults::All, 1_500);
    assert!(seen.handled > 0, "the simulation must have done something");
    if seeds().count() >= 50 {
        let Seen { accepted, crashes, server_crashes, refused, doubled, cancelled, replies, expired, .. } = seen;
        let Seen { uploaded, declined, taken_back, passed, sealed, .. } = seen;
        for (what, count) in [
            ("accepted", accepted),
            ("crashes", crashes),
            ("server crashes", server_crashes),
            ("refused", refused),
            ("doubled by a crash", doubled),
            ("cancelled", cancelled),
            ("replies", replies),
            ("expired", expired),
            ("uploaded", uploaded),
            ("declined", declined),
            ("taken back half-way", taken_back),
            ("passed", passed),
            ("sealed", sealed),
        ] {
            assert!(count > 0, "{what}: never seen");
        }
    }
}

use checker::Seen;

#[test]
fn without_crashes_of_clients_no_handler_is_called_twice() {
    let seen = run(Faults::ButClientCrashes, 800);
    assert_eq!(seen.doubled, 0);
}

#[test]
fn a_server_whose_disk_is_full_now_and_then_takes_everything_in_the_end() {
    let seen = run(Faults::FullDisk, 800);
    assert!(seen.refused > 0 && seen.doubled == 0);
}

#[test]
fn a_seed_replays() {
    let trace = |seed| {
        let mut world = World::new(seed, Faults::All);
        world.run(600);
        world.settle();
        world.trace
    };
    assert_eq!(trace(7), trace(7));
}
