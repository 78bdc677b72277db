//! `soak --minutes N`: kills the server and client processes under load for so long, and checks that nothing was lost,
//! doubled or put out of order. Prints what it counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::process::ExitCode;

use msr_tests::soak::{self, Plan, devices};

const USAGE: &str = "soak (--minutes N | --seconds N) [--devices N] [--keyed true] [--seed N]";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "devices") {
        let arguments = devices::Arguments::from_words(&words[1..]).expect("what the soak itself passes");
        devices::run(arguments).await;
        return ExitCode::SUCCESS;
    }
    let Some(plan) = plan(&words) else {
        eprintln!("usage: {USAGE}");
        return ExitCode::from(2);
    };
    println!("{} devices, {} s, seed {}", plan.devices, plan.seconds, plan.seed);
    let outcome = soak::run(&plan, &std::env::current_exe().unwrap()).await;
    println!("{outcome}");
    for fault in outcome.faults.iter().take(20) {
        println!("{fault:?}");
    }
    if outcome.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn plan(words: &[String]) -> Option<Plan> {
    let mut plan = Plan::new(0, fastrand::u64(..));
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--minutes" => plan.seconds = value.parse::<u64>().ok()? * 60,
            "--seconds" => plan.seconds = value.parse().ok()?,
            "--devices" => plan.devices = value.parse().ok()?,
            "--keyed" => plan.keyed = value.parse().ok()?,
            "--seed" => plan.seed = value.parse().ok()?,
            _ => return None,
        }
    }
    (plan.seconds > 0 && plan.devices > 1).then_some(plan)
}
