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
    } else if url.bytes().any(|byte| byte <= b' ' || byte == b'#') {
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

/// Host and port as they are dialled: lower-case, the port always there. `None` for what [`check`] does not take.
pub(crate) fn dialled(url: &str) -> Option<String> {
    let (secure, host) = authority(url)?;
    let (name, port) = split_port(host);
    let port = port.and_then(|port| port.parse::<u16>().ok()).unwrap_or(if secure { 443 } else { 80 });
    Some([&name.to_ascii_lowercase(), ":", &port.to_string()].concat())
}

/// Whether the scheme is the secure one, and `host:port` without a user's name.
fn authority(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_at_checked(url.bytes().position(|byte| byte == b':')?)?;
    let rest = rest.strip_prefix("://")?;
    let secure = scheme.eq_ignore_ascii_case("wss");
    if !secure && !scheme.eq_ignore_ascii_case("ws") {
        return None;
    }
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let user_end = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    let host = authority.get(user_end..)?;
    let (name, port) = split_port(host);
    (!name.is_empty() && port.is_none_or(|port| port.parse::<u16>().is_ok())).then_some((secure, host))
}

/// The name of a host, and its port if it has one. The colons of an IPv6 address stand in brackets.
fn split_port(host: &str) -> (&str, Option<&str>) {
    let colon = host.bytes().rposition(|byte| byte == b':').filter(|_| !host.ends_with("]"));
    match colon.and_then(|at| host.split_at_checked(at)) {
        Some((name, port)) => (name, port.get(1..)),
        None => (host, None),
    }
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
    fn what_is_dialled() {
        for (url, expected) in [
            ("ws://127.0.0.1:55688", "127.0.0.1:55688"),
            ("wss://Relay.Example/some/path?query", "relay.example:443"),
            ("ws://relay.example", "relay.example:80"),
            ("WSS://user@[::1]:08080/", "[::1]:8080"),
            ("wss://[::1]", "[::1]:443"),
        ] {
            assert_eq!(dialled(url).as_deref(), Some(expected), "{url}");
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
