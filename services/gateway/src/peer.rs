//! The client at the other end of a connection.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use http::HeaderValue;

/// The other end of a connection.
#[derive(Debug)]
pub(crate) struct Peer {
    address: IpAddr,
    /// Whether what this peer says of others is believed.
    trusted: bool,
    scheme: &'static str,
    address_value: HeaderValue,
    /// `Forwarded` for the host that was asked for last: mostly there is one.
    forwarded: RefCell<Option<(HeaderValue, HeaderValue)>>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, trusted: bool, scheme: &'static str) -> Rc<Self> {
        let address = address.ip().to_canonical();
        let address_value =
            HeaderValue::from_str(&address.to_string()).expect("addresses are ASCII");
        Rc::new(Self { address, trusted, scheme, address_value, forwarded: RefCell::default() })
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Tells whether what this peer says of others is believed.
    pub(crate) fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Returns `http` or `https`: how this peer spoke to the gateway.
    pub(crate) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Returns the address as a header field has it.
    pub(crate) fn address_value(&self) -> &HeaderValue {
        &self.address_value
    }

    /// Returns this hop as an element of `Forwarded` (RFC 7239 §4).
    pub(crate) fn forwarded(&self, host: &HeaderValue) -> HeaderValue {
        let mut known = self.forwarded.borrow_mut();
        if let Some((_, forwarded)) = known.as_ref().filter(|(of, _)| of == host) {
            return forwarded.clone();
        }
        // An IPv6 address and a port both need quotes; a host was checked to be an authority, which
        // has neither quotes nor backslashes.
        let node = match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("\"[{address}]\""),
        };
        let host_text = host.to_str().unwrap_or_default();
        let text = format!("for={node};host=\"{host_text}\";proto={}", self.scheme);
        let forwarded = HeaderValue::from_str(&text).expect("all parts are ASCII");
        *known = Some((host.clone(), forwarded.clone()));
        forwarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_described_as_rfc_7239_has_it() {
        let host = HeaderValue::from_static("shelf.test:80");
        for (address, shown) in [
            ("192.0.2.1:9", "for=192.0.2.1;host=\"shelf.test:80\";proto=http"),
            ("[2001:db8::1]:9", "for=\"[2001:db8::1]\";host=\"shelf.test:80\";proto=http"),
            ("[::ffff:192.0.2.1]:9", "for=192.0.2.1;host=\"shelf.test:80\";proto=http"),
        ] {
            let peer = Peer::new(address.parse().unwrap(), false, "http");
            assert_eq!(peer.forwarded(&host), shown);
            assert_eq!(peer.forwarded(&host), shown);
        }
        let peer = Peer::new("192.0.2.1:9".parse().unwrap(), false, "http");
        peer.forwarded(&host);
        let other = HeaderValue::from_static("other");
        assert_eq!(peer.forwarded(&other), "for=192.0.2.1;host=\"other\";proto=http");
    }
}
