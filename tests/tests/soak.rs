//! A bounded share of the soak test; `cargo xtask soak --minutes N` runs it for as long as one likes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use msr_tests::soak::{Plan, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_out_of_order() {
    let seed = std::env::var("MSR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    let plan = Plan { devices: 40, ..Plan::new(25, seed) };
    eprintln!("MSR_SEED={seed}");
    let outcome = run(&plan, Path::new(env!("CARGO_BIN_EXE_soak"))).await;
    eprintln!("{outcome}");
    outcome.history.assert_holds();
    assert!(outcome.server_kills >= 3 && outcome.process_kills >= 5, "{outcome}");
    assert!(outcome.counts.accepted > 100 && outcome.counts.handled > outcome.counts.accepted, "{outcome}");
}
