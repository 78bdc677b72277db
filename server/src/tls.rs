//! TLS from PEM files, taken over anew when they change.
//!
//! A pair that does not fit, or cannot be read, stops the start; while running it is logged and the old pair stays in
//! use, so that a renewal that writes one file after the other disturbs nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::limits::TLS_RELOAD_MS;

/// Where key and certificate are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The private key, PEM.
    pub key: PathBuf,
    /// The certificate chain, PEM, the server's own first.
    pub cert: PathBuf,
}

/// Why a pair of files is not usable.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("TLS file {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not PEM, or holds something else.
    #[error("TLS file {}: {source}", file.display())]
    NotPem {
        /// Which.
        file: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// There is no certificate in the file.
    #[error("TLS file {}: no certificate in it", .0.display())]
    NoCertificate(PathBuf),
    /// Key and certificate do not belong together, or are of an unknown kind.
    #[error("TLS key {} and certificate {}: {source}", files.key.display(), files.cert.display())]
    Refused {
        /// Which.
        files: Box<TlsFiles>,
        /// Why.
        source: rustls::Error,
    },
}

/// What the two files hold.
#[derive(PartialEq, Eq)]
struct Pair {
    key: Vec<u8>,
    cert: Vec<u8>,
}

impl Pair {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |file: &Path| std::fs::read(file).map_err(|source| TlsError::Unreadable { file: file.to_owned(), source });
        Ok(Self { key: read(&files.key)?, cert: read(&files.cert)? })
    }

    fn configure(&self, files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
        let not_pem = |file: &Path| {
            let file = file.to_owned();
            move |source| TlsError::NotPem { file, source }
        };
        let chain = CertificateDer::pem_slice_iter(&self.cert).collect::<Result<Vec<_>, _>>().map_err(not_pem(&files.cert))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(files.cert.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(not_pem(&files.key))?;
        let refused = |source| TlsError::Refused { files: Box::new(files.clone()), source };
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// The pair in use, and the task that looks for a new one.
pub struct Tls {
    files: TlsFiles,
    pair: Pair,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files. Blocks.
    ///
    /// # Errors
    /// When they are not usable.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = Pair::read(&files)?;
        let current = watch::Sender::new(pair.configure(&files)?);
        Ok(Self { files, pair, current })
    }

    /// What accepts connections, always with the newest pair.
    #[must_use]
    pub fn acceptor(&self) -> CurrentTls {
        CurrentTls(self.current.subscribe())
    }

    /// Looks for changes for as long as it is polled.
    pub async fn reload(mut self) {
        let mut last_problem = None;
        loop {
            tokio::time::sleep(Duration::from_millis(TLS_RELOAD_MS)).await;
            let files = self.files.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || Pair::read(&files)).await else { continue };
            let problem = read.and_then(|pair| self.take_over(pair)).err().map(|error| error.to_string());
            if let Some(error) = problem.as_ref().filter(|problem| last_problem.as_ref() != Some(*problem)) {
                tracing::error!(%error, "changed TLS files are not usable: the old ones stay in use");
            }
            last_problem = problem;
        }
    }

    fn take_over(&mut self, pair: Pair) -> Result<(), TlsError> {
        if pair != self.pair {
            self.current.send_replace(pair.configure(&self.files)?);
            self.pair = pair;
            tracing::info!(cert = %self.files.cert.display(), "changed TLS files taken over");
        }
        Ok(())
    }
}

/// Gives the acceptor with the newest pair.
#[derive(Debug, Clone)]
pub struct CurrentTls(watch::Receiver<Arc<ServerConfig>>);

impl CurrentTls {
    /// For one connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.borrow().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Written {
        _folder: tempfile::TempDir,
        files: TlsFiles,
    }

    fn pem() -> (String, String) {
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (pair.signing_key.serialize_pem(), pair.cert.pem())
    }

    fn write(key: &str, cert: &str) -> Written {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles { key: folder.path().join("key.pem"), cert: folder.path().join("cert.pem") };
        std::fs::write(&files.key, key).unwrap();
        std::fs::write(&files.cert, cert).unwrap();
        Written { _folder: folder, files }
    }

    fn problem(key: &str, cert: &str) -> TlsError {
        Tls::load(write(key, cert).files.clone()).err().unwrap()
    }

    #[test]
    fn only_pairs_that_fit() {
        let (key, cert) = pem();
        let (other_key, _) = pem();
        assert!(Tls::load(write(&key, &cert).files.clone()).is_ok());
        assert!(matches!(problem(&other_key, &cert), TlsError::Refused { .. }));
        assert!(matches!(problem("no key", &cert), TlsError::NotPem { .. }));
        assert!(matches!(problem(&cert, &cert), TlsError::NotPem { .. }));
        assert!(matches!(problem(&key, ""), TlsError::NoCertificate(_)));
        assert!(matches!(problem(&key, &key), TlsError::NoCertificate(_)));
        assert!(matches!(problem(&key, &cert[..cert.len() / 2]), TlsError::NotPem { .. }));
        let missing = TlsFiles { key: "/nowhere.pem".into(), cert: "/nowhere.pem".into() };
        assert!(matches!(Tls::load(missing), Err(TlsError::Unreadable { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_pair_is_taken_over_and_a_broken_one_is_not() {
        let (key, cert) = pem();
        let written = write(&key, &cert);
        let tls = Tls::load(written.files.clone()).unwrap();
        let mut current = tls.acceptor().0;
        let reload = tokio::spawn(tls.reload());

        let (new_key, new_cert) = pem();
        std::fs::write(&written.files.key, &new_key).unwrap();
        let polls = Duration::from_millis(TLS_RELOAD_MS * 3);
        assert!(tokio::time::timeout(polls, current.changed()).await.is_err(), "half a pair was taken over");

        std::fs::write(&written.files.cert, &new_cert).unwrap();
        tokio::time::timeout(polls, current.changed()).await.unwrap().unwrap();

        std::fs::remove_file(&written.files.key).unwrap();
        assert!(tokio::time::timeout(polls, current.changed()).await.is_err());
        assert!(!reload.is_finished());
        reload.abort();
    }
}
