//! One thread that serves connections: its own runtime, its own socket.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use contract::Response;
use http::Request;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::Service;

use crate::alarm::Alarm;

/// Bytes of a request's head that the parser holds. Larger heads it answers 431 itself, without a
/// body; those up to here are answered by the contract.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// Pause after a failed accept: too many open files do not go away at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often a worker's [clock](tick) goes off: seldom enough to cost nothing, and before most time
/// limits.
const TICK: Duration = Duration::from_secs(1);

/// What a worker has to know of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) idle_time_max: Duration,
    pub(crate) drain_time_max: Duration,
    /// Shared by all workers: one permit a connection.
    pub(crate) connections: Arc<Semaphore>,
    /// What the service is to do.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// The phases of the service's life, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Connections are accepted.
    Serving,
    /// None are accepted; requests in progress are finished.
    Draining,
    /// What is not finished is cut.
    Cutting,
}

/// Runs a future on tasks of this thread.
#[derive(Clone, Copy, Debug)]
struct OnThisThread;

impl<F: Future + 'static> hyper::rt::Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Accepts and serves connections until it is told to stop, and then until they have ended or the
/// time for that is over. Returns how many had to be cut.
pub(crate) async fn serve<S>(listener: TcpListener, service: S, mut terms: Terms) -> usize
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    tokio::task::spawn_local(tick());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = terms.phase.wait_for(|phase| *phase > Phase::Serving) => break,
            accepted = accept(&listener, &terms.connections) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let http = http(terms.idle_time_max);
        let (service, watcher) = (service.clone(), graceful.watcher());
        tokio::task::spawn_local(async move {
            // hyper calls through a shared reference, from one task.
            let service = RefCell::new(service);
            let service = service_fn(|request: Request<Incoming>| {
                service.borrow_mut().call(request.map(body))
            });
            let connection = http.serve_connection(TokioIo::new(stream), service);
            // Clients hang up whenever they like: no event for the operator.
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(error, "a connection ended early: {error}");
            }
            drop(permit);
        });
    }
    drop(listener);
    let open = graceful.count();
    tokio::select! {
        () = graceful.shutdown() => 0,
        () = tokio::time::sleep(terms.drain_time_max) => open,
        _ = terms.phase.wait_for(|phase| *phase == Phase::Cutting) => open,
    }
}

/// Keeps a timer running that goes off before those of the requests.
///
/// A runtime writes to itself whenever a timer is made that comes before all it knew of when it
/// last looked: a system call for every request that has to wait, since their time limits come and
/// go. With a tick ahead no time limit is the first.
async fn tick() {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
    }
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

/// Waits for a free place among the connections, and then for a connection.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    // Answers are written whole, so waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

/// Most requests have no body; for them none is allocated.
fn body(incoming: Incoming) -> Body {
    if incoming.is_end_stream() { Body::empty() } else { Body::new(incoming) }
}
