//! The server as a whole, for `main` and for programs that embed it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, lookup_host};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::admission::Admission;
use crate::clock;
use crate::config::Config;
use crate::delivery::StoredQueues;
use crate::geoip::{GeoIp, GeoIpError};
use crate::http::{App, router};
use crate::keys::StoredKeys;
use crate::limits::HTTP_CLOSE_MS;
use crate::listener::{self, Connections};
use crate::log::LogRate;
use crate::origin::OriginPolicy;
use crate::own_hosts::{OwnNames, own_hosts};
use crate::phase::{Phase, Phases};
use crate::store::{PeerStore, StoreError};
use crate::switch::{Rules, Switch};
use crate::tls::{Tls, TlsError};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The TLS files are not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The location database is not usable.
    #[error(transparent)]
    GeoIp(#[from] GeoIpError),
    /// The host name to listen on has no address.
    #[error("cannot find the address of {host:?}: {source}")]
    NoAddress {
        /// Which name.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The address is not ours to listen on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The store does not open.
    #[error("cannot start on the store: {0}")]
    Store(#[from] StoreError),
    /// The store of what waits for devices does not open.
    #[error("cannot start on the queues in {}: {source}", folder.display())]
    Queues {
        /// Where they are.
        folder: PathBuf,
        /// Why.
        source: msr_store::StoreError,
    },
    /// A task of the start was lost.
    #[error("the start was cut off: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

impl StartError {
    /// What the process exits with: 2 when the configuration names something unusable, 1 when the system says no.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Tls(_) | Self::GeoIp(_) | Self::NoAddress { .. } => 2,
            Self::Bind { .. } | Self::Store(_) | Self::Queues { .. } | Self::Lost(_) => 1,
        }
    }
}

/// Why a server ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The disk failed: nothing that is sent could be promised to be kept. Started again, the server goes on with what is
    /// on disk.
    #[error("the disk failed, and nothing can be accepted any more; the log says how")]
    StoreBroken,
}

/// The folder beside what is remembered of peers in which messages wait for devices.
const QUEUES_FOLDER: &str = "queues";

/// A server that has its address and waits to be run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    app: App,
    admission: Admission,
    phase: watch::Sender<Phase>,
    drain: Duration,
}

impl Server {
    /// Reads the files, opens the store and the socket. Nobody is served yet.
    ///
    /// # Errors
    /// What is not usable; see [`StartError::exit_code`].
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let Config { tls, geoip, store, ttl, .. } = config;
        let files = tokio::task::spawn_blocking(move || {
            let tls = tls.map(Tls::load).transpose()?;
            let geoip = geoip.as_deref().map(GeoIp::open).transpose()?;
            Ok::<_, StartError>((tls, geoip))
        });
        let (tls, geoip) = files.await??;
        let (listener, address) = listen(&config.host, config.port).await?;
        let stores = tokio::task::spawn_blocking(move || {
            let peers = PeerStore::open(&store, ttl, clock::wall_ms())?;
            let keys = StoredKeys::open(&store)?;
            let folder = store.join(QUEUES_FOLDER);
            let queues = StoredQueues::open(&folder).map_err(|source| StartError::Queues { folder, source })?;
            Ok::<_, StartError>((peers, queues, keys))
        });
        let (phase, phases) = Phases::new();
        let own = own_hosts(&config.host, address.ip());
        let names = OwnNames::new(own.clone(), &config.hosts, address.port());
        let origins = config.origins.unwrap_or_else(|| OriginPolicy::own(tls.is_some(), address.port(), own));
        tracing::info!(%origins, "pages of these origins may connect");
        let (peers, queues, keys) = stores.await??;
        let app = App {
            switch: Switch::new(peers, queues, keys, Rules { rate: config.rate, identities: config.identities, names }),
            origins: Arc::new(origins),
            geoip,
            phases,
            tls: tls.is_some(),
            refused_log: Arc::new(LogRate::default()),
        };
        let admission = Admission::new(config.max_connections, config.max_connections_per_address);
        Ok(Self { listener, address, tls, app, admission, phase, drain: config.drain })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where a browser finds it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.address)
    }

    /// What it answers, to be served by another axum program instead of [`Server::run`].
    pub fn router(&self) -> Router {
        router(self.app.clone())
    }

    /// Serves until `shutdown` is ready; then takes no new connection, gives those there are the time to end well,
    /// and returns.
    ///
    /// # Errors
    /// When the server ended without being told to; those who were connected know why.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self { listener, tls, app, admission, phase, drain, .. } = self;
        let switch = app.switch.clone();
        let (alive, mut all_gone) = mpsc::channel(1);
        let connections =
            Connections { admission, phases: app.phases.clone(), tls: tls.as_ref().map(Tls::acceptor), router: router(app), alive };
        let reload = async {
            match tls {
                Some(tls) => tls.reload().await,
                None => std::future::pending().await,
            }
        };
        let result = tokio::select! {
            () = connections.accept(listener) => Ok(()),
            () = reload => Ok(()),
            () = shutdown => Ok(()),
            () = switch.broken() => Err(RunError::StoreBroken),
        };
        tracing::info!("draining: no new connections");
        phase.send_replace(Phase::Draining);
        switch.drain(drain).await;
        phase.send_replace(Phase::Closing);
        let _ = timeout(Duration::from_millis(HTTP_CLOSE_MS), all_gone.recv()).await;
        tracing::info!("stopped");
        result
    }
}

/// The first address of the host that can be listened on.
async fn listen(host: &str, port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let no_address = |source| StartError::NoAddress { host: host.to_owned(), source };
    let mut failed = no_address(io::ErrorKind::NotFound.into());
    for address in lookup_host((host, port)).await.map_err(no_address)? {
        match listener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((address, listener)) => return Ok((listener, address)),
            Err(source) => failed = StartError::Bind { address, source },
        }
    }
    Err(failed)
}
