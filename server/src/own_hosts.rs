//! The names under which pages of this server are opened, as far as the machine itself knows.

use std::net::IpAddr;

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
    fn on_every_interface() {
        let loopback = interface_addresses();
        assert!(loopback.iter().any(|address| address == "127.0.0.1"), "{loopback:?}");
        let hosts = own_hosts("0.0.0.0", "0.0.0.0".parse().unwrap());
        assert!(loopback.iter().all(|address| hosts.contains(address)), "{hosts:?}");
    }
}
