//! The life of the service: open, listen, serve, drain, close.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use api::{Edge, InvalidSetup, Keeper, Limits, LogRequests, Metrics, Router, Setup, Turns, router};
use axum::body::Body;
use contract::coding::Compress;
use contract::prefix::WithPrefix;
use contract::recorder::{Recorder, Recording, ReportError, ReportFile};
use contract::{Dispatch, Response};
use http::Request;
use serve::cors::{Cors, WithCors};
use serve::settings::{Trusted, bytes};
use serve::{
    BodyCost, Budget, Draining, Handed, Patience, Signals, Sockets, Workers, worker_count,
};
use store::{BackupError, OpenError, Options, Store};
use tokio::runtime;
use tokio::time::timeout;
use tower::Service;

use crate::collections::{self, InvalidFile};
use crate::holdings;
use crate::samples;
use crate::settings::Settings;
use crate::worker;

/// Longest time for the first look at the collections in the store.
const LOAD_TIME_MAX: Duration = Duration::from_secs(5);

/// How often the bytes of a body are held until it is answered: as they came, as the item, as what the
/// store writes, and as the answer.
const BODY_COST: usize = 4;

/// The operations, as clients see them: pages of other origins, those behind a proxy that strips a prefix,
/// and those that accept a content coding.
type Web = WithCors<WithPrefix<Compress<Dispatch>>>;

/// Why the service could not start or end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Collections(#[from] InvalidFile),
    #[error(transparent)]
    Setup(#[from] InvalidSetup),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("the samples could not be written")]
    Samples(#[source] store::Error),
    #[error("cannot listen on {0} (set another address with --listen)")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the system refuses a thread, a socket or a signal handler")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("the sockets that were handed over cannot be used")]
    Handed(#[source] io::Error),
}

/// Copies the store to a directory.
pub(crate) fn backup(store: &str, to: &Path) -> Result<ExitCode, RunError> {
    store::backup(store, to)?;
    println!(
        "The backup is in {}. Start a service on it, or on a copy of it, to restore it.",
        to.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Runs the service until SIGTERM or SIGINT.
pub(crate) fn run(settings: Settings) -> Result<ExitCode, RunError> {
    let handed = Handed::take().map_err(RunError::Handed)?;
    let collections = collections::load(settings.collections.as_deref())?;
    let report = settings.check_contract.as_deref().map(ReportFile::create).transpose()?;
    let mut options = Options::default();
    options.cache_bytes = settings.cache.as_u64();
    options.deletions_time = settings.deletions_time;
    options.snapshot_time_max = settings.snapshot_time_max;
    options.allow_unsafe = settings.allow_unsafe_store;
    let store = store::open(&settings.store, &options)?;
    let main =
        runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Runtime)?;
    if settings.samples {
        main.block_on(samples::load(&*store, &collections[0])).map_err(RunError::Samples)?;
    }
    holdings::warn_of_visible_password(&settings.store, std::env::args_os());
    let limits = limits(&settings);
    let budget = Budget::new(settings.common.memory_max, settings.connections_max);
    let setup = Setup {
        store: Arc::clone(&store),
        collections,
        limits,
        metrics: Metrics::new(),
        turns: Turns::default(),
        memory: budget.memory.clone(),
        draining: Draining::default(),
    };
    let Router { dispatch, catalog, mut keeper } = router(&setup)?;
    main.block_on(load(&mut keeper, &settings));
    let configured = setup.collections.iter().map(|collection| collection.name().clone());
    let configured: Vec<_> = configured.collect();
    main.block_on(holdings::announce(&*store, &settings.store, &configured));
    let keeping = main.spawn(keeper.keep());
    let code = match report {
        None => {
            serve(&main, &settings, handed, &setup, &budget, &dispatch, |edge| edge)?;
            ExitCode::SUCCESS
        }
        Some(file) => {
            let served = catalog.clone();
            let recording = Recording::new(move || Some(served.document()));
            let recorded = |edge| Recorder::new(edge, recording.clone());
            serve(&main, &settings, handed, &setup, &budget, &dispatch, recorded)?;
            file.write(&recording.report())?
        }
    };
    keeping.abort();
    let _ = main.block_on(keeping);
    drop(main);
    // The workers are gone, and with this the last references to the store: dropping it waits for
    // its writes to be on the disk.
    drop((dispatch, catalog, setup, store));
    tracing::info!("stopped");
    Ok(code)
}

/// Reads which collections there are. A store that cannot be read now is no reason not to start: they are
/// read again when a request needs them.
async fn load(keeper: &mut Keeper, settings: &Settings) {
    let failed = match timeout(LOAD_TIME_MAX, keeper.load()).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("it took longer than {} s", LOAD_TIME_MAX.as_secs()),
    };
    let store = holdings::without_credentials(&settings.store);
    tracing::warn!(
        store,
        error = failed,
        "the store {store} cannot tell which collections there are"
    );
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        body_bytes_max: bytes(settings.body_max),
        body_time_max: settings.body_time_max,
        request_time_max: settings.request_time_max,
        target_bytes_max: bytes(settings.common.target_max),
        headers_bytes_max: bytes(settings.headers_max),
        line_bytes_max: bytes(settings.line_max),
        stream_lines_max: settings.stream_lines_max,
        streams_max: settings.streams_max.get(),
        remembered_for: settings.idempotency_time,
    }
}

/// Serves on one thread a worker until a signal arrives and the connections have ended.
///
/// The workers share the table of routes of `dispatch`, and each has a service of its own, which
/// `finish` makes of the edge and what is behind it.
fn serve<S>(
    main: &runtime::Runtime,
    settings: &Settings,
    handed: Handed,
    setup: &Setup,
    budget: &Budget,
    dispatch: &Dispatch,
    finish: impl Fn(Edge<Web>) -> S,
) -> Result<(), RunError>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: 'static,
{
    let refused = |error| RunError::Listen(settings.listen, error);
    let workers = worker_count(settings.common.workers);
    let sockets = Sockets::new(handed, settings.listen, workers).map_err(refused)?;
    let (workers, address) = (sockets.len(), sockets.address().map_err(refused)?);
    let log = if settings.common.log_requests { LogRequests::All } else { LogRequests::Faults };
    let cors = Cors::new(&settings.common.cors_origin);
    let trusted: Arc<[Trusted]> = settings.trusted_proxy.as_slice().into();
    let services = (0..workers).map(|_| {
        let dispatch = dispatch.for_worker();
        let web = Compress::new(dispatch);
        let web = WithPrefix::new(web, settings.public_prefix.clone(), !trusted.is_empty());
        let web = WithCors::new(web, cors.clone());
        let edge = Edge::new(web, log, setup.draining.clone());
        finish(edge)
    });
    let services: Vec<S> = services.collect();
    let mut signals = Signals::new(main).map_err(RunError::Runtime)?;
    let limits = serve::Limits {
        connections_max: budget.connections_max,
        silence_time_max: settings.idle_time_max,
        drain_time_max: settings.common.drain_time_max,
    };
    let patience = Patience {
        idle_time_max: settings.idle_time_max,
        stall_time_max: settings.common.stall_time_max,
    };
    let cost = BodyCost {
        memory: budget.memory.clone(),
        factor: BODY_COST,
        held_bytes_max: settings.body_max.as_u64(),
    };
    let work = services.into_iter().map(|service| {
        let (cost, trusted) = (cost.clone(), Arc::clone(&trusted));
        move |acceptor| worker::serve(acceptor, service, patience, cost, trusted)
    });
    let threads = Workers::start(sockets, limits, work).map_err(RunError::Runtime)?;
    tracing::info!(%address, workers, version = env!("CARGO_PKG_VERSION"), "listening on http://{address}, try http://{address}/docs");
    serve::notify::ready();
    main.block_on(async {
        tokio::select! {
            () = signals.next() => {}
            never = tell_alive(&*setup.store) => match never {},
        }
    });
    setup.draining.begin();
    main.block_on(threads.drain(settings.common.drain_delay, &mut signals));
    threads.end(main, &mut signals);
    Ok(())
}

/// Tells the manager of services again and again that the service is alive, as long as it is and the
/// manager wants to know.
async fn tell_alive(store: &dyn Store) -> Infallible {
    let Some(time_max) = serve::notify::watchdog() else { return std::future::pending().await };
    let mut rounds = tokio::time::interval(time_max / 2);
    loop {
        rounds.tick().await;
        // Why it is not is told by /livez; the manager restarts the service for its silence.
        if store.alive().is_ok() {
            serve::notify::alive();
        }
    }
}
