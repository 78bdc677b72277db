//! The server that is measured: one that runs, or one of our own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use url::Url;

/// Where it is, and what can be read of it.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pid: Option<u32>,
    _own: Option<Own>,
}

/// Killed when dropped; its store goes with it.
struct Own {
    child: Child,
    _store: TempDir,
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// One that runs.
    pub(crate) fn running(url: &str, pid: Option<u32>) -> Result<Self> {
        let url = Url::parse(url).context("--server is no URL")?;
        ensure!(matches!(url.scheme(), "ws" | "http"), "--server must be ws://host:port; TLS is not spoken here");
        let host = url.host_str().context("--server names no host")?.to_owned();
        let port = url.port_or_known_default().context("--server names no port")?;
        Ok(Self { host, port, pid, _own: None })
    }

    /// One of our own, on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Result<Self> {
        tokio::task::spawn_blocking(Self::start_and_wait).await?
    }

    fn start_and_wait() -> Result<Self> {
        let binary = match std::env::var_os("MSR_SERVER_BIN") {
            Some(binary) => PathBuf::from(binary),
            None => std::env::current_exe()?.with_file_name("msr-server"),
        };
        let store = TempDir::new()?;
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
        let own = Own { child, _store: store };
        for line in BufReader::new(output).lines() {
            if let Some(url) = line?.strip_prefix("listening on ") {
                return Ok(Self { _own: Some(own), ..Self::running(url, Some(pid))? });
            }
        }
        anyhow::bail!("the server ended before it listened")
    }

    /// The same server for a task of its own; it does not end with it.
    pub(crate) fn address(&self) -> Self {
        Self { host: self.host.clone(), port: self.port, pid: self.pid, _own: None }
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
