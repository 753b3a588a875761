//! One thread that serves connections: its own runtime, its own socket, its own connections to the
//! replicas.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serve::{Acceptor, BodyCost, CloseOnDrain, Connection, Patience};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::Service;

use crate::balance::Replicas;
use crate::document::{AnswerRecord, CheckContract};
use crate::edge::{Http, Tls, agreed};
use crate::exchange::Exchange;
use crate::peer::Peer;
use crate::reply::Reply;
use crate::stack::{Shared, StackSettings, stack};
use crate::upstream::Pools;

/// How often idle connections to replicas are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// How a worker serves.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSettings {
    pub(crate) patience: Patience,
    pub(crate) head_time_max: Duration,
    pub(crate) cost: BodyCost,
    pub(crate) stack: StackSettings,
}

/// Serves until the worker is told to stop and its connections have ended. Returns how many had to
/// be cut. Answers are recorded in `record`, and connections secured by `tls`, if there is one.
pub(crate) async fn run(
    acceptor: Acceptor,
    settings: WorkerSettings,
    shared: Shared,
    tls: Option<Arc<Tls>>,
    record: Option<AnswerRecord>,
) -> usize {
    let pools = Rc::<Pools>::default();
    tokio::task::spawn_local(sweep(Rc::clone(&pools), Arc::clone(&shared.replicas)));
    let service = stack(settings.stack.clone(), shared, pools);
    match record {
        None => serve(acceptor, &settings, tls, service).await,
        Some(record) => serve(acceptor, &settings, tls, CheckContract::new(service, record)).await,
    }
}

async fn serve<S>(
    acceptor: Acceptor,
    settings: &WorkerSettings,
    tls: Option<Arc<Tls>>,
    service: S,
) -> usize
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible> + Clone + 'static,
    S::Future: 'static,
{
    let (trusted, time_max) = (&settings.stack.trusted, settings.head_time_max);
    let draining = acceptor.draining();
    let http = Http::new(settings.patience, time_max, settings.cost.clone(), draining.clone());
    let service = CloseOnDrain::new(service, draining);
    let serve = |mut connection: Connection| {
        let address = connection.peer;
        let trusted = trusted.iter().any(|trusted| trusted.contains(address.ip()));
        let tls = tls.as_ref().map(|tls| tls.acceptor());
        let peer = Peer::new(address, trusted, if tls.is_some() { "https" } else { "http" });
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

/// Closes connections to replicas that are not needed, for ever.
async fn sweep(pools: Rc<Pools>, replicas: Arc<ArcSwap<Replicas>>) {
    let mut sweeps = interval(SWEEP_EVERY);
    loop {
        sweeps.tick().await;
        pools.sweep(&replicas.load());
    }
}
