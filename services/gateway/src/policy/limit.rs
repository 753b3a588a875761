//! Lets nobody make too many requests.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use super::gate::Gate;
use crate::answers::reply;
use crate::body::Reply;
use crate::exchange::Exchange;
use crate::headers::client_address;
use crate::rate::{Limited, Limits, Scope};
use crate::settings::Trusted;

/// Refuses requests beyond a rate: that of the principal if it has one, otherwise that of everybody,
/// counted by principal or address.
#[derive(Clone, Debug)]
pub(super) struct Limit<S> {
    inner: S,
    limits: Option<Arc<Limits>>,
    trusted: Arc<[Trusted]>,
}

impl<S> Limit<S> {
    pub(super) fn new(inner: S, limits: Option<Arc<Limits>>, trusted: Arc<[Trusted]>) -> Self {
        Self { inner, limits, trusted }
    }

    fn check(&self, exchange: &Exchange) -> Result<(), Limited> {
        let principal = exchange.principal.as_ref();
        if let Some(limit) = principal.and_then(|principal| principal.limit.as_ref()) {
            return limit.check();
        }
        let Some(limits) = &self.limits else { return Ok(()) };
        limits.check(&match principal {
            Some(principal) => Scope::Principal(Arc::clone(&principal.name)),
            None => Scope::address(self.client(exchange)),
        })
    }

    /// Returns the address that the request came from: the peer's, or the one that trusted proxies
    /// say they have it from.
    fn client(&self, exchange: &Exchange) -> IpAddr {
        let peer = &exchange.peer;
        if !peer.is_trusted() {
            return peer.address();
        }
        let trusted = |address| self.trusted.iter().any(|trusted| trusted.contains(address));
        client_address(&exchange.head.headers, trusted).unwrap_or_else(|| peer.address())
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Limit<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Gate<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        match self.check(&exchange) {
            Ok(()) => Gate::Passed { inner: self.inner.call(exchange) },
            Err(limited) => Gate::refused(reply(limited)),
        }
    }
}
