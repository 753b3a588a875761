//! Header fields that belong to one hop, and those that tell of the hops before.

use std::net::IpAddr;

use contract::prefix::{PublicPrefix, X_FORWARDED_PREFIX};
use http::HeaderMap;
use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, HeaderName, HeaderValue,
    TRANSFER_ENCODING, VIA,
};

use crate::peer::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// This hop in `Via` (RFC 9110 §7.6.3): a pseudonym, because its address is internal.
const VIA_SHELF: HeaderValue = HeaderValue::from_static("1.1 shelf-gateway");

/// Tells whether a field is meant for one connection (RFC 9110 §7.6.1). `Expect` is among them because
/// the gateway has already answered it.
fn is_of_one_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
            | "expect"
    )
}

/// Fields that `Connection` must not name, because a request without them is another request. Those
/// that the gateway sets itself need no protection: they are set afterwards.
const NEVER_OF_ONE_HOP: [&str; 13] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "authorization",
    "cookie",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "shelf-order",
    "prefer",
    "cache-control",
    "accept",
];

/// Returns the first field named by `Connection` that no sender may name there.
pub(crate) fn protected_in_connection(headers: &HeaderMap) -> Option<&'static str> {
    let options = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.map(<[u8]>::trim_ascii).find_map(|option| {
        NEVER_OF_ONE_HOP.into_iter().find(|name| option.eq_ignore_ascii_case(name.as_bytes()))
    })
}

/// Removes the fields of one hop: those that `Connection` names, and those that always are.
pub(crate) fn strip_hop(headers: &mut HeaderMap) {
    // Most messages have none of them, and looking at the names costs less than a search.
    if !headers.keys().any(is_of_one_hop) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    remove(headers, is_of_one_hop);
}

/// Makes the fields of a replica's answer those of the gateway's: without those of one hop, and
/// without a length that a transfer coding overrides (RFC 9112 §6.3).
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    strip_hop(headers);
}

/// Removes the fields with certain names. Most messages have none of them, and looking at the names
/// costs less than a removal.
fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    if headers.keys().any(&unwanted) {
        let names: Vec<_> = headers.keys().filter(|name| unwanted(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}

/// Tells a replica which client asked, and by which way. What the client itself says of that is dropped, unless
/// it is a trusted proxy: then this hop is added to what it says. A list grows by a line of its own,
/// which means the same as a comma (RFC 9110 §5.3).
///
/// `prefix` is the path that was stripped before, if no trusted proxy tells of another one.
pub(crate) fn set_forwarded(headers: &mut HeaderMap, peer: &Peer, prefix: Option<&PublicPrefix>) {
    if !peer.is_trusted() {
        remove(headers, |name| {
            let name = name.as_str();
            matches!(name, "forwarded" | "x-real-ip") || name.starts_with("x-forwarded-")
        });
    }
    if let Some(host) = headers.get(HOST).cloned() {
        headers.append(FORWARDED, peer.forwarded(&host));
        headers.entry(X_FORWARDED_HOST).or_insert(host);
    }
    if let Some(prefix) = prefix
        && let Ok(prefix) = HeaderValue::from_str(prefix.as_str())
    {
        headers.entry(X_FORWARDED_PREFIX).or_insert(prefix);
    }
    headers.append(X_FORWARDED_FOR, peer.address_value().clone());
    headers.entry(X_FORWARDED_PROTO).or_insert(HeaderValue::from_static(peer.scheme()));
    headers.append(VIA, VIA_SHELF);
}

/// Returns the address that a request came from, by `X-Forwarded-For`: the last one that is not a
/// trusted proxy's. What stands before it anybody can have written.
pub(crate) fn client_address(
    headers: &HeaderMap,
    trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for hop in hops {
        let address: IpAddr = hop.trim().parse().ok()?;
        if !trusted(address) {
            return Some(address.to_canonical());
        }
    }
    None
}

/// Joins `Cookie` lines, of which HTTP/2 may have several and HTTP/1.1 has one (RFC 9113 §8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// Says that the client's connection ends after an answer.
pub(crate) fn announce_close(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Returns the announced length of a body.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name, value);
        }
        map
    }

    fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn fields_of_one_hop_end_here() {
        let mut headers = map(&[
            ("connection", "close, X-Secret"),
            ("connection", "x-other,,"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-third", "3"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "x"),
            ("proxy-connection", "x"),
            ("trailer", "x"),
            ("expect", "100-continue"),
        ]);
        strip_hop(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-third"]);
    }

    #[test]
    fn a_coding_overrides_a_length() {
        let mut headers = map(&[("transfer-encoding", "chunked"), ("content-length", "5")]);
        strip_answer(&mut headers);
        assert!(headers.is_empty(), "{headers:?}");
        let mut headers = map(&[("content-length", "5")]);
        strip_answer(&mut headers);
        assert_eq!(all(&headers, "content-length"), ["5"]);
    }

    #[test]
    fn connection_cannot_remove_what_the_request_means() {
        for option in ["If-Match", "close, content-length", "HOST"] {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, option.parse().unwrap());
            assert!(protected_in_connection(&headers).is_some(), "{option}");
        }
        assert_eq!(protected_in_connection(&map(&[("connection", "close, te")])), None);
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let spoofed = [
            ("host", "shelf.test"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "443"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ];
        let address = "192.0.2.1:9".parse().unwrap();
        let mut headers = map(&spoofed);
        set_forwarded(&mut headers, &Peer::new(address, false, "http"), None);
        assert_eq!(all(&headers, "x-forwarded-for"), ["192.0.2.1"]);
        assert_eq!(all(&headers, "x-forwarded-proto"), ["http"]);
        assert_eq!(all(&headers, "x-forwarded-host"), ["shelf.test"]);
        assert_eq!(all(&headers, "forwarded"), ["for=192.0.2.1;host=\"shelf.test\";proto=http"]);
        assert_eq!(all(&headers, "via"), ["1.1 shelf-gateway"]);
        assert!(!headers.contains_key("x-real-ip") && !headers.contains_key("x-forwarded-port"));

        let mut headers = map(&spoofed);
        set_forwarded(&mut headers, &Peer::new(address, true, "http"), None);
        assert_eq!(all(&headers, "x-forwarded-for"), ["10.0.0.1", "192.0.2.1"]);
        assert_eq!(all(&headers, "x-forwarded-proto"), ["https"]);
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_trusted() {
        let trusted = |address: IpAddr| address.to_string().starts_with("10.");
        let client = |lines: &[(&'static str, &'static str)]| {
            client_address(&map(lines), trusted).map(|address| address.to_string())
        };
        let name = "x-forwarded-for";
        let spoofed = [(name, "1.1.1.1, 2.2.2.2"), (name, "192.0.2.1, 10.0.0.1")];
        assert_eq!(client(&spoofed).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&[(name, "10.0.0.1")]), None);
        assert_eq!(client(&[(name, "192.0.2.1, rubbish, 10.0.0.1")]), None);
        assert_eq!(client(&[]), None);
    }

    #[test]
    fn cookies_of_http2_become_one_line() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(all(&headers, "cookie"), ["a=1; b=2"]);
    }
}
