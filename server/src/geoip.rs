//! Where an address is, by a database in MaxMind's format.
//!
//! The file is read whole at the start; a new one needs a restart. Names are the English ones, as stored. An address
//! that the database does not know, or that is on no public network, is nowhere.
//!
//! Source: MaxMind DB file format specification, version 2.0.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maxminddb::{MaxMindDbError, Reader, geoip2};

use crate::switch::Place;

/// Why a database is not usable.
#[derive(Debug, thiserror::Error)]
pub enum GeoIpError {
    /// The file cannot be read.
    #[error("location database {}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no database, or a damaged one.
    #[error("location database {}: {source}", file.display())]
    Damaged {
        /// Which.
        file: PathBuf,
        /// Where and why.
        source: MaxMindDbError,
    },
}

/// A location database. A clone reads the same one.
#[derive(Debug, Clone)]
pub struct GeoIp(Arc<Reader<Vec<u8>>>);

impl GeoIp {
    /// Reads the file. Blocks.
    ///
    /// # Errors
    /// When it is not there, or damaged where every lookup would notice.
    pub fn open(file: &Path) -> Result<Self, GeoIpError> {
        let bytes = std::fs::read(file).map_err(|source| GeoIpError::Unreadable { file: file.to_owned(), source })?;
        let reader = Reader::from_source(bytes).map_err(|source| GeoIpError::Damaged { file: file.to_owned(), source })?;
        let database = &reader.metadata().database_type;
        tracing::info!(file = %file.display(), %database, "location database read");
        Ok(Self(Arc::new(reader)))
    }

    /// Where that address is.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if !is_public(address) {
            return None;
        }
        let found = self.0.lookup(address).and_then(|found| found.decode::<geoip2::City<'_>>());
        let record = found.inspect_err(|error| tracing::warn!(%address, %error, "location database: damaged record")).ok()??;
        let owned = |name: Option<&str>| name.filter(|name| !name.is_empty()).map(str::to_owned);
        let place = Place { city: owned(record.city.names.english), country: owned(record.country.names.english) };
        (place.city.is_some() || place.country.is_some()).then_some(place)
    }
}

/// Whether addresses like that are used on the public network (IANA special-purpose registries, in short).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || v4.is_multicast() || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of one tree node: addresses below 128.0.0.0 are in `record`, the others nowhere.
    fn database(record: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let data_offset = 1 + 16_u32; // node_count + the 16-byte separator: a pointer to the first byte of the data
        bytes.extend(&data_offset.to_be_bytes()[1..]); // left record, 24 bits
        bytes.extend([0, 0, 1]); // right record = node_count: not found
        bytes.extend([0; 16]);
        bytes.extend(record);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(map(&[
            ("binary_format_major_version", vec![0xa1, 2]),
            ("binary_format_minor_version", vec![0xa0]),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("database_type", string("Test-City")),
            ("description", map(&[])),
            ("ip_version", vec![0xa1, 4]),
            ("languages", vec![0x00, 0x04]),
            ("node_count", vec![0xc1, 1]),
            ("record_size", vec![0xa1, 24]),
        ]));
        bytes
    }

    /// A UTF-8 string: type 2 and the length in one byte.
    fn string(text: &str) -> Vec<u8> {
        assert!(text.len() < 29);
        [&[0x40 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    /// A map: type 7 and the number of pairs in one byte.
    fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = vec![0xe0 | u8::try_from(pairs.len()).unwrap()];
        for (key, value) in pairs {
            bytes.extend(string(key));
            bytes.extend(value);
        }
        bytes
    }

    fn named(name: &str) -> Vec<u8> {
        map(&[("names", map(&[("de", string("anders")), ("en", string(name))]))])
    }

    fn open(bytes: &[u8]) -> Result<GeoIp, GeoIpError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("city.mmdb");
        std::fs::write(&file, bytes).unwrap();
        GeoIp::open(&file)
    }

    fn find(database: &GeoIp, address: &str) -> Option<Place> {
        database.find(address.parse().unwrap())
    }

    #[test]
    fn city_and_country_in_english() {
        let database = open(&database(&map(&[("city", named("Zürich")), ("country", named("Switzerland"))]))).unwrap();
        let place = Place { city: Some("Zürich".to_owned()), country: Some("Switzerland".to_owned()) };
        assert_eq!(find(&database, "81.2.69.142"), Some(place.clone()));
        assert_eq!(find(&database, "::ffff:81.2.69.142"), Some(place));
        assert_eq!(find(&database, "200.1.2.3"), None);
        assert_eq!(find(&database, "2001:db8::1"), None);
    }

    #[test]
    fn private_addresses_are_nowhere() {
        let database = open(&database(&map(&[("country", named("Switzerland"))]))).unwrap();
        let place = Place { city: None, country: Some("Switzerland".to_owned()) };
        assert_eq!(find(&database, "8.8.8.8"), Some(place));
        for address in ["10.0.0.1", "127.0.0.1", "100.64.0.1", "0.0.0.0", "::1", "::ffff:10.0.0.1", "fe80::1", "fd00::1"] {
            assert_eq!(find(&database, address), None, "{address}");
        }
    }

    #[test]
    fn records_without_names_and_damaged_ones() {
        assert_eq!(find(&open(&database(&map(&[]))).unwrap(), "8.8.8.8"), None);
        // A map that promises 20 pairs where the file has none.
        assert_eq!(find(&open(&database(&[0xe0 | 20])).unwrap(), "8.8.8.8"), None);
    }

    #[test]
    fn files_that_are_no_database() {
        let whole = database(&map(&[]));
        for bytes in [&b""[..], b"<html>", &whole[..whole.len() - 20], &whole[30..]] {
            let error = open(bytes).unwrap_err();
            assert!(matches!(error, GeoIpError::Damaged { .. }), "{error}");
            assert!(error.to_string().contains("city.mmdb"), "{error}");
        }
        assert!(matches!(GeoIp::open(Path::new("/nowhere.mmdb")), Err(GeoIpError::Unreadable { .. })));
    }
}
