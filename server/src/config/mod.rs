//! What the server is told at its start: flags over environment over file over default.
//!
//! `settings` is the one list of settings, `layers` finds what was given for each, and [`Config`] is the typed
//! result. Every error names the setting, where it came from, and the value.

mod layers;
mod settings;

use std::path::PathBuf;
use std::time::Duration;

use msr_protocol::limits::MESSAGE_BYTES;
use tracing_subscriber::EnvFilter;
use url::Url;

pub use self::layers::Given;
use self::layers::Layers;
use crate::origin::OriginPolicy;
use crate::own_hosts::{HostName, NotAHostName};
use crate::switch::{Identities, Rate};
use crate::tls::TlsFiles;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for a person.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything a server needs to know. [`Config::default`] is what it does when it is told nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The IP address or host name to listen on.
    pub host: String,
    /// The TCP port; 0 lets the system choose a free one.
    pub port: u16,
    /// Who may connect; `None` means pages of the server itself.
    pub origins: Option<OriginPolicy>,
    /// Which identities are taken.
    pub identities: Identities,
    /// The names by which clients dial the server, beside those the machine knows.
    pub hosts: Vec<HostName>,
    /// The folder where peers are remembered.
    pub store: PathBuf,
    /// Key and certificate; `None` means no TLS.
    pub tls: Option<TlsFiles>,
    /// How long a signed-out peer is kept.
    pub ttl: Duration,
    /// A database in MaxMind's format that knows where addresses are.
    pub geoip: Option<PathBuf>,
    /// How many connections there may be at once; `None` is no limit.
    pub max_connections: Option<usize>,
    /// How many of them one address (IPv6: one /64 network) may have; `None` is no limit.
    pub max_connections_per_address: Option<usize>,
    /// What one connection may send.
    pub rate: Rate,
    /// How long connections get to end well when the server stops.
    pub drain: Duration,
    /// Which log lines are written, as `tracing` filters are spelled.
    pub log: String,
    /// How they are written.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 55_688,
            origins: None,
            identities: Identities::Any,
            hosts: Vec::new(),
            store: PathBuf::from("msr-data"),
            tls: None,
            ttl: Duration::from_millis(7 * 24 * 3_600_000),
            geoip: None,
            max_connections: Some(100_000),
            max_connections_per_address: Some(4_096),
            rate: Rate::default(),
            drain: Duration::from_millis(10_000),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// Why the server cannot be configured so.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line is not one; also how `--help` and `--version` come back.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// A value is not usable.
    #[error("{given}: {problem}")]
    Invalid {
        /// Which setting, from where, and its value.
        given: Box<Given>,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The configuration file cannot be read.
    #[error("configuration file {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration file is not TOML.
    #[error("configuration file {}: {source}", file.display())]
    NotToml {
        /// Which.
        file: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// The configuration file has a key that is no setting.
    #[error("configuration file {}: `{key}` is not a setting; the settings are {known}", file.display())]
    UnknownKey {
        /// Which file.
        file: PathBuf,
        /// Which key.
        key: String,
        /// The keys there are.
        known: String,
    },
    /// TLS needs two files.
    #[error("{given}, but `{missing}` is not set: TLS needs both the key and the certificate")]
    HalfOfTls {
        /// What is there.
        given: Box<Given>,
        /// What is not.
        missing: &'static str,
    },
}

/// What is wrong with a value.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Not a number, or out of range.
    #[error("expected a whole number from {min} to {max}")]
    NotANumber {
        /// The smallest one.
        min: u64,
        /// The largest one.
        max: u64,
    },
    /// Neither an IP address nor a host name.
    #[error("expected an IP address or a host name, without a port")]
    NotAHost,
    /// No list of origins.
    #[error(transparent)]
    Origin(#[from] crate::origin::OriginError),
    /// No host names.
    #[error(transparent)]
    HostName(#[from] NotAHostName),
    /// No folder.
    #[error("expected a folder: a path or a `file:` URL")]
    NotAFolder,
    /// None of the words there are.
    #[error("expected one of {0}")]
    NotOneOf(&'static str),
    /// No filter.
    #[error("expected a log filter such as `info` or `warn,msr_server=debug`: {0}")]
    NotAFilter(#[from] tracing_subscriber::filter::ParseError),
    /// A TOML value of another kind.
    #[error("expected a string, a whole number or an array of strings")]
    WrongKind,
}

/// A century, in ms: longer times are typing errors.
const LONGEST_MS: u64 = 3_155_760_000_000;

/// What a message to the most recipients costs, in messages; a search costs less.
const COSTLIEST_MESSAGE: u32 = 200;

impl Config {
    /// Reads the command line of this process, its environment, and the file they may name.
    ///
    /// # Errors
    /// [`ConfigError::Usage`] for `--help` and `--version` too: print it and exit with its own code.
    pub fn from_process() -> Result<Self, ConfigError> {
        Self::from_parts(std::env::args_os(), |name| std::env::var(name).ok())
    }

    /// Like [`Config::from_process`], from arguments (the program's name first) and an environment given.
    ///
    /// # Errors
    /// The first setting that is not usable.
    pub fn from_parts<A>(arguments: A, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError>
    where
        A: IntoIterator,
        A::Item: Into<std::ffi::OsString> + Clone,
    {
        Self::from_layers(&Layers::collect(arguments, environment)?)
    }

    fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let Rate { mut messages_per_second, mut bytes_per_second, .. } = config.rate;
        layers.read("server", host, &mut config.host)?;
        layers.read("port", port, &mut config.port)?;
        layers.read("src", |text| Ok(Some(text.parse()?)), &mut config.origins)?;
        layers.read("identity", identities, &mut config.identities)?;
        layers.read("hosts", host_names, &mut config.hosts)?;
        layers.read("dbsrc", folder, &mut config.store)?;
        layers.read("ttl", milliseconds, &mut config.ttl)?;
        layers.read("geoip", |text| Ok(Some(PathBuf::from(text))), &mut config.geoip)?;
        layers.read("max-connections", limit, &mut config.max_connections)?;
        layers.read("max-connections-per-address", limit, &mut config.max_connections_per_address)?;
        layers.read("max-messages-per-second", per_second, &mut messages_per_second)?;
        layers.read("max-bytes-per-second", per_second, &mut bytes_per_second)?;
        layers.read("drain", milliseconds, &mut config.drain)?;
        layers.read("log", log_filter, &mut config.log)?;
        layers.read("log-format", log_format, &mut config.log_format)?;
        config.rate = rate(messages_per_second, bytes_per_second);
        config.tls = tls(layers)?;
        Ok(config)
    }
}

fn tls(layers: &Layers) -> Result<Option<TlsFiles>, ConfigError> {
    let half = |given: &Given, missing| Err(ConfigError::HalfOfTls { given: Box::new(given.clone()), missing });
    match (layers.find("key"), layers.find("cert")) {
        (Some(key), Some(cert)) => Ok(Some(TlsFiles { key: PathBuf::from(&key.value), cert: PathBuf::from(&cert.value) })),
        (Some(key), None) => half(key, "cert"),
        (None, Some(cert)) => half(cert, "key"),
        (None, None) => Ok(None),
    }
}

fn whole(text: &str, min: u64, max: u64) -> Result<u64, Problem> {
    text.parse().ok().filter(|number| (min..=max).contains(number)).ok_or(Problem::NotANumber { min, max })
}

fn milliseconds(text: &str) -> Result<Duration, Problem> {
    whole(text, 0, LONGEST_MS).map(Duration::from_millis)
}

fn limit(text: &str) -> Result<Option<usize>, Problem> {
    let number = whole(text, 0, u32::MAX.into())?;
    Ok(usize::try_from(number).ok().filter(|&limit| limit > 0))
}

/// 0 is no limit.
fn per_second(text: &str) -> Result<u32, Problem> {
    let number = whole(text, 0, u32::MAX.into())?;
    Ok(u32::try_from(number).ok().filter(|&limit| limit > 0).unwrap_or(u32::MAX))
}

/// A burst of some seconds' worth, and never less than the dearest single message costs.
fn rate(messages_per_second: u32, bytes_per_second: u32) -> Rate {
    let largest = u32::try_from(MESSAGE_BYTES).unwrap_or(u32::MAX);
    Rate {
        messages_per_second,
        message_burst: messages_per_second.saturating_mul(2).max(COSTLIEST_MESSAGE),
        bytes_per_second,
        byte_burst: bytes_per_second.saturating_mul(4).max(largest),
    }
}

fn host(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let known_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if bare.len() == text.len() && text.bytes().all(known_good) { Ok(text.to_owned()) } else { Err(Problem::NotAHost) }
}

fn identities(text: &str) -> Result<Identities, Problem> {
    match text {
        "any" => Ok(Identities::Any),
        "key" => Ok(Identities::Key),
        _ => Err(Problem::NotOneOf("any, key")),
    }
}

fn host_names(text: &str) -> Result<Vec<HostName>, Problem> {
    text.split(',').map(|name| Ok(name.trim().parse()?)).collect()
}

fn folder(text: &str) -> Result<PathBuf, Problem> {
    match text.split_once(':') {
        Some(("file", rest)) if !rest.starts_with("//") => Ok(PathBuf::from(rest)),
        Some(("file", _)) => Url::parse(text).ok().and_then(|url| url.to_file_path().ok()).ok_or(Problem::NotAFolder),
        Some((_, rest)) if rest.starts_with("//") => Err(Problem::NotAFolder),
        _ => Ok(PathBuf::from(text)),
    }
}

fn port(text: &str) -> Result<u16, Problem> {
    text.parse().map_err(|_| Problem::NotANumber { min: 0, max: u16::MAX.into() })
}

fn log_filter(text: &str) -> Result<String, Problem> {
    EnvFilter::try_new(text)?;
    Ok(text.to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, Problem> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Problem::NotOneOf("text, json")),
    }
}

#[cfg(test)]
mod tests;
