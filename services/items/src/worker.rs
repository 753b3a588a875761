//! How a worker serves a connection.

use std::cell::RefCell;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use contract::Response;
use http::Request;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serve::{Acceptor, Alarm, Connection, Farewell, OnThisThread};
use tower::Service;

/// Bytes of a request's head that the parser holds. Larger heads it answers 431 itself, without a
/// body; those up to here are answered by the contract.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// Serves until the worker is told to stop and its connections have ended. Returns how many had to
/// be cut.
pub(crate) async fn serve<S>(acceptor: Acceptor, service: S, idle_time_max: Duration) -> usize
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    let service = Farewell::new(service, acceptor.leaving());
    let serve = |Connection { stream, watcher, .. }| {
        let http = http(idle_time_max);
        // hyper calls through a shared reference, from one task.
        let service = RefCell::new(service.clone());
        async move {
            let service = service_fn(|request: Request<Incoming>| {
                service.borrow_mut().call(request.map(body))
            });
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // Clients hang up whenever they like: no event for the operator.
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(error, "a connection ended early: {error}");
            }
        }
    };
    acceptor.run(serve).await
}

/// How a connection is served. Each has its own alarm.
fn http(idle_time_max: Duration) -> auto::Builder<OnThisThread> {
    let mut http = auto::Builder::new(OnThisThread);
    http.http1()
        .timer(Alarm::default())
        .header_read_timeout(idle_time_max)
        .max_buf_size(HEAD_BYTES_MAX);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(idle_time_max))
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    http
}

/// Most requests have no body; for them none is allocated.
fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() { Body::empty() } else { Body::new(incoming) }
}
