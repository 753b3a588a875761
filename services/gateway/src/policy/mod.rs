//! What every request passes on its way in, and every answer on its way out.

mod authenticate;
mod cross_origin;
mod deadline;
mod gate;
mod hops;
mod limit;
mod observe;
mod shed;
mod sound;
mod target;
mod trace;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Version;
use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder};

use crate::body::Reply;
use crate::document::serve;
use crate::exchange::Exchange;
use crate::worker::Worker;

/// Returns the service of one worker: one stack, composed by type, so that a request pays for one
/// boxed future in all.
///
/// The order is the order of the checks, and it matters:
///
/// 1. **Trace** is outermost: whatever happens further in, the answer names the request.
/// 2. **Observe** counts and logs every answer, refusals included, with that name.
/// 3. **Sound** refuses what can be read in two ways before anybody reads it.
/// 4. **CrossOrigin** answers preflights, which have no credentials, and marks every answer from further in,
///    refusals included, for the pages that may read it.
/// 5. **Hops** answers OPTIONS and TRACE that end at the gateway.
/// 6. **Authenticate** finds out who asks and whether they may, before they cost anything more.
/// 7. **Limit** counts requests by who makes them, so it has to know that. Refused ones are not
///    counted in: who has no key cannot use up another's rate.
/// 8. **Deadline** says when the answer has to be there, for everything further in.
/// 9. **Shed** is innermost: only what would really be sent is held against the requests that are
///    under way.
///
/// What is left is answered by the gateway if it is for the document, and by a replica if not.
pub(crate) fn stack(
    worker: &Rc<Worker>,
) -> impl Service<Box<Exchange>, Response = Reply, Error = Infallible, Future: 'static> + Clone + use<>
{
    let terms = &worker.terms;
    let (target_bytes_max, headers_bytes_max) = (terms.target_bytes_max, terms.headers_bytes_max);
    let (metrics, log_requests) = (worker.shared.metrics.clone(), terms.log_requests);
    let (access, limits) = (worker.shared.access.clone(), worker.shared.limits.clone());
    let (trusted, request_time_max) = (Arc::clone(&terms.trusted), terms.request_time_max);
    let (hops, documents) = (Rc::clone(worker), Arc::clone(&worker.shared.documents));
    let overload = Arc::clone(&worker.shared.overload);
    let cors = terms.cors.clone();
    ServiceBuilder::new()
        .layer(layer_fn(trace::Trace::new))
        .layer(layer_fn(move |inner| observe::Observe::new(inner, metrics.clone(), log_requests)))
        .layer(layer_fn(move |inner| sound::Sound::new(inner, target_bytes_max, headers_bytes_max)))
        .layer(layer_fn(move |inner| cross_origin::CrossOrigin::new(inner, cors.clone())))
        .layer(layer_fn(move |inner| hops::Hops::new(inner, Rc::clone(&hops))))
        .layer(layer_fn(move |inner| {
            authenticate::Authenticate::new(inner, access.clone(), Arc::clone(&documents))
        }))
        .layer(layer_fn(move |inner| {
            limit::Limit::new(inner, limits.clone(), Arc::clone(&trusted))
        }))
        .layer(layer_fn(move |inner| deadline::Deadline::new(inner, request_time_max)))
        .layer(layer_fn(move |inner| shed::Shed::new(inner, Arc::clone(&overload))))
        .service(Serve(Rc::clone(worker)))
}

/// Ends the client's connection after an answer: whatever else the client has sent is not looked at.
/// Over HTTP/2 each request is framed by itself, and there is nothing to end.
fn close_after(head: &Parts, reply: &mut Reply) {
    if head.version < Version::HTTP_2 {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The innermost service.
#[derive(Clone, Debug)]
struct Serve(Rc<Worker>);

impl Service<Box<Exchange>> for Serve {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        let worker = Rc::clone(&self.0);
        Box::pin(async move { Ok(serve(&worker, exchange).await) })
    }
}
