//! The server that is measured: one that runs, or one of our own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use url::Url;

/// Where it is, and what can be read of it.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pid: Option<u32>,
    own: Option<Own>,
}

/// Killed when dropped; its store goes with it.
struct Own {
    child: Running,
    store: TempDir,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// One that runs.
    pub(crate) fn running(url: &str, pid: Option<u32>) -> Result<Self> {
        let url = Url::parse(url).context("--server is no URL")?;
        ensure!(matches!(url.scheme(), "ws" | "http"), "--server must be ws://host:port; TLS is not spoken here");
        let host = url.host_str().context("--server names no host")?.to_owned();
        let port = url.port_or_known_default().context("--server names no port")?;
        Ok(Self { host, port, pid, own: None })
    }

    /// One of our own, on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Result<Self> {
        tokio::task::spawn_blocking(|| Self::start_on(TempDir::new()?)).await?
    }

    /// Kills it and starts it again on its store; gives how long it took to listen.
    pub(crate) async fn restart(self) -> Result<(Self, Duration)> {
        let Own { child, store } = self.own.context("only a server that was started here can be started again")?;
        tokio::task::spawn_blocking(move || {
            drop(child);
            let started = Instant::now();
            Ok((Self::start_on(store)?, started.elapsed()))
        })
        .await?
    }

    fn start_on(store: TempDir) -> Result<Self> {
        let binary = match std::env::var_os("MSR_SERVER_BIN") {
            Some(binary) => PathBuf::from(binary),
            None => std::env::current_exe()?.with_file_name("msr-server"),
        };
        let mut child = Command::new(&binary)
            .args(["--server", "127.0.0.1", "--port", "0", "--src", "ANY", "--log", "warn"])
            .args(["--max-connections", "0", "--max-connections-per-address", "0", "--dbsrc"])
            .arg(store.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started: build msr-server, or set MSR_SERVER_BIN", binary.display()))?;
        let output = child.stdout.take().context("no output of the server")?;
        let pid = child.id();
        let own = Own { child: Running(child), store };
        for line in BufReader::new(output).lines() {
            if let Some(url) = line?.strip_prefix("listening on ") {
                return Ok(Self { own: Some(own), ..Self::running(url, Some(pid))? });
            }
        }
        anyhow::bail!("the server ended before it listened")
    }

    /// What its store takes on disk, if it is one of our own.
    pub(crate) fn stored_bytes(&self) -> Result<Option<u64>> {
        let Some(own) = &self.own else { return Ok(None) };
        let (mut bytes, mut folders) = (0, vec![own.store.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else {
                    bytes += entry.metadata()?.len();
                }
            }
        }
        Ok(Some(bytes))
    }

    /// The same server for a task of its own; it does not end with it.
    pub(crate) fn address(&self) -> Self {
        Self { host: self.host.clone(), port: self.port, pid: self.pid, own: None }
    }

    /// Its resident memory.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid?)).ok()?;
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix("kB")?.trim();
        Some(kibibytes.parse::<u64>().ok()? * 1024)
    }

    /// The processor time of all its threads so far.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid?)).ok()?;
        // proc(5): behind the name in brackets, which may hold anything, utime and stime are the 12th and 13th field.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }
}
