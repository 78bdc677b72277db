//! Running commands: each says what it does and why, how long it took, and fails clearly.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Do one step of the set-up: say what and why, then how long it took.
pub(crate) fn step<T>(what: &str, why: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}: {why}");
    let started = Instant::now();
    let result = work();
    let outcome = if result.is_ok() { "done" } else { "failed" };
    println!("    {what}: {outcome} after {}", seconds(started.elapsed()));
    result
}

/// Run a command to its end, its output where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", line(command));
    }
    Ok(())
}

/// What a command prints; `None` when it is missing or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A time that was taken, for a person.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// The command as it would be typed, and where.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    if let Some(folder) = command.get_current_dir() {
        line.push_str(&format!(" (in {})", folder.display()));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_names_itself() {
        let error = run(Command::new("cargo").arg("--no-such-option").stderr(std::process::Stdio::null())).unwrap_err();
        assert!(error.to_string().starts_with("`cargo --no-such-option` failed"), "{error}");
    }

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(1_260)), "1.3 s");
        assert_eq!(seconds(Duration::from_secs(61)), "1 min 01 s");
    }
}
