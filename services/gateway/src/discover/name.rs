//! What is looked up in the DNS, and where.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hickory_resolver::proto::rr::Name;

/// The port of the DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// The name of a service, such as `_http._tcp.items.example.org` (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName(pub(super) Name);

impl FromStr for ServiceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write _SERVICE._PROTOCOL.NAME, such as _http._tcp.items";
        let is_service = text.split('.').take(2).all(|label| label.starts_with('_'));
        let name = Name::from_ascii(text).map_err(|_| FORM)?;
        if is_service && name.num_labels() > 2 { Ok(Self(name)) } else { Err(FORM) }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A server that names are looked up at: `ADDRESS` or `ADDRESS:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DnsServer(pub(super) SocketAddr);

impl FromStr for DnsServer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let with_port = text.parse::<SocketAddr>();
        let alone = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
        with_port.or_else(|_| alone()).map(Self).map_err(|_| "write ADDRESS or ADDRESS:PORT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_are_told_from_others() {
        for text in ["_http._tcp.items", "_http._tcp.items.default.svc.cluster.local."] {
            assert_eq!(text.parse::<ServiceName>().unwrap().to_string(), text);
        }
        for text in ["", "items", "_http.items", "_http._tcp", "http._tcp.items", "_a._b.c d"] {
            assert!(text.parse::<ServiceName>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_port_of_a_server_can_be_left_out() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1:53"),
            ("10.0.0.1:54", "10.0.0.1:54"),
            ("::1", "[::1]:53"),
            ("[::1]:54", "[::1]:54"),
        ] {
            assert_eq!(text.parse::<DnsServer>().unwrap().0.to_string(), shown);
        }
        assert!("localhost".parse::<DnsServer>().is_err());
    }
}
