//! Where the server is going to listen, as far as that can be told before it starts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{IpAddr, TcpListener};

use anyhow::{Result, bail};

/// The settings of the server that matter here, each a flag or a variable of the environment.
const NAMES: &[&str] = &["config", "server", "port", "key", "cert", "dbsrc"];

const DEFAULT_SERVER: &str = "127.0.0.1";
const DEFAULT_PORT: &str = "55688";

/// What was said by flags and environment.
pub(crate) struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    /// A flag wins over the environment; an empty value is none, as for the server.
    pub(crate) fn read(arguments: &[OsString], environment: impl Fn(&str) -> Option<String>) -> Self {
        let given = |value: &String| !value.trim().is_empty();
        let value = |name: &str| flag(arguments, name).filter(given).or_else(|| environment(&name.to_uppercase()).filter(given));
        Self(NAMES.iter().filter_map(|name| Some((*name, value(name)?))).collect())
    }

    /// Whether a file says more.
    pub(crate) fn in_file(&self) -> bool {
        self.0.contains_key("config")
    }

    /// Whether it was said where the store is.
    pub(crate) fn has_store(&self) -> bool {
        self.0.contains_key("dbsrc")
    }

    /// What to open in a browser on this machine.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.0.contains_key("key") && self.0.contains_key("cert") { "https" } else { "http" };
        let host = match self.server().parse::<IpAddr>() {
            Ok(address) if address.is_unspecified() => DEFAULT_SERVER.to_owned(),
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.server().to_owned(),
        };
        format!("{scheme}://{host}:{}/", self.port())
    }

    /// Say in time that somebody else listens there, as far as that is known; everything else that may be wrong the
    /// server says itself.
    pub(crate) fn require_free_port(&self) -> Result<()> {
        let (Ok(port), false) = (self.port().parse::<u16>(), self.in_file()) else { return Ok(()) };
        match TcpListener::bind((self.server(), port)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                bail!("port {port} is taken: stop what listens there, or choose another, as in `PORT=8080 cargo xtask run`")
            }
            _ => Ok(()),
        }
    }

    fn server(&self) -> &str {
        self.0.get("server").map_or(DEFAULT_SERVER, |server| server.trim_matches(['[', ']']))
    }

    fn port(&self) -> &str {
        self.0.get("port").map_or(DEFAULT_PORT, String::as_str)
    }
}

/// The value of `--name value` or `--name=value`.
fn flag(arguments: &[OsString], name: &str) -> Option<String> {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        match word.strip_prefix("--").and_then(|word| word.strip_prefix(name)) {
            Some("") => return words.next().map(|value| value.into_owned()),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].to_owned()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str, environment: &[(&str, &str)]) -> Settings {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let look_up = |wanted: &str| environment.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Settings::read(&arguments, look_up)
    }

    #[test]
    fn the_address_is_told_as_a_browser_takes_it() {
        assert_eq!(settings("", &[]).url(), "http://127.0.0.1:55688/");
        assert_eq!(settings("--port 8080", &[("PORT", "1"), ("SERVER", "0.0.0.0")]).url(), "http://127.0.0.1:8080/");
        assert_eq!(settings("--server=::1 --key k --cert=c", &[]).url(), "https://[::1]:55688/");
        assert_eq!(settings("--port= --cert c", &[("SERVER", "[::1]"), ("KEY", "")]).url(), "http://[::1]:55688/");
        assert_eq!(settings("--portly 1", &[("PORT", "2")]).url(), "http://127.0.0.1:2/");
    }

    #[test]
    fn a_taken_port_is_said() {
        let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = other.local_addr().unwrap().port().to_string();
        assert!(settings("", &[("PORT", &port)]).require_free_port().unwrap_err().to_string().contains("is taken"));
    }
}
