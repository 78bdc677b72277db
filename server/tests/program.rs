//! The program itself: what it prints, what it exits with, how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(30);

fn program(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_msr-server"));
    command.env_clear().current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn ended(mut command: Command) -> (i32, String) {
    let output = timeout(BOUND, command.output()).await.unwrap().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Waits for the line scripts wait for, and gives the address in it.
async fn listening(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(BOUND, lines.next_line()).await.unwrap().unwrap().unwrap();
    line.strip_prefix("listening on http://").unwrap().to_owned()
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let process = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(process, signal).unwrap();
}

async fn open_socket(address: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let handshake = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(handshake.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    timeout(BOUND, socket.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 101");
    socket
}

#[tokio::test]
async fn a_wrong_setting() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(&folder);
    command.env("PORT", "http");
    let (code, said) = ended(command).await;
    assert_eq!((code, said.as_str()), (2, "msr-server: PORT is \"http\": expected a whole number from 0 to 65535\n"));

    let mut command = program(&folder);
    command.env("SRC", "https://app.example/page").arg("--port=0");
    let (code, said) = ended(command).await;
    assert!(code == 2 && said.starts_with("msr-server: SRC is \"https://app.example/page\": "), "{code} {said}");

    let mut command = program(&folder);
    command.arg("--nonsense");
    let (code, said) = ended(command).await;
    assert!(code == 2 && said.contains("--nonsense"), "{code} {said}");

    let mut command = program(&folder);
    command.args(["--port=0", "--geoip=none.mmdb"]);
    let (code, said) = ended(command).await;
    assert!(code == 2 && said.contains("location database none.mmdb"), "{code} {said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a refused start left something behind");
}

#[tokio::test]
async fn an_address_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = program(&folder).arg("--port=0").spawn().unwrap();
    let address = listening(&mut first).await;
    let other_folder = tempfile::tempdir().unwrap();
    let mut command = program(&other_folder);
    command.args(["--port", address.rsplit_once(':').unwrap().1]);
    let (code, said) = ended(command).await;
    assert!(code == 1 && said.contains(&format!("msr-server: cannot listen on {address}: ")), "{code} {said}");
}

#[tokio::test]
async fn one_signal_drains() {
    for kind in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = program(&folder).arg("--port=0").spawn().unwrap();
        let address = listening(&mut child).await;
        let _socket = open_socket(&address).await;
        signal(&child, kind);
        assert_eq!(timeout(BOUND, child.wait()).await.unwrap().unwrap().code(), Some(0));
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program(&folder).args(["--port=0", "--drain=60000"]).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = listening(&mut child).await;
    // It does not answer the close, so the drain has something to wait for.
    let _socket = open_socket(&address).await;
    signal(&child, rustix::process::Signal::TERM);
    signal(&child, rustix::process::Signal::INT);
    assert_eq!(timeout(BOUND, child.wait()).await.unwrap().unwrap().code(), Some(1));
    let mut rest = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        rest.push(line);
    }
    assert!(rest.iter().any(|line| line.contains("stopping at once")), "{rest:?}");
}

#[tokio::test]
async fn more_connections_than_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -n 72 && exec \"$0\" --port=0", env!("CARGO_BIN_EXE_msr-server")]);
    command.env_clear().current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let address = listening(&mut child).await;
    let mut admitted = Vec::new();
    for _ in 0..8 {
        admitted.push(open_socket(&address).await);
    }
    for _ in 0..100 {
        let mut refused = TcpStream::connect(&address).await.unwrap();
        let mut start = [0; 12];
        timeout(BOUND, refused.read_exact(&mut start)).await.unwrap().unwrap();
        assert_eq!(&start, b"HTTP/1.1 503");
    }
    drop(admitted);
    assert_eq!(child.try_wait().unwrap(), None);
}
