//! No host, or several: 400.

use std::future::Future;

use axum::response::Response;
use http::header::HOST;

use super::Guard;
use crate::host::host_fault;
use crate::inbound::Inbound;
use crate::refusals::InvalidHeader;

/// Answers 400 to a request that does not name exactly one host, as RFC 9112 §3.2 demands of HTTP/1.1
/// and RFC 9113 §8.3.1 of HTTP/2: what stands in front of the service could read it otherwise.
///
/// Unknown paths and methods, which have no guards, are held to the same rule by
/// [`Dispatch`](crate::Dispatch).
#[derive(Clone, Copy, Debug, Default)]
pub struct OneHost;

impl Guard for OneHost {
    type Rejection = InvalidHeader;

    async fn guard<N, F>(&self, inbound: Inbound, next: N) -> Result<Response, InvalidHeader>
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        match host_fault(inbound.version(), inbound.uri(), inbound.headers()) {
            Some(fault) => Err(InvalidHeader::new(&HOST, fault)),
            None => Ok(next(inbound).await),
        }
    }
}
