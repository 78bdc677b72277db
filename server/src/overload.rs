//! What becomes of a connection for which there is no room: it is told so over plain HTTP and closed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use msr_protocol::Code;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::admission::AdmissionError;
use crate::limits::{REFUSAL_MS, REFUSALS_AT_ONCE};
use crate::log::LogRate;

/// Refuses connections, some at a time with an answer, and counts instead of logging each.
pub(crate) struct Overload {
    log: LogRate,
    answering: Arc<Semaphore>,
}

impl Default for Overload {
    fn default() -> Self {
        Self { log: LogRate::default(), answering: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)) }
    }
}

impl Overload {
    /// Refuses one. Over TLS there is no cheap way to say why: it is closed.
    pub(crate) fn refuse(&self, tcp: TcpStream, peer: SocketAddr, error: AdmissionError, tls: bool) {
        if let Some(suppressed) = self.log.next() {
            let code = Code::TooManyConnections.number();
            tracing::warn!(code, %peer, reason = %error, suppressed, "connection refused");
        }
        if tls {
            return;
        }
        if let Ok(place) = self.answering.clone().try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(Duration::from_millis(REFUSAL_MS), answer(tcp, error)).await;
                drop(place);
            });
        }
    }
}

async fn answer(mut tcp: TcpStream, error: AdmissionError) -> std::io::Result<()> {
    let body = format!(r#"{{"code":{},"reason":"{error}"}}"#, Code::TooManyConnections.number());
    let length = body.len();
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         retry-after: 5\r\nconnection: close\r\n\r\n{body}"
    );
    tcp.write_all(response.as_bytes()).await?;
    tcp.shutdown().await?;
    // Closed with a request unread, the answer would be lost to a reset.
    let mut sink = [0; 1024];
    while tcp.read(&mut sink).await? > 0 {}
    Ok(())
}
