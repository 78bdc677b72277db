//! The listening socket: accepts connections, counts them, and speaks HTTP/1.1 on each until it is upgraded.
//!
//! Nothing a client does, and no shortage of the system's, ends the loop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::admission::{Admission, Permit};
use crate::limits::{
    ACCEPT_BACKLOG, ACCEPT_PAUSE_MS, HTTP_CLOSE_MS, HTTP_CONNECTION_MS, REQUEST_HEADERS, REQUEST_HEADERS_BYTES, REQUEST_HEADERS_MS,
    TLS_HANDSHAKE_MS,
};
use crate::log::LogRate;
use crate::overload::Overload;
use crate::phase::{Phase, Phases};
use crate::stream::{Stream, Transport};
use crate::tls::CurrentTls;

/// Opens the socket.
///
/// # Errors
/// What the system says.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server started again at once finds its address in use by connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(ACCEPT_BACKLOG)
}

/// What each connection is served with.
#[derive(Clone)]
pub struct Connections {
    /// Answers requests.
    pub router: Router,
    /// Counts connections.
    pub admission: Admission,
    /// TLS, when it is on.
    pub tls: Option<CurrentTls>,
    /// When to end.
    pub phases: Phases,
    /// Held by each connection that speaks HTTP, so that the end can be awaited.
    pub alive: mpsc::Sender<Infallible>,
}

impl Connections {
    /// Accepts for as long as it is polled; the socket closes when it is dropped.
    pub async fn accept(self, listener: TcpListener) {
        let overload = Overload::default();
        let failures = LogRate::default();
        loop {
            let (tcp, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    if let Some(suppressed) = failures.next() {
                        tracing::error!(%error, suppressed, "accepting a connection failed");
                    }
                    if !is_about_one_connection(&error) {
                        sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    }
                    continue;
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            match self.admission.admit(peer.ip()) {
                Ok(permit) => drop(tokio::spawn(self.clone().serve(tcp, peer, permit))),
                Err(error) => overload.refuse(tcp, peer, error, self.tls.is_some()),
            }
        }
    }

    async fn serve(self, tcp: TcpStream, peer: SocketAddr, permit: Permit) {
        if let Err(error) = tcp.set_nodelay(true) {
            tracing::debug!(%peer, %error, "connection lost at once");
            return;
        }
        let transport = match &self.tls {
            None => Transport::Plain(tcp),
            Some(tls) => match timeout(Duration::from_millis(TLS_HANDSHAKE_MS), tls.acceptor().accept(tcp)).await {
                Ok(Ok(stream)) => Transport::Tls(Box::new(stream)),
                Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
            },
        };
        if let Err(error) = self.speak_http(Stream::new(transport, permit), peer).await {
            tracing::debug!(%peer, %error, "HTTP connection ended");
        }
    }

    /// Until the connection ends or is upgraded.
    async fn speak_http(mut self, stream: Stream, peer: SocketAddr) -> hyper::Result<()> {
        let heard = stream.heard().clone();
        let router = self.router.map_request(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(heard.clone());
            request.map(Body::new)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(REQUEST_HEADERS_MS))
            .max_headers(REQUEST_HEADERS)
            .max_buf_size(REQUEST_HEADERS_BYTES)
            .half_close(true);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = &mut connection => return ended,
            () = self.phases.reach(Phase::Closing) => {}
            () = sleep(Duration::from_millis(HTTP_CONNECTION_MS)) => {}
        }
        connection.as_mut().graceful_shutdown();
        timeout(Duration::from_millis(HTTP_CLOSE_MS), connection).await.unwrap_or(Ok(()))
    }
}

/// Whether accepting failed for the connection that was next in line, and not for want of something.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | HostUnreachable | Interrupted | NetworkUnreachable | TimedOut
    )
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_a_shortage_makes_accepting_rest() {
        for (errno, about_one) in [(Errno::CONNABORTED, true), (Errno::MFILE, false), (Errno::NFILE, false), (Errno::NOBUFS, false)] {
            assert_eq!(is_about_one_connection(&errno.into()), about_one, "{errno}");
        }
    }
}
