//! strace on a running server: its system calls fail, or kill it, exactly where a test wants.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::ServerProcess;

/// What is done to system calls from now on. It ends when dropped, or with the server.
pub struct Injection {
    tracer: Child,
}

impl Injection {
    /// Does `what` (as strace's `-e inject=` spells it) to the next calls of the server, if they are about one of these
    /// files; about any, when none is named.
    pub fn into(server: &ServerProcess, what: &str, files: &[&Path]) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &server.id().to_string(), "-o", "/dev/null", "-e", &format!("inject={what}")]);
        for file in files {
            strace.arg("-P").arg(file);
        }
        let mut tracer = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("strace can be started");
        // It says so when it holds every thread; what it says later nobody needs, but the pipe must stay open.
        let mut said = BufReader::new(tracer.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(" attached") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "strace cannot attach to the server");
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self { tracer }
    }

    /// Whether this machine lets a test do that; if not, says that the test is skipped.
    pub fn is_possible() -> bool {
        let mut traced = Command::new("sleep").arg("60").spawn().expect("sleep can be started");
        let attach = ["-o", "/dev/null", "-p", &traced.id().to_string()];
        // strace on a process that ends; it fails at once where it may not attach.
        let tracer = Command::new("strace").args(attach).stderr(Stdio::piped()).spawn();
        let is_possible = tracer.is_ok_and(|mut tracer| {
            let mut line = String::new();
            let _ = BufReader::new(tracer.stderr.take().unwrap()).read_line(&mut line);
            let _ = (traced.kill(), tracer.wait());
            line.contains(" attached")
        });
        let _ = (traced.kill(), traced.wait());
        if !is_possible {
            skipped("strace is missing, or may not attach to other processes on this machine");
        }
        is_possible
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // Killing it would leave the server stopped for a moment; asked, it lets go first.
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.tracer), rustix::process::Signal::TERM);
        let _ = self.tracer.wait();
    }
}

/// Says that the test that runs is skipped, and why, past the harness, which keeps what a test prints to itself unless it fails.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let _ = writeln!(std::io::stderr(), "SKIPPED {}: {why}", thread.name().unwrap_or_default());
}

/// The files of a folder.
pub fn files_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Whether this machine lets a test run these words; if not, says that the test is skipped.
pub fn is_possible(words: &[&str]) -> bool {
    let done = Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success());
    if !done {
        skipped(&format!("`{}` does not work on this machine", words.join(" ")));
    }
    done
}
