//! One thread that serves connections: its own runtime, its own socket, its own connections to the
//! replicas.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use contract::prefix::PublicPrefix;
use serve::cors::Cors;
use serve::{Acceptor, Alarms, BodyCost, Connection, Farewell, Patience};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;
use tower::retry::budget::TpsBudget;

use crate::access::Access;
use crate::attempt::{Hedge, HedgeAfter, Marks};
use crate::balance::{Balance, Replicas};
use crate::body::Reply;
use crate::document::Documents;
use crate::edge::{Http, Tls, agreed};
use crate::exchange::{Exchange, Peer};
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::rate::Limits;
use crate::settings::Trusted;
use crate::upstream::Pools;

/// How often idle connections to replicas are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// How long a request counts for the budget of retries.
const BUDGET_TIME: Duration = Duration::from_secs(10);
/// Retries a second that a worker may make however few requests there are: without them a single
/// client could never have one.
const BUDGET_RESERVE: u32 = 1;
/// Share of requests that may be repeated. It bounds what a failing replica costs the others: 1.2
/// requests for each.
const BUDGET_SHARE: f32 = 0.2;

/// What a worker has to know of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) balance: Balance,
    pub(crate) body_bytes_max: u64,
    pub(crate) body_time_max: Duration,
    pub(crate) request_time_max: Duration,
    pub(crate) try_time_max: Duration,
    pub(crate) connect_time_max: Duration,
    pub(crate) hedge_after: Option<HedgeAfter>,
    pub(crate) head_time_max: Duration,
    pub(crate) patience: Patience,
    pub(crate) cost: BodyCost,
    pub(crate) target_bytes_max: usize,
    pub(crate) headers_bytes_max: usize,
    pub(crate) replica_requests_max: usize,
    pub(crate) trusted: Arc<[Trusted]>,
    /// Below which path clients find the service.
    pub(crate) public_prefix: Option<PublicPrefix>,
    /// Which pages of other origins may use the service.
    pub(crate) cors: Option<Cors>,
    pub(crate) log_requests: bool,
}

/// What all threads share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) replicas: Arc<ArcSwap<Replicas>>,
    pub(crate) metrics: Metrics,
    /// Who is let in; `None` for everybody.
    pub(crate) access: Option<Arc<Access>>,
    pub(crate) limits: Option<Arc<Limits>>,
    pub(crate) overload: Arc<Overload>,
    pub(crate) documents: Arc<Documents>,
    /// Set when the gateway is about to stop, for whoever asks whether it is ready.
    pub(crate) leaving: Arc<AtomicBool>,
    /// How connections are secured, if they are.
    pub(crate) tls: Option<Arc<Tls>>,
}

/// What the requests of one thread share.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) terms: Terms,
    pub(crate) shared: Shared,
    pub(crate) pools: Rc<Pools>,
    pub(crate) budget: TpsBudget,
    /// Marks for the attempts of writes.
    pub(crate) marks: Marks,
    /// For the attempts.
    pub(crate) alarms: Alarms,
    /// How reads are hedged, if they are.
    pub(crate) hedge: Option<Hedge>,
}

impl Worker {
    pub(crate) fn new(terms: Terms, shared: Shared) -> Rc<Self> {
        Rc::new(Self {
            hedge: terms.hedge_after.map(Hedge::new),
            marks: Marks::new(terms.request_time_max),
            terms,
            shared,
            pools: Rc::default(),
            budget: TpsBudget::new(BUDGET_TIME, BUDGET_RESERVE, BUDGET_SHARE),
            alarms: Alarms::default(),
        })
    }
}

/// Serves until the worker is told to stop and its connections have ended. Returns how many had to
/// be cut.
pub(crate) async fn serve<S>(worker: Rc<Worker>, acceptor: Acceptor, service: S) -> usize
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    tokio::task::spawn_local(sweep(Rc::clone(&worker)));
    let terms = &worker.terms;
    let http = Http::new(terms.patience, terms.head_time_max, terms.cost.clone());
    let service = Farewell::new(service, acceptor.leaving());
    let serve = |mut connection: Connection| {
        let address = connection.peer;
        let trusted = terms.trusted.iter().any(|trusted| trusted.contains(address.ip()));
        let tls = worker.shared.tls.as_ref().map(|tls| tls.acceptor());
        let peer = Peer::new(address, trusted, if tls.is_some() { "https" } else { "http" });
        let time_max = terms.head_time_max;
        let (http, service) = (http.clone(), service.clone());
        async move {
            let Some(protocol) = connection.protocol().await else { return };
            let Connection { stream, watcher, .. } = connection;
            match tls {
                None => http.serve(protocol, stream, peer, service, watcher).await,
                Some(tls) => {
                    let Some(stream) = Box::pin(secure(tls, stream, time_max)).await else {
                        return;
                    };
                    http.serve(agreed(&stream), *stream, peer, service, watcher).await;
                }
            }
        }
    };
    acceptor.run(serve).await
}

/// Does the handshake of TLS. Returns `None` when it fails: scanners and clients that trust another
/// certificate come and go.
async fn secure(
    tls: TlsAcceptor,
    stream: TcpStream,
    time_max: Duration,
) -> Option<Box<TlsStream<TcpStream>>> {
    match timeout(time_max, tls.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => tracing::debug!(%error, "a connection could not be secured: {error}"),
        Err(_) => tracing::debug!("a connection was not secured in time"),
    }
    None
}

/// Closes connections to replicas that nobody needs, for ever.
async fn sweep(worker: Rc<Worker>) {
    let mut sweeps = interval(SWEEP_EVERY);
    loop {
        sweeps.tick().await;
        worker.pools.sweep(&worker.shared.replicas.load());
    }
}
