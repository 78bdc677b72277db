//! `cargo xtask fuzz`: libFuzzer on what comes from outside and from the disk. What it finds lies in fuzz/artifacts; put
//! it into fuzz/seeds, and the tests replay it ever after.

use std::fs;

use anyhow::{Context, Result};

use crate::checkout::Checkout;
use crate::process;
use crate::tools::{self, Need};

const TARGETS: [&str; 3] = ["v1_json", "v2_frames", "store_records"];

/// How long, and which.
#[derive(clap::Args)]
pub(crate) struct Fuzz {
    /// For how many seconds each target runs
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    seconds: u64,
    /// This target alone; may be repeated
    #[arg(long, value_name = "TARGET", value_parser = TARGETS)]
    target: Vec<String>,
}

/// Run the targets named, or all of them, one after the other.
pub(crate) fn run(checkout: &Checkout, fuzz: &Fuzz) -> Result<()> {
    tools::ensure(checkout, &[Need::CCompiler, Need::Fuzz])?;
    for target in TARGETS.iter().filter(|target| fuzz.target.is_empty() || fuzz.target.iter().any(|chosen| chosen == *target)) {
        println!("\n==> {target}: {} s", fuzz.seconds);
        let corpus = checkout.path(format!("fuzz/corpus/{target}"));
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        // Without a sanitizer, which only a nightly compiler has: there is no unsafe code here for it to watch.
        let mut cargo = checkout.cargo(&["fuzz", "run", "--sanitizer", "none", target]);
        cargo.arg(&corpus).arg(checkout.path(format!("fuzz/seeds/{target}")));
        cargo.args(["--", "-timeout=10", "-max_len=65536", "-print_final_stats=1", &format!("-max_total_time={}", fuzz.seconds)]);
        process::run(cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", checkout.target("fuzz")))?;
    }
    Ok(())
}
