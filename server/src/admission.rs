//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// Why one more connection is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// The server has all it may have.
    #[error("the server has too many connections")]
    ServerFull,
    /// This address has all it may have.
    #[error("this address has too many connections")]
    AddressFull,
}

/// Counts connections. A clone counts the same ones.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    limit_per_network: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    networks: HashMap<IpAddr, usize>,
}

impl Admission {
    /// `None` is no limit.
    #[must_use]
    pub fn new(limit: Option<usize>, limit_per_network: Option<usize>) -> Self {
        let or_none = |limit: Option<usize>| limit.unwrap_or(usize::MAX);
        Self(Arc::new(Shared { limit: or_none(limit), limit_per_network: or_none(limit_per_network), counts: Mutex::default() }))
    }

    /// Counts one more connection, until the permit is dropped.
    ///
    /// # Errors
    /// When there are enough.
    pub fn admit(&self, address: IpAddr) -> Result<Permit, AdmissionError> {
        let network = network_of(address);
        let mut counts = self.0.counts.lock();
        if counts.total >= self.0.limit {
            return Err(AdmissionError::ServerFull);
        }
        let here = counts.networks.get(&network).copied().unwrap_or(0);
        if here >= self.0.limit_per_network {
            return Err(AdmissionError::AddressFull);
        }
        counts.networks.insert(network, here + 1);
        counts.total += 1;
        drop(counts);
        Ok(Permit { admission: self.clone(), network })
    }
}

/// Counts as one connection for as long as it lives.
#[derive(Debug)]
pub struct Permit {
    admission: Admission,
    network: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.admission.0.counts.lock();
        counts.total -= 1;
        if let Entry::Occupied(mut here) = counts.networks.entry(self.network) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 /64 network, which is what one subscriber gets.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(admission: &Admission, address: &str) -> Result<Permit, AdmissionError> {
        admission.admit(address.parse().unwrap())
    }

    #[test]
    fn counts_until_dropped() {
        let admission = Admission::new(Some(3), Some(2));
        let first = admit(&admission, "10.0.0.1").unwrap();
        let _second = admit(&admission, "::ffff:10.0.0.1").unwrap();
        assert_eq!(admit(&admission, "10.0.0.1").unwrap_err(), AdmissionError::AddressFull);
        let third = admit(&admission, "10.0.0.2").unwrap();
        assert_eq!(admit(&admission, "10.0.0.3").unwrap_err(), AdmissionError::ServerFull);
        drop((first, third));
        assert_eq!(admission.0.counts.lock().total, 1);
        let _again = admit(&admission, "10.0.0.1").unwrap();
        assert_eq!(admission.0.counts.lock().networks.len(), 1);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let admission = Admission::new(None, Some(1));
        let _permit = admit(&admission, "2001:db8:1:2:3:4:5:6").unwrap();
        assert_eq!(admit(&admission, "2001:db8:1:2::9").unwrap_err(), AdmissionError::AddressFull);
        admit(&admission, "2001:db8:1:3::9").unwrap();
    }
}
