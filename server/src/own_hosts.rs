//! The names under which this server is opened: those the machine itself knows, and those it is told.

use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr;

use url::Host;

/// The configured host, the loopback addresses, `localhost`, the machine's host name, and, when every interface is
/// listened on, the address of each. Read once: an address that changes later needs a restart, or an entry in `SRC`.
#[must_use]
pub fn own_hosts(configured: &str, bound: IpAddr) -> Vec<String> {
    let mut hosts = vec![configured.to_owned(), bound.to_canonical().to_string()];
    hosts.extend(["127.0.0.1", "::1", "localhost"].map(str::to_owned));
    if let Ok(name) = rustix::system::uname().nodename().to_str() {
        hosts.push(name.to_owned());
    }
    if bound.is_unspecified() {
        hosts.extend(interface_addresses());
    }
    hosts
}

/// A name under which clients dial this server, as somebody gave it: `app.example.org`, or with a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// As it stands in a URL.
    host: String,
    /// `None` for the ports that are usual, and the one that is listened on.
    port: Option<u16>,
}

/// A text that names no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected host names, each with or without a port: app.example.org, 192.0.2.1:8443, [2001:db8::1]")]
pub struct NotAHostName;

impl FromStr for HostName {
    type Err = NotAHostName;

    fn from_str(text: &str) -> Result<Self, NotAHostName> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().map_err(|_| NotAHostName)?)),
            _ => (text, None),
        };
        let host = Host::parse(host).map_err(|_| NotAHostName)?.to_string();
        Ok(Self { host, port })
    }
}

/// Every host and port by which this server is dialled. What a client dialled is in its proof: so that a proof that was
/// made for another server is of no use here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnNames(HashSet<String>);

impl OwnNames {
    /// The machine's own hosts under the port that is listened on, and what was configured.
    #[must_use]
    pub fn new(own: impl IntoIterator<Item = String>, configured: &[HostName], bound: u16) -> Self {
        let spelled = |host: String| if host.contains(':') { format!("[{host}]") } else { host };
        let own = own.into_iter().filter_map(|host| Host::parse(&spelled(host)).ok()).map(|host| format!("{host}:{bound}"));
        let usual = [443, 80, bound];
        let configured = configured.iter().flat_map(|HostName { host, port }| {
            let ports = port.map_or(usual.to_vec(), |port| vec![port]);
            ports.into_iter().map(move |port| format!("{host}:{port}"))
        });
        Self(own.chain(configured).collect())
    }

    /// Whether what a client dialled is this server: host and port, as in a URL, the port always there.
    #[must_use]
    pub fn has(&self, dialled: &str) -> bool {
        self.0.contains(&dialled.to_lowercase())
    }
}

fn interface_addresses() -> Vec<String> {
    match if_addrs::get_if_addrs() {
        // A link-local address needs a zone, which no URL of a page can have.
        Ok(interfaces) => {
            interfaces.iter().filter(|interface| !interface.is_link_local()).map(|interface| interface.ip().to_string()).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "the addresses of this machine are not known: name the origins in SRC");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_address_and_name() {
        let hosts = own_hosts("10.1.2.3", "10.1.2.3".parse().unwrap());
        for host in ["10.1.2.3", "127.0.0.1", "::1", "localhost"] {
            assert!(hosts.iter().any(|known| known == host), "{host} in {hosts:?}");
        }
        assert!(hosts.len() >= 6, "the machine's own name in {hosts:?}");
    }

    #[test]
    fn what_is_dialled() {
        let configured: Vec<HostName> =
            ["App.Example.org", "192.0.2.1:8443", "[2001:DB8::1]", "b\u{fc}cher.example:80"].map(|name| name.parse().unwrap()).into();
        let names = OwnNames::new(["::1", "localhost", "My-Machine"].map(str::to_owned), &configured, 55_688);
        for dialled in [
            "[::1]:55688",
            "localhost:55688",
            "my-machine:55688",
            "app.example.org:443",
            "app.example.org:80",
            "APP.example.org:55688",
            "192.0.2.1:8443",
            "[2001:db8::1]:443",
            "xn--bcher-kva.example:80",
        ] {
            assert!(names.has(dialled), "{dialled}");
        }
        for dialled in ["", "localhost", "localhost:80", "app.example.org", "192.0.2.1:443", "evil.example:443", "app.example.org:443 "] {
            assert!(!names.has(dialled), "{dialled}");
        }
    }

    #[test]
    fn what_is_no_host() {
        for text in ["", "a:b", "a:65536", "http://a", "a/b", "a b", "::1", "user@a"] {
            assert_eq!(text.parse::<HostName>(), Err(NotAHostName), "{text}");
        }
    }

    #[test]
    fn on_every_interface() {
        let loopback = interface_addresses();
        assert!(loopback.iter().any(|address| address == "127.0.0.1"), "{loopback:?}");
        let hosts = own_hosts("0.0.0.0", "0.0.0.0".parse().unwrap());
        assert!(loopback.iter().all(|address| hosts.contains(address)), "{hosts:?}");
    }
}
