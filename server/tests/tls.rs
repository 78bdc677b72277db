//! The embedded server over TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod outside;

use std::path::Path;
use std::sync::Arc;

use msr_server::config::Config;
use msr_server::server::Server;
use msr_server::tls::TlsFiles;
use outside::{Client, Running, deadline, open_to_all};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Writes a new pair and gives the certificate.
fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), pair.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(pair.cert.pem().as_bytes()).unwrap()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { key: folder.join("key.pem"), cert: folder.join("cert.pem") }
}

/// Connects as somebody who trusts that certificate alone.
async fn connect(server: &Running, trusted: &CertificateDer<'static>) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tcp = TcpStream::connect(server.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), tcp).await.map(Client)
}

#[tokio::test]
async fn pages_and_sockets_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = write_pair(folder.path());
    let server = Running::start(Config { tls: Some(files(folder.path())), ..Config::default() }).await;
    let mut client = connect(&server, &certificate).await.unwrap();
    assert_eq!(client.0.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(client.get("/healthz").await.status, 200);
    let plain_page = format!("http://localhost:{}", server.port());
    assert_eq!(client.upgrade("/", &[("Origin", &plain_page)]).await.status, 403);
    let own_page = format!("https://localhost:{}", server.port());
    assert_eq!(client.upgrade("/", &[("Origin", &own_page)]).await.status, 101);
}

#[tokio::test]
async fn a_new_certificate_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let old = write_pair(folder.path());
    let server = Running::start(Config { tls: Some(files(folder.path())), ..open_to_all() }).await;
    let mut kept = connect(&server, &old).await.unwrap();
    assert_eq!(kept.get("/healthz").await.status, 200);
    let new = write_pair(folder.path());
    let mut client = deadline(async {
        loop {
            if let Ok(client) = connect(&server, &new).await {
                break client;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
    assert_eq!(client.get("/healthz").await.status, 200);
    assert_eq!(kept.get("/healthz").await.status, 200);
    assert!(connect(&server, &old).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_comes() {
    let folder = tempfile::tempdir().unwrap();
    write_pair(folder.path());
    let server = Running::start(Config { tls: Some(files(folder.path())), ..Config::default() }).await;
    let mut silent = Client::connect(&server).await;
    assert_eq!(deadline(silent.rest()).await, b"");
}

#[tokio::test]
async fn plain_http_on_a_tls_port() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = write_pair(folder.path());
    let server = Running::start(Config { tls: Some(files(folder.path())), ..Config::default() }).await;
    let mut plain = Client::connect(&server).await;
    plain.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    deadline(plain.rest()).await;
    assert_eq!(connect(&server, &certificate).await.unwrap().get("/healthz").await.status, 200);
}

#[tokio::test]
async fn files_that_are_not_usable_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { port: 0, store: folder.path().join("data"), tls: Some(files(folder.path())), ..Config::default() };
    let error = Server::bind(config).await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("key.pem"), "{error}");
    assert!(!folder.path().join("data").exists(), "the store was touched");
}
