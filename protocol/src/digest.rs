//! MD5 as the original uses it: over text, incrementally, never over copies of large content.

use md5::{Digest as _, Md5};

/// The digest of `parts`, read one after the other.
pub(crate) fn md5_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 16] {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

/// What stands in `secret` on the wire of version 1: 32 hex digits, the MD5 of the plain secret in UTF-8.
///
/// Source: the original client. Anybody who learns this value and the name and e-mail address *is* that peer.
#[must_use]
pub fn hash_secret(plain: &str) -> String {
    hex::encode(md5_of([plain]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing() {
        assert_eq!(hash_secret(""), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
