//! How a worker serves a connection.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use contract::prefix::FromTrustedProxy;
use contract::{HeadFault, Response};
use http::Request;
use hyper::body::Body as _;
use hyper::service::service_fn;
use serve::framing::{Checked, FramingFault};
use serve::settings::Trusted;
use serve::{Acceptor, BodyCost, CloseOnDrain, Connection, Http, Patience, Protocol, RequestBody};
use tower::Service;

/// Most bytes of a request's head, from the request line to the empty line. The limits that are
/// answered with the field's name (`--headers-max`, `--target-max`) are below it; this one bounds what
/// is held before they can be looked at.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bytes of a head that hyper holds. It is more than the framing lets pass, so that hyper never answers
/// a head by itself.
const PARSER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// Serves until the worker is told to stop and its connections have ended. Returns how many had to
/// be cut.
pub(crate) async fn serve<S>(
    acceptor: Acceptor,
    service: S,
    patience: Patience,
    cost: BodyCost,
    trusted: Arc<[Trusted]>,
) -> usize
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    let service = CloseOnDrain::new(service, acceptor.draining());
    let http = Http::new(patience, PARSER_BYTES_MAX, cost.clone(), acceptor.draining());
    // hyper's time runs from the end of the last request. This one runs from the first byte of a head,
    // and is the shorter one, so that a client that is too slow is told so.
    let head_time_max = patience.idle_time_max / 2;
    let serve = |mut connection: Connection| {
        let (http, memory) = (http.clone(), cost.memory.clone());
        // hyper calls through a shared reference, from one task.
        let service = RefCell::new(service.clone());
        let is_trusted = trusted.iter().any(|trusted| trusted.contains(connection.peer.ip()));
        let call = move |mut request: Request<Body>| {
            if is_trusted {
                request.extensions_mut().insert(FromTrustedProxy);
            }
            service.borrow_mut().call(request)
        };
        async move {
            let Some(protocol) = connection.protocol().await else { return };
            let Connection { stream, watcher, .. } = connection;
            match protocol {
                Protocol::Http1 => {
                    let (stream, refusals) =
                        Checked::new(stream, head_time_max, HEAD_BYTES_MAX, &memory);
                    let service = service_fn(move |request: Request<RequestBody>| {
                        let mut request = request.map(body);
                        if let Some(fault) = refusals.next() {
                            request.extensions_mut().insert(head_fault(fault));
                        }
                        call(request)
                    });
                    http.serve_http1(stream, service, watcher).await;
                }
                Protocol::Http2 => {
                    let service =
                        service_fn(move |request: Request<RequestBody>| call(request.map(body)));
                    http.serve_http2(stream, service, watcher).await;
                }
            }
        }
    };
    acceptor.run(serve).await
}

/// Most requests have no body; for them none is allocated.
fn body(body: RequestBody) -> Body {
    if body.is_end_stream() { Body::empty() } else { Body::new(body) }
}

/// Says why a head was refused, as the contract answers it.
fn head_fault(fault: FramingFault) -> HeadFault {
    match fault {
        FramingFault::Slow => HeadFault::Slow,
        FramingFault::LongLine => HeadFault::TargetTooLong,
        FramingFault::TooLarge => HeadFault::TooLarge,
        FramingFault::OutOfMemory => HeadFault::OutOfMemory,
        fault => HeadFault::Malformed(fault.to_string().into()),
    }
}
