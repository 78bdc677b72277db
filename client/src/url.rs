//! The address of a server: whether it is one, and where its HTTP side is. No more of a URL is read than that.

use msr_protocol::Code;

use crate::Failure;

/// Takes `ws://host…` and `wss://host…`.
///
/// # Errors
/// [`Code::InvalidArgument`], with what is wrong.
pub(crate) fn check(url: &str) -> Result<(), Failure> {
    let wrong = if authority(url).is_none() {
        "server: expected ws://host:port or wss://host:port"
    } else if url.contains(|character: char| character <= ' ' || character == '#') {
        "server: no blanks, no fragment"
    } else {
        return Ok(());
    };
    Err(Failure { code: Code::InvalidArgument, detail: wrong.to_owned() })
}

/// Where to ask whether this origin may connect; `None` for what [`check`] does not take.
pub(crate) fn probe(url: &str) -> Option<String> {
    let (secure, host) = authority(url)?;
    let scheme = if secure { "https://" } else { "http://" };
    Some([scheme, host, "/origin"].concat())
}

/// Whether the scheme is the secure one, and `host:port` without a user's name.
fn authority(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once(':').and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix("//")?)))?;
    let secure = scheme.eq_ignore_ascii_case("wss");
    if !secure && !scheme.eq_ignore_ascii_case("ws") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    // The colons of an IPv6 address stand in brackets.
    let (name, port) = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).unwrap_or((host, "0"));
    (!name.is_empty() && port.parse::<u16>().is_ok()).then_some((secure, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_http_side() {
        for (url, expected) in [
            ("ws://127.0.0.1:55688", "http://127.0.0.1:55688/origin"),
            ("wss://relay.example/some/path?query", "https://relay.example/origin"),
            ("WSS://[::1]:8080/", "https://[::1]:8080/origin"),
            ("wss://[::1]", "https://[::1]/origin"),
            ("ws://user:word@relay.example?x", "http://relay.example/origin"),
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
            assert_eq!(probe(url).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_server() {
        for url in [
            "",
            "ws://",
            "ws:///path",
            "ws://:80",
            "ws://a:",
            "ws://a:b",
            "ws://a:65536",
            "http://relay.example",
            "relay.example:80",
            "ws://a b",
            "ws://a#b",
            "ws://a\n",
        ] {
            assert_eq!(check(url).map_err(|failure| failure.code), Err(Code::InvalidArgument), "{url}");
        }
    }
}
