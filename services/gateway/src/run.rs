//! The life of the gateway: listen, serve, drain.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;
use contract::ContractError;
use memory::Memory;
use serve::cors::Cors;
use serve::{
    Acceptor, BodyCost, Budget, Handed, Patience, Signals, Sockets, Workers, worker_count,
};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::Notify;

use crate::access::InvalidKeys;
use crate::admin::{self, Admin};
use crate::attempt::REPLAY_BYTES_MAX;
use crate::balance::Replicas;
use crate::control::{self, Watches};
use crate::discover::{Discovery, Dns, InvalidDns, InvalidReplicas, counted};
use crate::document::{self, Documents, Record, Recorded};
use crate::edge::{InvalidTls, Tls};
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::policy::stack;
use crate::rate::Limits;
use crate::settings::{Exposed, Settings, check_exposure};
use crate::worker::{self, Shared, Terms, Worker};

/// The exit code of `--check-contract` when an answer was undocumented.
const EXIT_UNDOCUMENTED: u8 = 3;

/// The name of a socket that is handed over for operators; all others are for clients.
const ADMIN_SOCKET: &str = "admin";

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot listen on {0} (set another address with --listen)")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the sockets that were handed over cannot be used")]
    Handed(#[source] io::Error),
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
    #[error("the names of replicas cannot be looked up")]
    Dns(#[from] InvalidDns),
}

/// Runs the gateway until SIGTERM or SIGINT.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let mut handed = Handed::take().map_err(Failure::Handed)?;
    let admin_socket = handed.remove(ADMIN_SOCKET);
    check_exposure(settings, &handed)?;
    let watches = Watches::of(settings);
    let main =
        runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let replicas = Arc::<ArcSwap<Replicas>>::default();
    let overload = Arc::new(Overload::new(settings.latency_target));
    let discovery = Discovery::new(settings, Arc::clone(&replicas), Arc::clone(&overload))?;
    let dns = Dns::new(settings)?;
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
        overload,
    };
    if let Some(dns) = &dns {
        main.block_on(dns.look_first(&discovery));
    }
    let record = match &settings.check_contract {
        None => None,
        Some(path) => {
            // Noticed now, not after a day of rehearsal.
            std::fs::write(path, "").map_err(|error| Failure::Report(path.clone(), error))?;
            let client = control::plain_client();
            main.block_on(async {
                tokio::select! {
                    () = document::fetch_first(&client, &shared) => {}
                    never = follow(dns.as_ref(), &discovery) => match never {},
                }
            });
            Some(Record::new(&shared.documents))
        }
    };
    let refused = |error| Failure::Listen(settings.listen, error);
    let workers = worker_count(settings.common.workers);
    let sockets = Sockets::new(handed, settings.listen, workers).map_err(refused)?;
    let (workers, address) = (sockets.len(), sockets.address().map_err(refused)?);
    let mut signals = Signals::new(&main).map_err(Failure::Runtime)?;
    let budget = Budget::new(settings.common.memory_max, settings.connections_max);
    let limits = serve::Limits {
        connections_max: budget.connections_max,
        silence_time_max: settings.idle_time_max,
        drain_time_max: settings.common.drain_time_max,
    };
    let work = (0..workers).map(|_| {
        let (terms, shared, record) =
            (terms(settings, &budget.memory), shared.clone(), record.clone());
        move |acceptor| work(acceptor, terms, shared, record)
    });
    let threads = Workers::start(sockets, limits, work).map_err(Failure::Runtime)?;
    let drain = Arc::new(Notify::new());
    let admin = Admin { shared: shared.clone(), drain: Arc::clone(&drain) };
    let admin = admin::dispatch(admin).map_err(Failure::Contract)?;
    let admin_refused = |error| Failure::AdminListen(settings.admin_listen, error);
    let admin_listener = main.block_on(async {
        match admin_socket {
            Some(socket) => TcpListener::from_std(socket),
            None => TcpListener::bind(settings.admin_listen).await,
        }
    });
    let admin_listener = admin_listener.map_err(admin_refused)?;
    let admin_address = admin_listener.local_addr().map_err(admin_refused)?;
    tracing::info!(%admin_address, "operators look at http://{admin_address}");
    let count = shared.replicas.load().iter().count();
    let scheme = if shared.tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, workers, replicas = count, version = env!("CARGO_PKG_VERSION"), "listening on {scheme}://{address}, in front of {}", counted(count));

    serve::notify::ready();
    main.block_on(async {
        let beside = async {
            tokio::select! {
                never = control::run(settings, &shared, watches, &discovery, dns.as_ref()) => never,
                never = admin::serve(admin_listener, admin) => never,
            }
        };
        let mut beside = pin!(beside);
        tokio::select! {
            never = &mut beside => match never {},
            () = drain.notified() => {}
            () = signals.next() => {}
        }
        shared.leaving.store(true, Relaxed);
        tokio::select! {
            never = &mut beside => match never {},
            () = threads.leave(settings.common.drain_delay, &mut signals) => {}
        }
    });
    threads.end(&main, &mut signals);
    let undocumented = match record.zip(settings.check_contract.as_ref()) {
        Some((record, path)) => {
            report(&record, path).map_err(|error| Failure::Report(path.clone(), error))?
        }
        None => false,
    };
    tracing::info!("stopped");
    Ok(if undocumented { ExitCode::from(EXIT_UNDOCUMENTED) } else { ExitCode::SUCCESS })
}

/// Follows the names that stand for replicas, if there are any.
async fn follow(dns: Option<&Dns>, discovery: &Discovery) -> Infallible {
    match dns {
        Some(dns) => dns.follow(discovery).await,
        None => std::future::pending().await,
    }
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

fn terms(settings: &Settings, memory: &Memory) -> Terms {
    let bytes = |size: bytesize::ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
    Terms {
        balance: settings.balance,
        body_bytes_max: settings.body_max.as_u64(),
        body_time_max: settings.body_time_max,
        request_time_max: settings.request_time_max,
        try_time_max: settings.try_time_max,
        connect_time_max: settings.connect_time_max,
        hedge_after: settings.hedge_after,
        head_time_max: settings.head_time_max,
        patience: Patience {
            idle_time_max: settings.idle_time_max,
            stall_time_max: settings.common.stall_time_max,
        },
        cost: BodyCost {
            memory: memory.clone(),
            factor: 1,
            held_bytes_max: REPLAY_BYTES_MAX as u64,
        },
        target_bytes_max: bytes(settings.target_max),
        headers_bytes_max: bytes(settings.headers_max),
        replica_requests_max: settings.replica_requests_max.get(),
        trusted: settings.trusted_proxy.clone().into(),
        public_prefix: settings.public_prefix.clone(),
        cors: Cors::new(&settings.common.cors_origin),
        log_requests: settings.common.log_requests,
    }
}

/// What a worker does. Its answers are recorded in `record`, if there is one.
async fn work(acceptor: Acceptor, terms: Terms, shared: Shared, record: Option<Record>) -> usize {
    let worker = Worker::new(terms, shared);
    let service = stack(&worker);
    match record {
        None => worker::serve(worker, acceptor, service).await,
        Some(record) => worker::serve(worker, acceptor, Recorded::new(service, record)).await,
    }
}
