//! Limits the rate of requests.

use std::net::IpAddr;
use std::sync::Arc;

use serve::settings::Trusted;

use super::check::Check;
use crate::answers::reply;
use crate::exchange::Exchange;
use crate::headers::client_address;
use crate::rate::{ClientKey, ClientLimits, RateLimited};
use crate::reply::Reply;

/// Refuses requests beyond a rate: that of the principal if it has one of its own, otherwise the common one,
/// counted by principal or address.
#[derive(Clone, Debug)]
pub(crate) struct RateLimit {
    pub(crate) limits: Option<Arc<ClientLimits>>,
    pub(crate) trusted: Arc<[Trusted]>,
}

impl RateLimit {
    fn count(&self, exchange: &Exchange) -> Result<(), RateLimited> {
        let principal = exchange.principal.as_ref();
        if let Some(limit) = principal.and_then(|principal| principal.limit.as_ref()) {
            return limit.check();
        }
        let Some(limits) = &self.limits else { return Ok(()) };
        limits.check(&client_key(exchange, &self.trusted))
    }
}

/// Returns the client that a request counts for: its principal, or the address that it came from.
pub(super) fn client_key(exchange: &Exchange, trusted: &[Trusted]) -> ClientKey {
    match &exchange.principal {
        Some(principal) => ClientKey::Principal(Arc::clone(&principal.name)),
        None => ClientKey::address(address(exchange, trusted)),
    }
}

/// Returns the address that the request came from: the peer's, or the one that trusted proxies
/// say they have it from.
fn address(exchange: &Exchange, trusted: &[Trusted]) -> IpAddr {
    let peer = &exchange.peer;
    if !peer.is_trusted() {
        return peer.address();
    }
    let trusted = |address| trusted.iter().any(|trusted| trusted.contains(address));
    client_address(&exchange.head.headers, trusted).unwrap_or_else(|| peer.address())
}

impl Check for RateLimit {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        self.count(exchange).err().map(reply)
    }
}
