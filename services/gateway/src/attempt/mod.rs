//! One request to the replicas: as many attempts as it takes and as are safe.
//!
//! Every attempt that brings no answer leaves the request *unsent* or *maybe sent* ([`Delivery`]). An unsent
//! request can go to another replica in any case. One that was maybe sent can have taken effect:
//! it is repeated only if that is harmless (GET, HEAD, OPTIONS), or if the replicas recognise it, by the
//! client's `Idempotency-Key` or by the gateway's own [mark], and give the first answer again. So a create
//! that was answered into a broken connection is still answered 201.
//!
//! A connection that was used before may be dead before the request is sent on it. If it ends
//! without a byte of an answer, the attempt goes on with a new connection to the same replica: that is
//! no failure of the replica, and costs nothing of the budget of retries.
//!
//! Bodies up to [`HELD_BYTES_MAX`](crate::request_body::HELD_BYTES_MAX) are held until the answer is there.
//! Larger ones are streamed, and what was maybe sent of them is not repeated.
//!
//! A stream is sent once, whatever its length ([`stream`]).
//!
//! A read that takes long may be sent to a second replica before the first has failed ([`hedge`]).
//!
//! [`Delivery`]: crate::upstream::Delivery

mod attempts;
mod hedge;
mod mark;
mod outcome;
mod pass_through;
mod plan;
mod single;
mod stream;
mod tried;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use contract::prefix::PublicPrefix;
use http::{Request, Version};
use serve::Alarms;
use tower::Service;
use tower::retry::budget::TpsBudget;

use crate::answers::{NoAnswer, overloaded, refuse_body, reply};
use crate::balance::{Balance, Replicas};
use crate::class::Class;
use crate::exchange::Exchange;
use crate::headers::announce_close;
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::reply::Reply;
use crate::request_body::{self, BodyFault, BodyLimits, StreamHandle, UpstreamBody};
use crate::upstream::Pools;

pub(crate) use hedge::HedgeAfter;

use attempts::Attempts;
use hedge::Hedge;
use mark::{Marks, SHELF_ATTEMPT};
use pass_through::Passing;
use plan::RequestPlan;

/// Most attempts for one request. With three replicas of which two are gone, three are needed.
const ATTEMPTS_MAX: usize = 3;

/// How long a request counts for the budget of retries.
const BUDGET_TIME: Duration = Duration::from_secs(10);
/// Retries a second that a worker may make however few requests there are: without them a single
/// client could never have one.
const BUDGET_RESERVE: u32 = 1;
/// Share of requests that may be repeated. It bounds what a failing replica costs the others: 1.2
/// requests for each.
const BUDGET_SHARE: f32 = 0.2;

/// How requests are sent to replicas.
#[derive(Clone, Debug)]
pub(crate) struct ForwardSettings {
    pub(crate) balance: Balance,
    pub(crate) body: BodyLimits,
    /// Longest time in which nothing of a stream moves.
    pub(crate) stream_idle_time_max: Duration,
    pub(crate) request_time_max: Duration,
    pub(crate) try_time_max: Duration,
    pub(crate) connect_time_max: Duration,
    pub(crate) hedge_after: Option<HedgeAfter>,
    pub(crate) replica_requests_max: usize,
    /// Below which path clients find the service.
    pub(crate) public_prefix: Option<PublicPrefix>,
}

/// Sends requests to the replicas. The innermost service of a worker; its clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Forward(Rc<Forwarder>);

/// What the requests of one worker share on their way to the replicas.
#[derive(Debug)]
struct Forwarder {
    settings: ForwardSettings,
    replicas: Arc<ArcSwap<Replicas>>,
    overload: Arc<Overload>,
    metrics: Metrics,
    pools: Rc<Pools>,
    budget: TpsBudget,
    marks: Marks,
    alarms: Alarms,
    /// How reads are hedged, if they are.
    hedge: Option<Hedge>,
}

impl Forward {
    pub(crate) fn new(
        settings: ForwardSettings,
        replicas: Arc<ArcSwap<Replicas>>,
        overload: Arc<Overload>,
        metrics: Metrics,
        pools: Rc<Pools>,
    ) -> Self {
        Self(Rc::new(Forwarder {
            hedge: settings.hedge_after.map(Hedge::new),
            marks: Marks::new(settings.request_time_max),
            settings,
            replicas,
            overload,
            metrics,
            pools,
            budget: TpsBudget::new(BUDGET_TIME, BUDGET_RESERVE, BUDGET_SHARE),
            alarms: Alarms::default(),
        }))
    }
}

impl Service<Box<Exchange>> for Forward {
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        let forwarder = Rc::clone(&self.0);
        Box::pin(async move { Ok(forwarder.forward(exchange).await) })
    }
}

impl Forwarder {
    /// Sends the request to a replica, and to others if need be.
    async fn forward(&self, mut exchange: Box<Exchange>) -> Reply {
        let closes = exchange.head.version < Version::HTTP_2;
        let public_prefix = self.settings.public_prefix.as_ref();
        let plan = RequestPlan::new(&mut exchange, public_prefix, &self.marks);
        let interims = exchange.interims.take();
        let mut attempts = Attempts::new(self, &plan, exchange.deadline, closes, interims);
        if plan.class == Class::Stream {
            return attempts.forward_stream(*exchange).await;
        }
        // Reading the body tells the client to send it, so a replica has to be there to take it.
        if plan.expects_continue
            && let Err(unserved) = attempts.reach().await
        {
            return reply(unserved);
        }
        let head = exchange.head;
        let limits = self.settings.body;
        let reading = request_body::read(exchange.body, &head.headers, &exchange.refusals, limits);
        let body = match reading.await {
            Ok(body) => body,
            Err(fault) => return refuse(fault, closes),
        };
        let Some(permit) = self.overload.acquire() else { return reply(overloaded()) };
        match body {
            UpstreamBody::Held(bytes) => {
                attempts.hedge = self.hedge.as_ref().filter(|_| plan.is_read && bytes.is_none());
                let request = |attempt| {
                    let mut request = Request::new(UpstreamBody::Held(bytes.clone()));
                    *request.method_mut() = head.method.clone();
                    *request.uri_mut() = head.uri.clone();
                    *request.headers_mut() = head.headers.clone();
                    if let Some(mark) = plan.mark {
                        let field = self.marks.field(mark, attempt);
                        request.headers_mut().insert(SHELF_ATTEMPT, field);
                    }
                    request
                };
                let answer = attempts.repeat(&request).await.unwrap_or_else(reply);
                permit.answered();
                answer
            }
            UpstreamBody::Stream(stream) => {
                // How long it takes is up to the client, so its latency says nothing of the replicas;
                // the permit is given back without one.
                let handle = stream.handle();
                let request = Request::from_parts(head, UpstreamBody::Stream(stream));
                let passing = Passing {
                    body: Some(&handle),
                    progress: handle.progress(),
                    idle_time_max: self.settings.request_time_max,
                };
                let answer = attempts.pass_through(request, &passing).await;
                settle(answer, handle, closes)
            }
        }
    }
}

/// Decides what becomes of a body that was passed through, when its answer has begun or there is none.
fn settle(answer: Result<Reply, NoAnswer>, body: StreamHandle, closes: bool) -> Reply {
    // What looks like a failure of the replica may be the client's.
    let mut reply = match body.fault() {
        Some(fault) => refuse(fault, closes),
        None => answer.unwrap_or_else(reply),
    };
    // The rest of a refused body is of no use.
    if !reply.status().is_success() {
        body.release();
    }
    reply.body_mut().hold(body.guard());
    reply
}

/// Answers for a body that is faulty. Where the next request would begin is not known, so the
/// connection ends; over HTTP/2 only the stream does.
fn refuse(fault: BodyFault, closes: bool) -> Reply {
    let mut reply = refuse_body(fault);
    if closes {
        announce_close(reply.headers_mut());
    }
    reply
}
