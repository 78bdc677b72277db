//! Devices under load while the server and they themselves are killed, again and again, and the history of it checked.
//!
//! [`run`] starts a server and processes with several devices each ([`devices`]); each device is our own client on a
//! folder store, and writes down what happens to it. Whoever is killed is started again. In the end everybody is left in
//! peace until everything accepted has been handled, and the history is checked.

pub mod devices;

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::frames::Device;
use crate::history::{Counts, DeviceId, Event, Fault, History};
use crate::keyed::{Own, Person, listed};
use crate::soak::devices::peer_of;
use crate::{ServerProcess, Settings, get, within};

/// How long the last messages may take once nobody is killed any more.
const SETTLING: Duration = Duration::from_secs(180);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// For how long, in seconds.
    pub seconds: u64,
    /// How many devices; three of five peers have one, the others two.
    pub devices: u32,
    /// How many of them share a process, and are killed together.
    pub devices_per_process: u32,
    /// The time between two kills of the server, ms.
    pub server_kill_ms: std::ops::Range<u64>,
    /// The time between two kills of client processes, ms.
    pub client_kill_ms: std::ops::Range<u64>,
    /// All that is random.
    pub seed: u64,
    /// Whether the peers have identities by key, so that everything is sealed.
    pub keyed: bool,
}

impl Plan {
    /// 100 devices, the server killed every two to three seconds, client processes more often.
    pub fn new(seconds: u64, seed: u64) -> Self {
        let (server_kill_ms, client_kill_ms) = (2_000..3_000, 500..2_500);
        Self { seconds, devices: 100, devices_per_process: 5, server_kill_ms, client_kill_ms, seed, keyed: false }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// How much the history covers.
    pub counts: Counts,
    /// Messages that were to be sent.
    pub sent: usize,
    /// Kills of the server.
    pub server_kills: usize,
    /// Kills of client processes.
    pub process_kills: usize,
    /// How long the last messages took once nobody was killed any more.
    pub settled_after: Duration,
    /// What must not be.
    pub faults: Vec<Fault>,
    /// Everything.
    pub history: History,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { counts, sent, server_kills, process_kills, settled_after, faults, .. } = self;
        let count = |kind: fn(&Fault) -> bool| faults.iter().filter(|fault| kind(fault)).count();
        writeln!(f, "sent                   {sent}")?;
        writeln!(f, "accepted               {}", counts.accepted)?;
        writeln!(f, "handled                {}", counts.handled)?;
        writeln!(f, "server kills           {server_kills}")?;
        writeln!(f, "client process kills   {process_kills} (of devices: {})", counts.kills)?;
        writeln!(f, "calls cut off by them  {} (handled again)", counts.repeated)?;
        writeln!(f, "settled after          {:.1} s", settled_after.as_secs_f64())?;
        writeln!(f, "reported               {}", counts.reported)?;
        writeln!(f, "lost                   {}", count(|fault| matches!(fault, Fault::Lost(..))))?;
        writeln!(f, "doubled                {}", count(|fault| matches!(fault, Fault::Doubled(..))))?;
        writeln!(f, "out of order           {}", count(|fault| matches!(fault, Fault::OutOfOrder(..))))?;
        writeln!(f, "unsent or stray        {}", count(|fault| matches!(fault, Fault::Unsent(..) | Fault::Stray(..))))?;
        write!(f, "false gaps             {}", count(|fault| matches!(fault, Fault::FalseGap(..))))
    }
}

/// A process with devices; killed when dropped.
struct Process {
    devices: Vec<u32>,
    child: Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Soak<'a> {
    plan: &'a Plan,
    binary: &'a Path,
    folder: TempDir,
    server: ServerProcess,
    processes: Vec<Process>,
    random: fastrand::Rng,
}

/// Runs it. `binary` is the program that becomes a process with devices; see [`devices::Arguments`].
pub async fn run(plan: &Plan, binary: &Path) -> Outcome {
    let server = Settings::default().with("LOG", "warn").start().await;
    let (folder, random) = (TempDir::new().unwrap(), fastrand::Rng::with_seed(plan.seed));
    let mut soak = Soak { plan, binary, folder, server, processes: Vec::new(), random };
    let all: Vec<u32> = (0..plan.devices).collect();
    for devices in all.chunks(plan.devices_per_process as usize) {
        let process = soak.start(devices.to_vec());
        soak.processes.push(process);
    }
    soak.everybody_is_known().await;
    fs::write(soak.folder.path().join(devices::GO), "").unwrap();
    let (server_kills, process_kills) = soak.kill_for(Duration::from_secs(plan.seconds)).await;
    fs::write(soak.folder.path().join(devices::STOP), "").unwrap();
    let settling = Instant::now();
    let history = soak.settle().await;
    let settled_after = settling.elapsed();
    soak.processes.clear();
    let faults = history.faults();
    let sent = all.iter().flat_map(|device| history.of(DeviceId(*device))).filter(|event| matches!(event, Event::Sent { .. })).count();
    Outcome { counts: history.counts(), sent, server_kills, process_kills, settled_after, faults, history }
}

impl Soak<'_> {
    fn start(&mut self, devices: Vec<u32>) -> Process {
        let arguments = devices::Arguments {
            port: self.server.port,
            folder: self.folder.path().to_owned(),
            devices: devices.clone(),
            all: self.plan.devices,
            seed: self.random.u64(..),
            keyed: self.plan.keyed,
        };
        let child = Command::new(self.binary).args(arguments.to_words()).stdin(Stdio::null()).spawn().expect("devices can be started");
        Process { devices, child }
    }

    async fn everybody_is_known(&self) {
        within("every device to register", async {
            loop {
                let health = get(self.server.port, "/healthz", &[]).await;
                let health: serde_json::Value = serde_json::from_str(&health.body).unwrap();
                if health["devices"] == self.plan.devices {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
        if self.plan.keyed {
            self.everybody_is_listed().await;
        }
        // What is accepted now is on disk, and so is what was to be written before it: that they are known.
        let mut probe = Device::new("Probe", "probe");
        let mut client = probe.connect(self.server.port).await;
        client.send(1, &[probe.credential()], "1").await;
        client.accepted(1).await;
    }

    /// What is sealed before a device is on its peer's list is not for it.
    async fn everybody_is_listed(&self) {
        let peers: BTreeSet<_> = (0..self.plan.devices).map(|device| peer_of(device, self.plan.devices)).collect();
        let mut asking = Own::new(&Person::new("Asking"), 1).register(self.server.port).await.unwrap();
        within("every device to be listed", async {
            loop {
                let mut devices = 0;
                for peer in &peers {
                    devices += listed(&asking.list_of(devices::person(*peer).credential()).await.unwrap()).len();
                }
                if devices == self.plan.devices as usize {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await;
    }

    async fn kill_for(&mut self, time: Duration) -> (usize, usize) {
        let (mut server_kills, mut process_kills) = (0, 0);
        let end = tokio::time::Instant::now() + time;
        let mut server_at = tokio::time::Instant::now() + self.pause(&self.plan.server_kill_ms.clone());
        let mut process_at = tokio::time::Instant::now() + self.pause(&self.plan.client_kill_ms.clone());
        while server_at.min(process_at) < end {
            tokio::time::sleep_until(server_at.min(process_at)).await;
            if server_at <= process_at {
                self.server.kill().await;
                self.server = self.server.restart().await;
                server_kills += 1;
                server_at = tokio::time::Instant::now() + self.pause(&self.plan.server_kill_ms.clone());
            } else {
                let chosen = self.random.usize(0..self.processes.len());
                self.kill_process(chosen);
                process_kills += 1;
                process_at = tokio::time::Instant::now() + self.pause(&self.plan.client_kill_ms.clone());
            }
        }
        (server_kills, process_kills)
    }

    fn pause(&mut self, range_ms: &std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.random.u64(range_ms.clone()))
    }

    fn kill_process(&mut self, place: usize) {
        let process = self.processes.swap_remove(place);
        let devices = process.devices.clone();
        drop(process);
        for device in &devices {
            let mut log = OpenOptions::new().append(true).create(true).open(self.log_of(*device)).unwrap();
            writeln!(log, "{}", Event::Killed).unwrap();
        }
        let again = self.start(devices);
        self.processes.push(again);
    }

    /// Waits until nothing accepted is missing, twice in a row.
    async fn settle(&mut self) -> History {
        let deadline = Instant::now() + SETTLING;
        let mut before = None;
        loop {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let history = self.history();
            let now = (history.counts(), history.missing().len());
            if (now.1 == 0 && before == Some(now)) || Instant::now() > deadline {
                return history;
            }
            before = Some(now);
        }
    }

    fn history(&self) -> History {
        let mut history = History::default();
        for device in 0..self.plan.devices {
            history.device(DeviceId(device), peer_of(device, self.plan.devices));
        }
        for device in 0..self.plan.devices {
            let text = fs::read_to_string(self.log_of(device)).unwrap_or_default();
            history.add_lines(DeviceId(device), &text).unwrap_or_else(|error| panic!("the log of device {device} has {error:?}"));
        }
        history
    }

    fn log_of(&self, device: u32) -> PathBuf {
        devices::log_of(self.folder.path(), device)
    }
}
