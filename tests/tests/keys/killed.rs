//! Sealed messages while the server and the clients are killed, again and again: as in the soak test, with keys.

use std::path::Path;

use msr_tests::soak::{Plan, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_sealed_is_lost_doubled_or_out_of_order() {
    let seed = std::env::var("MSR_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    let plan = Plan { devices: 15, devices_per_process: 3, keyed: true, ..Plan::new(15, seed) };
    eprintln!("MSR_SEED={seed}");
    let outcome = run(&plan, Path::new(env!("CARGO_BIN_EXE_soak"))).await;
    eprintln!("{outcome}");
    outcome.history.assert_holds();
    assert!(outcome.server_kills >= 2 && outcome.process_kills >= 3, "{outcome}");
    assert!(outcome.counts.accepted > 20 && outcome.counts.handled > outcome.counts.accepted, "{outcome}");
}
