//! The life of the gateway: listen, serve, drain.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;
use contract::ContractError;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::LocalSet;

use crate::access::InvalidKeys;
use crate::admin::{self, Admin};
use crate::balance::Replicas;
use crate::clock;
use crate::control::{self, Watches};
use crate::discover::{InvalidReplicas, discover};
use crate::document::{self, Documents, Record, Recorded};
use crate::edge::{InvalidTls, Tls};
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::policy::stack;
use crate::rate::Limits;
use crate::settings::{Exposed, Settings, check_exposure};
use crate::worker::{Phase, Shared, Terms, Worker, serve};

/// The exit code of `--check-contract` when an answer was undocumented.
const EXIT_UNDOCUMENTED: u8 = 3;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot listen on {0} (set another address with --listen)")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the system refuses a thread, a socket or a signal handler")]
    Runtime(#[source] io::Error),
    #[error("cannot listen on {0} for operators (set another address with --admin-listen)")]
    AdminListen(SocketAddr, #[source] io::Error),
    #[error("the operators' operations contradict each other")]
    Contract(#[source] ContractError),
    #[error(transparent)]
    Exposed(#[from] Exposed),
    #[error("there is no TLS to speak")]
    Tls(#[from] InvalidTls),
    #[error("the keys cannot be used")]
    Keys(#[from] InvalidKeys),
    #[error("the report could not be written to {}", .0.display())]
    Report(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Replicas(#[from] InvalidReplicas),
}

/// Runs the gateway until SIGTERM or SIGINT.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    check_exposure(settings)?;
    let watches = Watches::of(settings);
    let origins = discover(settings)?;
    let count = origins.len();
    let main =
        runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let replicas = Replicas::default().next(origins, clock::now());
    let replicas = Arc::new(ArcSwap::from_pointee(replicas));
    let requests_max = settings.replica_requests_max.get().saturating_mul(count);
    let access = control::access(settings)?;
    let limits = settings.rate_limit.map(|rate| Arc::new(Limits::new(rate)));
    let shared = Shared {
        documents: Arc::new(Documents::new(access.as_ref(), limits.is_some())),
        replicas,
        metrics: Metrics::new(),
        leaving: Arc::default(),
        access,
        limits,
        tls: tls(settings)?,
        overload: Arc::new(Overload::new(settings.latency_target, requests_max)),
    };
    let record = match &settings.check_contract {
        None => None,
        Some(path) => {
            // Noticed now, not after a day of rehearsal.
            std::fs::write(path, "").map_err(|error| Failure::Report(path.clone(), error))?;
            main.block_on(document::fetch_first(&control::plain_client(), &shared));
            Some(Record::new(&shared.documents))
        }
    };
    let refused = |error| Failure::Listen(settings.listen, error);
    let workers =
        settings.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, usize::from);
    let listeners = serve::listen(settings.listen, workers).map_err(refused)?;
    let address = listeners[0].local_addr().map_err(refused)?;
    let (phase, phases) = watch::channel(Phase::Serving);
    let connections = Arc::new(Semaphore::new(settings.connections_max.get()));
    // The handlers are there before anybody is told that the gateway is.
    let signals = main.block_on(async {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    });
    let mut signals = signals.map_err(Failure::Runtime)?;
    let threads: Vec<_> = listeners
        .into_iter()
        .enumerate()
        .map(|(number, listener)| {
            let start = Start {
                terms: terms(settings),
                shared: shared.clone(),
                connections: Arc::clone(&connections),
                phase: phases.clone(),
                record: record.clone(),
            };
            start.thread(number, listener)
        })
        .collect::<io::Result<_>>()
        .map_err(Failure::Runtime)?;
    let drain = Arc::new(Notify::new());
    let admin = Admin { shared: shared.clone(), drain: Arc::clone(&drain) };
    let admin = admin::dispatch(admin).map_err(Failure::Contract)?;
    let admin_refused = |error| Failure::AdminListen(settings.admin_listen, error);
    let admin_listener =
        main.block_on(TcpListener::bind(settings.admin_listen)).map_err(admin_refused)?;
    let admin_address = admin_listener.local_addr().map_err(admin_refused)?;
    tracing::info!(%admin_address, "operators look at http://{admin_address}");
    let scheme = if shared.tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, workers, replicas = count, version = env!("CARGO_PKG_VERSION"), "listening on {scheme}://{address}, in front of {count} replicas");

    main.block_on(async {
        let beside = async {
            tokio::select! {
                never = control::run(settings, &shared, watches) => never,
                never = admin::serve(admin_listener, admin) => never,
            }
        };
        let mut beside = pin!(beside);
        tokio::select! {
            never = &mut beside => match never {},
            () = drain.notified() => {}
            () = signals.next() => {}
        }
        let drain_delay = settings.drain_delay;
        if drain_delay.is_zero() {
            return;
        }
        tracing::info!(
            ?drain_delay,
            "leaving: requests are taken for {drain_delay:?}, and /readyz says no"
        );
        shared.leaving.store(true, Relaxed);
        tokio::select! {
            never = &mut beside => match never {},
            () = tokio::time::sleep(drain_delay) => {}
            () = signals.next() => {}
        }
    });
    shared.leaving.store(true, Relaxed);
    tracing::info!("stopping: no new connections, requests in progress are finished");
    phase.send_replace(Phase::Draining);
    let cut = end(&main, threads, signals, &phase);
    if cut > 0 {
        tracing::warn!(cut, "connections that did not end in time were cut: {cut}");
    }
    let undocumented = match record.zip(settings.check_contract.as_ref()) {
        Some((record, path)) => {
            report(&record, path).map_err(|error| Failure::Report(path.clone(), error))?
        }
        None => false,
    };
    tracing::info!("stopped");
    Ok(if undocumented { ExitCode::from(EXIT_UNDOCUMENTED) } else { ExitCode::SUCCESS })
}

/// Writes the recorder's report. Returns whether an answer was undocumented.
fn report(record: &Record, path: &Path) -> io::Result<bool> {
    let report = record.report();
    std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    Ok(!report.undocumented.is_empty())
}

/// Reads the certificate, if there is one.
fn tls(settings: &Settings) -> Result<Option<Arc<Tls>>, InvalidTls> {
    let files = settings.tls_certificate.as_deref().zip(settings.tls_key.as_deref());
    Ok(files.map(|(certificate, key)| Tls::read(certificate, key)).transpose()?.map(Arc::new))
}

fn terms(settings: &Settings) -> Terms {
    let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
    Terms {
        balance: settings.balance,
        body_bytes_max: settings.body_max.as_u64(),
        body_time_max: settings.body_time_max,
        request_time_max: settings.request_time_max,
        try_time_max: settings.try_time_max,
        connect_time_max: settings.connect_time_max,
        head_time_max: settings.head_time_max,
        idle_time_max: settings.idle_time_max,
        drain_time_max: settings.drain_time_max,
        target_bytes_max: bytes(settings.target_max),
        headers_bytes_max: bytes(settings.headers_max),
        replica_requests_max: settings.replica_requests_max.get(),
        trusted: settings.trusted_proxy.clone().into(),
        log_requests: settings.log_requests,
    }
}

/// The signals that end the gateway.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for the workers; a second signal makes them cut what is not finished. Returns how many
/// connections were cut.
fn end(
    main: &Runtime,
    threads: Vec<JoinHandle<usize>>,
    mut signals: Signals,
    phase: &watch::Sender<Phase>,
) -> usize {
    main.block_on(async {
        let mut joined = tokio::task::spawn_blocking(|| join(threads));
        tokio::select! {
            cut = &mut joined => cut,
            () = signals.next() => {
                phase.send_replace(Phase::Cutting);
                joined.await
            }
        }
        .unwrap_or_default()
    })
}

/// Waits for the workers, and returns how many connections they had to cut.
fn join(threads: Vec<JoinHandle<usize>>) -> usize {
    let ended = threads.into_iter().map(|thread| {
        thread.join().unwrap_or_else(|_| {
            tracing::error!("a worker panicked");
            0
        })
    });
    ended.sum()
}

/// What a worker is started with.
struct Start {
    terms: Terms,
    shared: Shared,
    connections: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
    /// Where answers are recorded, if they are.
    record: Option<Record>,
}

impl Start {
    fn thread(
        self,
        number: usize,
        listener: std::net::TcpListener,
    ) -> io::Result<JoinHandle<usize>> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            LocalSet::new().block_on(&runtime, async move {
                let listener = match TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::error!(%error, "a worker has no socket: {error}");
                        return 0;
                    }
                };
                let worker = Worker::new(self.terms, self.shared);
                let service = stack(&worker);
                match self.record {
                    None => serve(worker, listener, service, self.connections, self.phase).await,
                    Some(record) => {
                        let service = Recorded::new(service, record);
                        serve(worker, listener, service, self.connections, self.phase).await
                    }
                }
            })
        })
    }
}
