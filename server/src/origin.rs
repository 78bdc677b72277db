//! Which pages may connect: an exact allow-list of origins, looked at before any upgrade.
//!
//! A browser says in `Origin` which page opens the connection; any page on the web may try. What is allowed comes of
//! the configuration alone, never of the request's `Host`: a name that an attacker points at this machine would
//! otherwise make his page one of ours. Programs may write whatever they like there, so this protects people who
//! browse, and nothing else.
//!
//! Source: RFC 6454 (origins, their serialisation), RFC 6455 section 10.2, the URL standard for the normal form.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, header};
use url::Url;

/// A longer `Origin` than this is none: host names end at 253 bytes.
const ORIGIN_BYTES: usize = 512;

/// An origin in its normal form: scheme, host in lower case and punycode, port unless it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an entry of the allow-list is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// There is no entry.
    #[error("expected origins such as https://app.example.org, separated by commas, or ANY or NONE")]
    Empty,
    /// Not a URL with a scheme and a host.
    #[error("`{0}` is not an origin such as https://app.example.org or http://localhost:8080")]
    NotAnOrigin(String),
    /// Pages of this scheme have no origin of their own.
    #[error("`{0}`: pages have origins that begin with https:// or http://")]
    Scheme(String),
    /// More than scheme, host and port.
    #[error("`{0}`: an origin is scheme, host and port alone, without path, query, fragment or user")]
    TooMuch(String),
    /// Patterns are not compared, so one would never match.
    #[error("`{0}`: origins are compared exactly, so name each one instead of a pattern")]
    Pattern(String),
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let owned = || text.to_owned();
        if text.contains('*') {
            return Err(OriginError::Pattern(owned()));
        }
        let url = Url::parse(text).map_err(|_| OriginError::NotAnOrigin(owned()))?;
        if matches!(url.scheme(), "ws" | "wss" | "ftp" | "file" | "data" | "blob" | "javascript" | "about") {
            return Err(OriginError::Scheme(owned()));
        }
        // The URL standard forgives `http:host` and back-slashes; whoever writes so meant something else.
        if !text[url.scheme().len()..].starts_with("://") || text.contains('\\') {
            return Err(OriginError::NotAnOrigin(owned()));
        }
        let bare = url.username().is_empty()
            && !text.contains('@')
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && matches!(url.path(), "" | "/");
        if !bare {
            return Err(OriginError::TooMuch(owned()));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| OriginError::NotAnOrigin(owned()))?;
        let host = host.to_ascii_lowercase();
        Ok(Self(match url.port() {
            Some(port) => format!("{}://{host}:{port}", url.scheme()),
            None => format!("{}://{host}", url.scheme()),
        }))
    }
}

/// Why a request may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginRefusal {
    /// No `Origin` header: not a page.
    #[error("the request names no origin")]
    Missing,
    /// More than one `Origin` header.
    #[error("the request names several origins")]
    Several,
    /// `null`: a page without an origin, such as a local file or a sandboxed frame.
    #[error("the page has no origin of its own")]
    Null,
    /// Not the serialisation of an origin.
    #[error("the request's origin is not one")]
    Malformed,
    /// An origin, but none of ours.
    #[error("this origin may not connect")]
    NotListed,
}

/// Who may connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginPolicy {
    /// Everybody: pages and programs.
    any: bool,
    /// Clients that send no `Origin`, as Node does.
    none: bool,
    listed: BTreeSet<Origin>,
}

impl OriginPolicy {
    /// The pages that this server serves itself, under each of `hosts`.
    #[must_use]
    pub fn own(tls: bool, port: u16, hosts: impl IntoIterator<Item = String>) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let listed = hosts.into_iter().filter_map(|host| {
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            format!("{scheme}://{host}:{port}").parse().ok()
        });
        Self { any: false, none: false, listed: listed.collect() }
    }

    /// Looks at the `Origin` of a request.
    ///
    /// # Errors
    /// Why it may not connect.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), OriginRefusal> {
        if self.any {
            return Ok(());
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return if self.none { Ok(()) } else { Err(OriginRefusal::Missing) };
        };
        if origins.next().is_some() {
            return Err(OriginRefusal::Several);
        }
        let origin = serialised(origin.as_bytes())?;
        if self.listed.contains(&origin) { Ok(()) } else { Err(OriginRefusal::NotListed) }
    }

    /// Whether that origin is on the list.
    #[must_use]
    pub fn lists(&self, origin: &Origin) -> bool {
        self.any || self.listed.contains(origin)
    }
}

/// Reads what a browser writes: one origin, spelled as RFC 6454 says, and nothing besides.
fn serialised(bytes: &[u8]) -> Result<Origin, OriginRefusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| OriginRefusal::Malformed)?;
    if text == "null" {
        return Err(OriginRefusal::Null);
    }
    let (_, authority) = text.split_once("://").ok_or(OriginRefusal::Malformed)?;
    let spelled = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if text.len() > ORIGIN_BYTES || !authority.bytes().all(spelled) {
        return Err(OriginRefusal::Malformed);
    }
    text.parse().map_err(|_| OriginRefusal::Malformed)
}

impl FromStr for OriginPolicy {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let mut policy = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry {
                "ANY" => policy.any = true,
                "NONE" => policy.none = true,
                origin => {
                    policy.listed.insert(origin.parse()?);
                }
            }
        }
        if policy == Self::default() { Err(OriginError::Empty) } else { Ok(policy) }
    }
}

/// For the log: what to look for when a page is refused.
impl fmt::Display for OriginPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.any, "ANY"), (self.none, "NONE")].into_iter().filter(|(is, _)| *is).map(|(_, word)| word);
        let all: Vec<&str> = words.chain(self.listed.iter().map(|origin| origin.0.as_str())).collect();
        f.write_str(&all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(policy: &str, origins: &[&str]) -> Result<(), OriginRefusal> {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        }
        policy.parse::<OriginPolicy>().unwrap().check(&headers)
    }

    #[test]
    fn entries_take_their_normal_form() {
        for (entry, normal) in [
            ("https://app.example.org", "https://app.example.org"),
            ("https://app.example.org/", "https://app.example.org"),
            ("HTTPS://App.Example.ORG:443", "https://app.example.org"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://bücher.example", "http://xn--bcher-kva.example"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("chrome-extension://ABCdef", "chrome-extension://abcdef"),
            ("capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(entry.parse::<Origin>().unwrap().to_string(), normal, "{entry}");
        }
    }

    #[test]
    fn bad_entries_stop_the_start() {
        use OriginError::*;
        let expect = |entry: &str, error: fn(String) -> OriginError| {
            assert_eq!(format!("https://good.example,{entry}").parse::<OriginPolicy>(), Err(error(entry.to_owned())));
        };
        for entry in
            ["localhost", "localhost:8080", "https://", "any", "null", "http:host", "http:\\\\host", "https://a b", "http://x:99999"]
        {
            expect(entry, NotAnOrigin);
        }
        for entry in ["ws://a.example", "wss://a.example", "file:///tmp"] {
            expect(entry, Scheme);
        }
        for entry in ["https://a.example/app", "https://a.example//", "https://a.example?x", "https://a.example/#", "https://me@a.example"]
        {
            expect(entry, TooMuch);
        }
        expect("https://*.example.org", Pattern);
        assert_eq!(" , ".parse::<OriginPolicy>(), Err(Empty));
    }

    #[test]
    fn only_exactly_what_is_listed() {
        let policy = "https://app.example.org,http://localhost:8080";
        for origin in ["https://app.example.org", "https://APP.example.org", "https://app.example.org:443", "http://localhost:8080"] {
            assert_eq!(check(policy, &[origin]), Ok(()), "{origin}");
        }
        for origin in [
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://evil-app.example.org",
            "https://app.example.org.evil.example",
            "https://example.org",
            "https://app.example.org.",
            "http://localhost",
            "https://localhost:8080",
            "http://127.0.0.1:8080",
        ] {
            assert_eq!(check(policy, &[origin]), Err(OriginRefusal::NotListed), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin() {
        use OriginRefusal::*;
        let policy = "https://a.example";
        assert_eq!(check(policy, &[]), Err(Missing));
        assert_eq!(check(policy, &["null"]), Err(Null));
        assert_eq!(check(policy, &["https://a.example", "https://a.example"]), Err(Several));
        let long = format!("https://{}", "a".repeat(600));
        for origin in [
            "",
            "a.example",
            "https://a.example/",
            "https://a.example, https://a.example",
            "https://a.example https://b.example",
            "https://a.example\t",
            "https:\\\\a.example",
            "https:a.example",
            "https://x@a.example",
            "https://%61.example",
            "https://ä.example",
            "https://",
            "://a.example",
            "\u{e9}",
            &long,
        ] {
            assert_eq!(check(policy, &[origin]), Err(Malformed), "{origin}");
        }
    }

    #[test]
    fn any_and_none() {
        for origins in [&[][..], &["null"], &["https://x.example"], &["x", "y"]] {
            assert_eq!(check("ANY", origins), Ok(()));
        }
        assert_eq!(check("https://a.example,NONE", &[]), Ok(()));
        assert_eq!(check("https://a.example,NONE", &["https://a.example"]), Ok(()));
        assert_eq!(check("https://a.example,NONE", &["null"]), Err(OriginRefusal::Null));
        assert_eq!(check("NONE", &["https://a.example"]), Err(OriginRefusal::NotListed));
    }

    #[test]
    fn of_the_server_itself() {
        let hosts = ["127.0.0.1", "::1", "localhost", "Quark", "not a host"].map(str::to_owned);
        assert_eq!(
            OriginPolicy::own(false, 55688, hosts.clone()).to_string(),
            "http://127.0.0.1:55688,http://[::1]:55688,http://localhost:55688,http://quark:55688"
        );
        assert_eq!(OriginPolicy::own(true, 443, hosts).to_string(), "https://127.0.0.1,https://[::1],https://localhost,https://quark");
    }
}
