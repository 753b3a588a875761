//! Which host a request is for.

use http::header::HOST;
use http::{HeaderMap, Uri, Version};

/// Most bytes of a host: that of a DNS name, percent-encoded.
const HOST_BYTES_MAX: usize = 3 * 253;

/// Returns what is wrong with the host that a request names, if something is.
///
/// HTTP/1.1 names it once, by `Host` (RFC 9112 §3.2), and HTTP/2 by `:authority`, `Host`, or both
/// (RFC 9113 §8.3.1); HTTP/1.0 may name none. Where a request names it twice, both have to be the
/// same: what stands in front of the service could have read the other one.
#[must_use]
pub fn host_fault(version: Version, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Some("there is more than one");
    }
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    match (host.map(|host| host.as_bytes()), authority) {
        (Some(host), _) if !is_host(host) => {
            Some("write the host and port of the request's target")
        }
        (_, Some(authority)) if !is_host(authority) => Some(
            "the target of the request (`:authority` over HTTP/2) names another thing than a host and a port",
        ),
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            Some("it differs from the host in the request's target (`:authority` over HTTP/2)")
        }
        (None, None) if version > Version::HTTP_10 => Some("it is missing"),
        (None, Some(_)) if version == Version::HTTP_11 => Some("it is missing"),
        _ => None,
    }
}

/// Tells whether a value is a host with an optional port, or empty (RFC 9110 §7.2, RFC 3986 §3.2).
/// User information is not allowed.
fn is_host(value: &[u8]) -> bool {
    if value.len() > HOST_BYTES_MAX {
        return false;
    }
    let (is_name, rest) = match value {
        [b'[', literal @ ..] => {
            let end = literal.iter().position(|byte| *byte == b']');
            let Some(end) = end else { return false };
            (is_ip_literal(&literal[..end]), &literal[end + 1..])
        }
        _ => {
            let end = value.iter().position(|byte| *byte == b':').unwrap_or(value.len());
            (is_registered_name(&value[..end]), &value[end..])
        }
    };
    is_name
        && match rest {
            [] => true,
            // A port without a host is none of anything.
            [b':', port @ ..] => rest.len() < value.len() && is_port(port),
            _ => false,
        }
}

/// `IP-literal` without its brackets. No zone stands in a URI that is sent (RFC 6874 §3).
fn is_ip_literal(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match text.strip_prefix(['v', 'V']) {
        None => text.parse::<std::net::Ipv6Addr>().is_ok(),
        Some(future) => future.split_once('.').is_some_and(|(version, address)| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !address.is_empty()
                && address.bytes().all(|byte| byte == b':' || is_name_byte(byte))
        }),
    }
}

/// `reg-name`, of which an IPv4 address is one.
fn is_registered_name(text: &[u8]) -> bool {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if is_name_byte(*byte) => rest,
            _ => return false,
        }
    }
}

/// `unreserved` and `sub-delims`, but for the comma: it is what proxies put between two hosts.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&byte)
}

/// Digits of a port that there is, or none (RFC 3986 §3.2.3).
fn is_port(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
        && (text.is_empty()
            || std::str::from_utf8(text).is_ok_and(|text| text.parse::<u16>().is_ok()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn hosts_follow_the_grammar() {
        for host in [
            "",
            "h",
            "h:80",
            "h:",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "[v1.a:b]",
            "a.b-c_d",
            "%C3%A9.test",
            "h:65535",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "h:port",
            "h:-1",
            "h:+1",
            "h:80:80",
            "h:65536",
            ":80",
            "[::zz]",
            "[::1",
            "[::1]x",
            "[]",
            "[::1%25eth0]",
            "u@h",
            "h/",
            "h h",
            "h?",
            "%zz",
            "%4",
            "h\u{e9}",
            "[v.a]",
            "h,h",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        assert!(!is_host(&[b'x'; HOST_BYTES_MAX + 1]));
    }

    #[test]
    fn one_host_is_named() {
        let fault = |version, target: &str, hosts: &[&str]| {
            let request = Request::get(target).version(version);
            let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
            let (head, ()) = request.body(()).unwrap().into_parts();
            host_fault(head.version, &head.uri, &head.headers)
        };
        let (v1, v11, v2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        for (version, target, hosts) in [
            (v1, "/", &[][..]),
            (v1, "/", &["h"]),
            (v11, "/", &["h:80"]),
            (v11, "/", &[""]),
            (v11, "http://h/", &["H"]),
            (v2, "http://h/", &[]),
            (v2, "http://h:80/", &["h:80"]),
            (v2, "/", &["h"]),
        ] {
            assert_eq!(fault(version, target, hosts), None, "{version:?} {target} {hosts:?}");
        }
        for (version, target, hosts) in [
            (v1, "/", &["h", "h"][..]),
            (v1, "/", &["h:port"]),
            (v11, "/", &[]),
            (v11, "http://h/", &[]),
            (v11, "/", &["h", "h"]),
            (v11, "/", &["u@h"]),
            (v11, "http://h/", &["g"]),
            (v2, "/", &[]),
            (v2, "http://h/", &["g"]),
            (v2, "http://u@h/", &[]),
            (v2, "http://h/", &["h", "h"]),
        ] {
            assert!(fault(version, target, hosts).is_some(), "{version:?} {target} {hosts:?}");
        }
    }
}
