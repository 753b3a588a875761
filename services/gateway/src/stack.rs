//! The steps of a request, from its head to a replica, composed.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serve::cors::Cors;
use serve::settings::Trusted;
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder};

use crate::access::Access;
use crate::attempt::{Forward, ForwardSettings};
use crate::balance::Replicas;
use crate::document::{Documents, ServeDocument};
use crate::exchange::Exchange;
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::policy::{
    Authenticate, CrossOrigin, Deadline, LastHop, LimitStreams, LoadShed, Observe, RateLimit,
    Trace, Validate, check,
};
use crate::rate::ClientLimits;
use crate::reply::Reply;
use crate::stream::StreamLimit;
use crate::upstream::Pools;

/// How requests are treated.
#[derive(Clone, Debug)]
pub(crate) struct StackSettings {
    pub(crate) validate: Validate,
    /// The proxies whose forwarding fields are believed.
    pub(crate) trusted: Arc<[Trusted]>,
    /// Which pages of other origins may use the service.
    pub(crate) cors: Option<Cors>,
    pub(crate) log_requests: bool,
    pub(crate) forward: ForwardSettings,
}

/// What the requests of all workers share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) replicas: Arc<ArcSwap<Replicas>>,
    pub(crate) metrics: Metrics,
    /// The clients that are let in; `None` for all.
    pub(crate) access: Option<Arc<Access>>,
    pub(crate) limits: Option<Arc<ClientLimits>>,
    pub(crate) overload: Arc<Overload>,
    pub(crate) streams: Arc<StreamLimit>,
    pub(crate) documents: Arc<Documents>,
}

/// Returns the service of one worker: one stack, composed by type, so that a request pays for one
/// boxed future in all.
///
/// The order is the order of the checks, and it matters:
///
/// 1. **Trace** is outermost: every answer names the request, also one that a later step makes.
/// 2. **Observe** counts and logs every answer, refusals included, with that name.
/// 3. **Validate** refuses what can be read in two ways before another step reads it.
/// 4. **CrossOrigin** answers preflights, which have no credentials, and marks every answer from further in,
///    refusals included, for the pages that may read it.
/// 5. **LastHop** answers OPTIONS and TRACE that end at the gateway.
/// 6. **Authenticate** finds out which client asks and whether it may, before it costs anything more.
/// 7. **RateLimit** counts requests by client, so it has to know that. Refused ones are not counted: a
///    client without a key cannot use up the rate of another one.
/// 8. **Deadline** says when the answer has to be there, for everything further in.
/// 9. **LoadShed** is the last check: only what would really be sent is held against the requests that are
///    under way.
/// 10. **LimitStreams** does for streams what the step before does for all other requests.
/// 11. **ServeDocument** answers for the document, and adds to the page of problems.
/// 12. **Forward** sends what is left to a replica.
pub(crate) fn stack(
    settings: StackSettings,
    shared: Shared,
    pools: Rc<Pools>,
) -> impl Service<Box<Exchange>, Response = Reply, Error = Infallible, Future: 'static> + Clone + use<>
{
    let StackSettings { validate, trusted, cors, log_requests, forward } = settings;
    let Shared { replicas, metrics, access, limits, overload, streams, documents } = shared;
    let (time_max, public_prefix) = (forward.request_time_max, forward.public_prefix.clone());
    let last_hop = LastHop { documents: Arc::clone(&documents) };
    let authenticate = Authenticate { access, documents: Arc::clone(&documents) };
    let load_shed = LoadShed { overload: Arc::clone(&overload) };
    let counted = metrics.clone();
    ServiceBuilder::new()
        .layer(layer_fn(Trace::new))
        .layer(layer_fn(move |inner| Observe::new(inner, counted.clone(), log_requests)))
        .layer(check(validate))
        .layer(layer_fn(move |inner| CrossOrigin::new(inner, cors.clone())))
        .layer(check(last_hop))
        .layer(check(authenticate))
        .layer(check(RateLimit { limits, trusted: Arc::clone(&trusted) }))
        .layer(check(Deadline { time_max }))
        .layer(check(load_shed))
        .layer(check(LimitStreams { limit: streams, trusted }))
        .layer(layer_fn(move |inner| {
            ServeDocument::new(inner, Arc::clone(&documents), public_prefix.clone())
        }))
        .service(Forward::new(forward, replicas, overload, metrics, pools))
}
