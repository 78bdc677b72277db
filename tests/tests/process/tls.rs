//! TLS with PEM files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use msr_tests::{Dialect, Opening, ServerProcess, Settings, Stream, Words, within};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A certificate of its own authority, and its key.
struct Certificate {
    der: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

fn certificate() -> Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    Certificate { der: made.cert.der().clone(), certificate_pem: made.cert.pem(), key_pem: made.signing_key.serialize_pem() }
}

/// Writes both files, where a server is to find them.
fn write(settings: &Settings, certificate: &Certificate) -> (PathBuf, PathBuf) {
    let (key, cert) = (settings.folder().join("key.pem"), settings.folder().join("cert.pem"));
    fs::write(&key, &certificate.key_pem).unwrap();
    fs::write(&cert, &certificate.certificate_pem).unwrap();
    (key, cert)
}

async fn start(certificate: &Certificate) -> ServerProcess {
    let settings = Settings::default();
    let (key, cert) = write(&settings, certificate);
    settings.with("KEY", key.display()).with("CERT", cert.display()).start().await
}

/// A TLS connection that trusts these certificates alone.
async fn connect(server: &ServerProcess, trusted: &[&Certificate]) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.der.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", server.port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    within("the handshake", TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn wss_works() {
    let certificate = certificate();
    let server = start(&certificate).await;
    assert!(server.address.starts_with("https://"), "{}", server.address);
    let mut clients = vec![];
    for dialect in Dialect::BOTH {
        let stream: Stream = Box::new(connect(&server, &[&certificate]).await.unwrap());
        let opening = Opening::at(&server).origin(Some(&format!("https://localhost:{}", server.port)));
        let mut client = opening.open_over(stream).await.unwrap();
        client.sign_in(Words::new(dialect, "Alice")).await;
        client.nothing_else().await;
        clients.push(client);
    }
}

#[tokio::test]
async fn an_origin_without_tls_is_another_scheme() {
    let certificate = certificate();
    let server = start(&certificate).await;
    let stream: Stream = Box::new(connect(&server, &[&certificate]).await.unwrap());
    let opening = Opening::at(&server).origin(Some(&format!("http://localhost:{}", server.port)));
    assert_eq!(opening.open_over(stream).await.err(), Some(403));
}

#[tokio::test]
async fn a_replaced_certificate_is_picked_up() {
    let (first, second) = (certificate(), certificate());
    let server = start(&first).await;
    let stream = connect(&server, &[&first]).await.unwrap();
    let mut before =
        Opening::at(&server).origin(Some(&format!("https://localhost:{}", server.port))).open_over(Box::new(stream)).await.unwrap();
    before.sign_in(Words::new(Dialect::A, "Alice")).await;

    write(&server.settings, &second);
    within("the new certificate", async {
        while connect(&server, &[&second]).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
    before.nothing_else().await;

    fs::write(server.settings.folder().join("cert.pem"), "rubbish").unwrap();
    server.logged(&["cert.pem"]).await;
    connect(&server, &[&second]).await.expect("what cannot be read replaces nothing");
}

#[tokio::test]
async fn one_file_without_the_other_is_refused() {
    let certificate = certificate();
    for missing in ["KEY", "CERT"] {
        let settings = Settings::default();
        let (key, cert) = write(&settings, &certificate);
        let settings = if missing == "CERT" { settings.with("KEY", key.display()) } else { settings.with("CERT", cert.display()) };
        let (status, said) = settings.refused().await;
        assert!(!status.success() && said.to_uppercase().contains(missing), "it says that {missing} is missing: {said}");
    }
}

#[tokio::test]
async fn files_that_are_no_certificate_are_refused() {
    let settings = Settings::default();
    let (key, cert) = write(&settings, &certificate());
    fs::write(&cert, "rubbish").unwrap();
    let (status, said) = settings.with("KEY", key.display()).with("CERT", cert.display()).refused().await;
    assert!(!status.success() && said.contains("cert.pem"), "{said}");
}
