//! `cargo xtask test`: every check, one after the other, up to the first that fails.

mod conformance;
mod steps;
mod tree;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::checks::steps::{STEPS, Step};
use crate::checks::tree::Untracked;
use crate::process;
use crate::tools::{self, Need};

/// The names `--only` takes.
pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

/// Run the steps named, or all of them.
pub(crate) fn run(checkout: &Checkout, only: &[String]) -> Result<()> {
    let steps = select(only);
    let needs: Vec<Need> = steps.iter().flat_map(|step| step.needs).copied().collect();
    tools::ensure(checkout, &needs)?;

    let before = Untracked::list(checkout);
    let mut outcomes = Vec::new();
    for step in &steps {
        println!("\n==> {}: {}", step.name, step.what);
        let started = Instant::now();
        let result = (step.run)(checkout, &before);
        let failed = result.is_err();
        outcomes.push(Outcome { step, result, took: started.elapsed() });
        if failed {
            break;
        }
    }
    summarise(&steps, &outcomes)
}

/// `cargo xtask advisories`.
pub(crate) fn advisories(checkout: &Checkout) -> Result<()> {
    tools::ensure(checkout, &[Need::Deny])?;
    process::step("cargo deny check advisories", "compares the dependencies with the RustSec list", || {
        process::run(&mut checkout.cargo(&["deny", "--locked", "--all-features", "check", "advisories"]))
    })
}

/// How a step ended.
struct Outcome<'a> {
    step: &'a Step,
    result: Result<()>,
    took: Duration,
}

/// The steps named and those they build on, in the order of the list.
fn select(only: &[String]) -> Vec<&'static Step> {
    let named = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let built_on = |name: &str| STEPS.iter().any(|step| named(step.name) && step.after.contains(&name));
    STEPS.iter().filter(|step| named(step.name) || built_on(step.name)).collect()
}

fn summarise(steps: &[&Step], outcomes: &[Outcome<'_>]) -> Result<()> {
    println!("\n{:<14}{:<10}{:>12}", "step", "result", "time");
    for Outcome { step, result, took } in outcomes {
        let word = if result.is_ok() { "passed" } else { "FAILED" };
        println!("{:<14}{word:<10}{:>12}", step.name, process::seconds(*took));
    }
    for step in &steps[outcomes.len()..] {
        println!("{:<14}not run", step.name);
    }
    let total = process::seconds(outcomes.iter().map(|outcome| outcome.took).sum());
    println!("{:<24}{total:>12}\n", "all");

    let failures: Vec<_> = outcomes.iter().filter_map(|outcome| Some((outcome.step, outcome.result.as_ref().err()?))).collect();
    println!("steps: {} passed, {} failed", outcomes.len() - failures.len(), failures.len());
    if let Some((step, error)) = failures.first() {
        bail!("{} failed: {error:#}. Run it alone: cargo xtask test --only {}", step.name, step.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_brings_what_it_builds_on() {
        let chosen: Vec<_> = select(&["browser".to_owned()]).iter().map(|step| step.name).collect();
        assert_eq!(chosen, ["pkg", "server", "browser"]);
        assert_eq!(select(&[]).len(), STEPS.len());
    }

    #[test]
    fn steps_build_on_earlier_ones() {
        for (place, step) in STEPS.iter().enumerate() {
            for name in step.after {
                assert!(STEPS[..place].iter().any(|earlier| earlier.name == *name), "{} needs {name} before it", step.name);
            }
        }
    }
}
