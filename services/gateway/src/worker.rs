//! One thread that serves connections: its own runtime, its own socket, its own connections to the
//! replicas.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tower::Service;
use tower::retry::budget::TpsBudget;

use crate::access::Access;
use crate::attempt::Keys;
use crate::balance::{Balance, Replicas};
use crate::body::Reply;
use crate::document::Documents;
use crate::edge::{Http, Tls};
use crate::exchange::{Exchange, Peer};
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::rate::Limits;
use crate::settings::Trusted;
use crate::upstream::Pools;

/// Pause after a failed accept: too many open files do not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often idle connections to replicas are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// How long requests are waited for on connections that were taken at the last moment. They follow
/// their handshake at once, on every line that is worth having.
const LAST_REQUEST_TIME_MAX: Duration = Duration::from_millis(250);

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
    pub(crate) head_time_max: Duration,
    pub(crate) idle_time_max: Duration,
    pub(crate) drain_time_max: Duration,
    pub(crate) target_bytes_max: usize,
    pub(crate) headers_bytes_max: usize,
    pub(crate) replica_requests_max: usize,
    pub(crate) trusted: Arc<[Trusted]>,
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
    /// Set when the gateway is about to stop: every answer ends its connection from then on.
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
    pub(crate) keys: Keys,
}

impl Worker {
    pub(crate) fn new(terms: Terms, shared: Shared) -> Rc<Self> {
        Rc::new(Self {
            terms,
            shared,
            pools: Rc::default(),
            budget: TpsBudget::new(BUDGET_TIME, BUDGET_RESERVE, BUDGET_SHARE),
            keys: Keys::new(),
        })
    }
}

/// The phases of the gateway's life, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Connections are accepted.
    Serving,
    /// None are accepted; requests in progress are finished.
    Draining,
    /// What is not finished is cut.
    Cutting,
}

/// Accepts and serves connections until it is told to stop, and then until they have ended or the
/// time for that is over. Returns how many had to be cut.
pub(crate) async fn serve<S>(
    worker: Rc<Worker>,
    listener: TcpListener,
    service: S,
    connections: Arc<Semaphore>,
    mut phase: watch::Receiver<Phase>,
) -> usize
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    let terms = &worker.terms;
    let http = Http::new(terms.idle_time_max, terms.head_time_max);
    let graceful = GracefulShutdown::new();
    let begin = |stream: TcpStream, peer: SocketAddr, permit: Option<OwnedSemaphorePermit>| {
        let trusted = terms.trusted.iter().any(|trusted| trusted.contains(peer.ip()));
        let tls = worker.shared.tls.as_ref().map(|tls| tls.acceptor());
        let peer = Peer::new(peer, trusted, if tls.is_some() { "https" } else { "http" });
        let handshake_time_max = terms.head_time_max;
        let (http, service, watcher) = (http.clone(), service.clone(), graceful.watcher());
        tokio::task::spawn_local(async move {
            match tls {
                None => http.serve(stream, peer, service, watcher).await,
                Some(tls) => match timeout(handshake_time_max, tls.accept(stream)).await {
                    Ok(Ok(stream)) => http.serve(stream, peer, service, watcher).await,
                    // Scanners and clients that trust another certificate come and go.
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "a connection could not be secured: {error}");
                    }
                    Err(_) => tracing::debug!("a connection was not secured in time"),
                },
            }
            drop(permit);
        });
    };
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = phase.wait_for(|phase| *phase > Phase::Serving) => break,
            accepted = accept(&listener, &connections) => accepted,
            _ = sweep.tick() => {
                worker.pools.sweep(&worker.shared.replicas.load());
                continue;
            }
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        begin(stream, peer, Some(permit));
    }
    // What is not accepted when the socket is closed would be reset.
    for (stream, peer) in waiting(listener) {
        begin(stream, peer, Arc::clone(&connections).try_acquire_owned().ok());
    }
    tokio::time::sleep(LAST_REQUEST_TIME_MAX).await;
    let open = graceful.count();
    tokio::select! {
        () = graceful.shutdown() => 0,
        () = tokio::time::sleep(terms.drain_time_max) => open,
        _ = phase.wait_for(|phase| *phase == Phase::Cutting) => open,
    }
}

/// Accepts the connections that wait, without waiting for more, and closes the socket.
fn waiting(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let accepted = std::iter::from_fn(|| listener.accept().ok());
    let accepted = accepted.filter_map(|(stream, peer)| {
        stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    });
    accepted.collect()
}

/// Waits for a free place among the connections, and then for a connection.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Answers are written whole, so waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    Ok((stream, peer, permit))
}
