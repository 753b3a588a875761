//! No host, or several: 400.

use std::future::Future;

use axum::response::Response;
use http::Version;
use http::header::HOST;
use http::uri::Authority;

use super::Guard;
use crate::extract::InvalidHeader;
use crate::inbound::Inbound;

/// Answers 400 to a request of HTTP/1.1 whose `Host` is missing, doubled or malformed, as RFC 9112
/// §3.2 demands: what stands in front of the service could read it otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneHost;

impl Guard for OneHost {
    type Rejection = InvalidHeader;

    async fn guard<N, F>(&self, inbound: Inbound, next: N) -> Result<Response, InvalidHeader>
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        if inbound.version() == Version::HTTP_11 {
            let mut hosts = inbound.headers().get_all(HOST).iter();
            let fault = match (hosts.next(), hosts.next()) {
                (None, _) => Some("it is missing"),
                (Some(_), Some(_)) => Some("there is more than one"),
                // An empty one is allowed; user information is not (RFC 9110 §7.2).
                (Some(host), None) => (!host.is_empty()
                    && (Authority::try_from(host.as_bytes()).is_err()
                        || host.as_bytes().contains(&b'@')))
                .then_some("write the host and port of the request's target"),
            };
            if let Some(fault) = fault {
                return Err(InvalidHeader::new(&HOST, fault));
            }
        }
        Ok(next(inbound).await)
    }
}
