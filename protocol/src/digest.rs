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
    fn as_in_the_rfc() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            ("abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"),
            ("12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a22be3c955ac49da2e2107b67a"),
        ] {
            assert_eq!(hash_secret(text), digest);
        }
    }
}
