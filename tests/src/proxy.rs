//! A TCP proxy in front of a server: a network that breaks when told.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Whether bytes pass in a direction; those that do not are kept back until they do.
type Gate = watch::Sender<bool>;

/// Forwards every connection to a port of 127.0.0.1.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    gates: Gates,
    cuts: watch::Sender<u64>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Gates {
    up: Gate,
    down: Gate,
}

impl Proxy {
    /// A proxy to that port.
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gates = Gates { up: watch::channel(true).0, down: watch::channel(true).0 };
        let cuts = watch::channel(0).0;
        let task = tokio::spawn(accept(listener, server, gates.clone(), cuts.clone()));
        Self { port, gates, cuts, task }
    }

    /// Nothing passes any more in either direction, and nobody is told: a half-open connection.
    pub fn freeze(&self) {
        self.set(false, false);
    }

    /// What clients send is kept back; what the server sends passes.
    pub fn hold_what_clients_send(&self) {
        self.set(false, true);
    }

    /// What the server sends is kept back; what clients send passes.
    pub fn hold_what_the_server_sends(&self) {
        self.set(true, false);
    }

    /// Everything passes again, what was kept back first.
    pub fn open(&self) {
        self.set(true, true);
    }

    /// Closes every connection there is; what was kept back is lost.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn set(&self, up: bool, down: bool) {
        self.gates.up.send_replace(up);
        self.gates.down.send_replace(down);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: u16, gates: Gates, cuts: watch::Sender<u64>) {
    // Connections end with the proxy.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { continue };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (up, down, mut cut) = (gates.up.subscribe(), gates.down.subscribe(), cuts.subscribe());
        connections.spawn(async move {
            let ((client_read, client_write), (server_read, server_write)) = (client.into_split(), server.into_split());
            tokio::select! {
                () = forward(client_read, server_write, up) => {}
                () = forward(server_read, client_write, down) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

/// Ends with the first end of the connection.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<bool>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let opened = gate.wait_for(|open| *open).await.is_ok();
        if !opened || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
