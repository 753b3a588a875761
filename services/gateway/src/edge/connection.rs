//! One connection: HTTP/1.1 or HTTP/2, as the client likes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Request, Response, Version};
use hyper::service::service_fn;
use hyper_util::server::graceful::Watcher;
use memory::Memory;
use serve::framing::{Checked, Refusals};
use serve::{BodyCost, Patience, Protocol, RequestBody, Served, WorkerDraining};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::Service;

use crate::class::Class;
use crate::exchange::Exchange;
use crate::interim::{Opener, WithInterims};
use crate::peer::Peer;
use crate::reply::{Reply, ReplyBody};

/// Most bytes of a head, from the request line to the empty line. The limits that are answered with
/// the field's name (`--headers-max`, `--target-max`) are below it; this one bounds what is held
/// before they can be looked at.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Bytes that hyper holds of a request's head. It is more than the framing lets pass, so that hyper
/// never answers a head by itself.
const PARSER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// How connections are served. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    http: Rc<serve::Http>,
    head_time_max: Duration,
    memory: Memory,
}

impl Http {
    pub(crate) fn new(
        patience: Patience,
        head_time_max: Duration,
        cost: BodyCost,
        draining: WorkerDraining,
    ) -> Self {
        let memory = cost.memory.clone();
        // The framing bounds the time of a head; hyper sees it whole, or nothing.
        Self {
            http: Rc::new(serve::Http::new(patience, PARSER_BYTES_MAX, cost, draining)),
            head_time_max,
            memory,
        }
    }

    /// Serves a connection until it ends.
    pub(crate) fn serve<T, S>(
        &self,
        protocol: Protocol,
        stream: T,
        peer: Rc<Peer>,
        service: S,
        watcher: Watcher,
    ) -> Served
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        S: Service<Box<Exchange>, Response = Reply, Error = Infallible> + 'static,
        S::Future: 'static,
    {
        match protocol {
            Protocol::Http1 => {
                let (stream, opener) = WithInterims::new(stream);
                let (stream, refusals) =
                    Checked::new(stream, self.head_time_max, HEAD_BYTES_MAX, &self.memory);
                let service = exchanges(service, peer, refusals, Some(opener));
                self.http.serve_http1(stream, service, watcher)
            }
            // It frames its messages itself (RFC 9113 §4.1).
            Protocol::Http2 => {
                let service = exchanges(service, peer, Refusals::default(), None);
                self.http.serve_http2(stream, service, watcher)
            }
        }
    }
}

/// Makes an [`Exchange`] of every request.
fn exchanges<S>(
    service: S,
    peer: Rc<Peer>,
    refusals: Refusals,
    opener: Option<Opener>,
) -> impl hyper::service::Service<
    Request<RequestBody>,
    Response = Response<ReplyBody>,
    Error = Infallible,
    Future = S::Future,
>
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible>,
{
    // hyper calls through a shared reference, from one task.
    let service = RefCell::new(service);
    service_fn(move |request: Request<RequestBody>| {
        let (head, body) = request.into_parts();
        let started = Instant::now();
        // A client of HTTP/1.0 knows no interim answers.
        let opener = opener.as_ref().filter(|_| head.version == Version::HTTP_11);
        service.borrow_mut().call(Box::new(Exchange {
            class: Class::of(&head.method, head.uri.path()),
            head,
            body,
            peer: Rc::clone(&peer),
            request_id: None,
            fault: refusals.next(),
            refusals: refusals.clone(),
            principal: None,
            stream_place: None,
            interims: opener.map(Opener::open),
            started,
            deadline: started,
        }))
    })
}
