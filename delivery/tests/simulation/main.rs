//! Many peers, one exchange, a store that can be full and a server that can die, in virtual time and from a seed.
//! After every run one checker looks at the whole history.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod server;
mod store;
mod world;

use world::World;

/// How many seeds the normal test run takes; `SEEDS=from..to` runs others, `SEEDS=n` one.
const SEEDS: std::ops::Range<u64> = 0..400;

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

#[test]
fn nothing_is_lost_doubled_or_out_of_order() {
    let (mut accepted, mut handled, mut crashes, mut refused) = (0, 0, 0, 0);
    for seed in seeds() {
        let mut world = World::new(seed);
        world.run(600);
        world.settle();
        let seen = world.check();
        accepted += seen.accepted;
        handled += seen.handled;
        crashes += seen.crashes;
        refused += seen.refused;
    }
    eprintln!("accepted {accepted}, handled {handled}, crashes {crashes}, refused for want of room {refused}");
    assert!(handled > 0 && (crashes > 0 || seeds().count() < 10), "the simulation must have done something");
}

#[test]
fn a_seed_replays() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.run(300);
        world.settle();
        world.trace
    };
    assert_eq!(trace(7), trace(7));
}
