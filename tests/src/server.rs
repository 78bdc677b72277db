//! The server as a process of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{WAIT, server_binary, within};

/// The environment variables that configure the server; none of this machine's reaches it.
const CONFIGURATION: [&str; 18] = [
    "SERVER",
    "PORT",
    "SRC",
    "IDENTITY",
    "HOSTS",
    "DBSRC",
    "KEY",
    "CERT",
    "TTL",
    "GEOIP",
    "MAX_CONNECTIONS",
    "MAX_CONNECTIONS_PER_ADDRESS",
    "MAX_MESSAGES_PER_SECOND",
    "MAX_BYTES_PER_SECOND",
    "DRAIN",
    "LOG",
    "LOG_FORMAT",
    "CONFIG",
];

/// How a server is to be started.
#[derive(Clone)]
pub struct Settings {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    before: Vec<String>,
    folder: Arc<TempDir>,
}

impl Default for Settings {
    /// On a free port of 127.0.0.1, with an empty store folder of its own.
    fn default() -> Self {
        Self { environment: vec![], arguments: vec![], before: vec![], folder: Arc::new(TempDir::new().unwrap()) }
            .with("SERVER", "127.0.0.1")
            .with("PORT", "0")
    }
}

impl Settings {
    /// Sets an environment variable.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a command line argument.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts the server behind these words: a program that becomes the server, such as `unshare -m`.
    pub fn behind(mut self, words: &[&str]) -> Self {
        self.before = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The same server with a store folder of its own.
    pub fn elsewhere(self) -> Self {
        Self { folder: Arc::new(TempDir::new().unwrap()), ..self }
    }

    /// A folder that lives as long as the settings; the store is `store` in it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the store is.
    pub fn store(&self) -> PathBuf {
        self.folder().join("store")
    }

    fn command(&self) -> Command {
        let words: Vec<&OsStr> = self.before.iter().map(OsStr::new).chain([server_binary().as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        for name in CONFIGURATION {
            command.env_remove(name);
        }
        command
            .current_dir(self.folder())
            .env("NO_COLOR", "1")
            .env("DBSRC", self.store())
            .envs(self.environment.iter().map(|(name, value)| (OsStr::new(name), OsStr::new(value))))
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the server and waits until it listens.
    pub async fn start(&self) -> ServerProcess {
        let mut server = self.spawn();
        let mut printed = server.printed.clone();
        let line = within("the server to listen", printed.wait_for(|lines| lines.iter().any(|line| line.starts_with("listening on "))))
            .await
            .map(|lines| lines.iter().find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)));
        let Ok(Some(address)) = line else { panic!("the server ended before it listened:\n{}", server.log_lines().join("\n")) };
        server.port =
            address.trim_end_matches('/').rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port in the address");
        server.address = address;
        server
    }

    /// Starts a server that is to end by itself: how it ended, and what it said.
    pub async fn refused(&self) -> (ExitStatus, String) {
        let mut server = self.spawn();
        let status = server.ended().await;
        (status, server.log_lines().join("\n"))
    }

    fn spawn(&self) -> ServerProcess {
        let mut child = self.command().spawn().expect("the server binary can be started");
        let printed = collect(child.stdout.take().unwrap());
        let logged = collect(child.stderr.take().unwrap());
        ServerProcess { child, printed, logged, port: 0, address: String::new(), settings: self.clone() }
    }
}

/// Reads lines on a thread until the pipe ends.
fn collect(pipe: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            sender.send_modify(|lines| lines.push(line));
        }
    });
    receiver
}

/// A running server; killed, by its process id, when dropped.
pub struct ServerProcess {
    child: Child,
    printed: watch::Receiver<Vec<String>>,
    logged: watch::Receiver<Vec<String>>,
    /// The port it listens on.
    pub port: u16,
    /// What it printed as its address: `http://127.0.0.1:PORT`, or `https:`.
    pub address: String,
    /// How it was started.
    pub settings: Settings,
}

impl ServerProcess {
    /// A server with default settings.
    pub async fn start() -> Self {
        Settings::default().start().await
    }

    /// `http://127.0.0.1:PORT`: one of its own origins.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log_lines(&self) -> Vec<String> {
        self.logged.borrow().clone()
    }

    /// Waits for a log line in which every one of `parts` stands.
    pub async fn logged(&self, parts: &[&str]) -> String {
        self.logged_times(parts, 1).await
    }

    /// Waits for so many log lines in which every one of `parts` stands; gives the last.
    pub async fn logged_times(&self, parts: &[&str], times: usize) -> String {
        let fits = |line: &&String| parts.iter().all(|part| line.contains(part));
        let mut logged = self.logged.clone();
        let waited = tokio::time::timeout(WAIT, logged.wait_for(|lines| lines.iter().filter(fits).count() >= times)).await;
        match waited {
            Ok(Ok(lines)) => lines.iter().filter(fits).nth(times - 1).cloned().unwrap(),
            _ => panic!("no {times} log lines with {parts:?} in:\n{}", self.log_lines().join("\n")),
        }
    }

    /// Waits for a log line with that code of the protocol.
    pub async fn logged_code(&self, code: u16) -> String {
        self.logged(&[&format!("code={code}")]).await
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the server still runs");
    }

    /// Ends it at once (SIGKILL), and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ended().await;
    }

    /// Waits until it has ended, and all it said is read.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = within("the server to end", async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => break status,
                    None => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                }
            }
        })
        .await;
        for lines in [&mut self.logged, &mut self.printed] {
            let _ = within("its last line", lines.wait_for(|_| false)).await;
        }
        status
    }

    /// Starts the same server again, on the same store and the same port.
    pub async fn restart(&self) -> Self {
        self.settings.clone().with("PORT", self.port).start().await
    }

    /// Ends it at once, by its process id, from any task; [`ServerProcess::ended`] waits for that.
    pub fn kill_now(&self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::KILL);
    }

    /// Its resident memory in bytes, from `/proc`.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
