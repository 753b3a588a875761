//! The life of the gateway: listen, serve, drain.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::ContractError;
use contract::recorder::{ReportError, ReportFile};
use serve::{Budget, Draining, Handed, Signals, Sockets, Workers, worker_count};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::Notify;

use crate::access::InvalidKeys;
use crate::admin::{self, Admin};
use crate::background::{self, Watches};
use crate::balance::Replicas;
use crate::discover::{Discovery, Dns, InvalidDns, InvalidReplicas, counted};
use crate::document::{AnswerRecord, Documents};
use crate::edge::{InvalidTls, Tls};
use crate::metrics::Metrics;
use crate::overload::Overload;
use crate::rate::ClientLimits;
use crate::settings::{InsecureSettings, Settings, check_exposure};
use crate::stack::Shared;
use crate::stream::StreamLimit;
use crate::worker;

/// The name of a socket that is handed over for operators; all others are for clients.
const ADMIN_SOCKET: &str = "admin";

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
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
    Insecure(#[from] InsecureSettings),
    #[error("TLS cannot be set up")]
    Tls(#[from] InvalidTls),
    #[error("the keys cannot be used")]
    Keys(#[from] InvalidKeys),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Replicas(#[from] InvalidReplicas),
    #[error("the names of replicas cannot be looked up")]
    Dns(#[from] InvalidDns),
}

/// Runs the gateway until SIGTERM or SIGINT.
pub(crate) fn run(settings: &Settings) -> Result<ExitCode, StartError> {
    let mut handed = Handed::take().map_err(StartError::Handed)?;
    let admin_socket = handed.remove(ADMIN_SOCKET);
    check_exposure(settings, &handed)?;
    let watches = Watches::of(settings);
    let main =
        runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Runtime)?;
    let replicas = Arc::<ArcSwap<Replicas>>::default();
    let overload = Arc::new(Overload::new(settings.latency_target));
    let discovery =
        Discovery::new(settings.discovery(), Arc::clone(&replicas), Arc::clone(&overload))?;
    let dns = Dns::new(&settings.discovery())?;
    let access = background::access(settings)?;
    let limits = settings.rate_limit.map(|rate| Arc::new(ClientLimits::new(rate)));
    let shared = Shared {
        documents: Arc::new(Documents::new(access.as_ref(), limits.is_some())),
        replicas,
        metrics: Metrics::new(),
        access,
        limits,
        overload,
        streams: Arc::new(StreamLimit::new(settings.streams_max, settings.client_streams_max)),
    };
    let tls = tls(settings)?;
    if let Some(dns) = &dns {
        main.block_on(dns.look_first(&discovery));
    }
    let record = match &settings.check_contract {
        None => None,
        Some(path) => {
            let file = ReportFile::create(path)?;
            let client = background::plain_client();
            main.block_on(async {
                tokio::select! {
                    () = shared.documents.fetch_first(background::source(&client, &shared)) => {}
                    never = follow(dns.as_ref(), &discovery) => match never {},
                }
            });
            Some((AnswerRecord::new(&shared.documents), file))
        }
    };
    let refused = |error| StartError::Listen(settings.listen, error);
    let workers = worker_count(settings.common.workers);
    let sockets = Sockets::new(handed, settings.listen, workers).map_err(refused)?;
    let (workers, address) = (sockets.len(), sockets.address().map_err(refused)?);
    let mut signals = Signals::new(&main).map_err(StartError::Runtime)?;
    let budget = Budget::new(settings.common.memory_max, settings.connections_max);
    let limits = serve::Limits {
        connections_max: budget.connections_max,
        silence_time_max: settings.idle_time_max,
        drain_time_max: settings.common.drain_time_max,
    };
    let work = (0..workers).map(|_| {
        let (settings, shared) = (settings.worker(&budget.memory), shared.clone());
        let (tls, record) = (tls.clone(), record.as_ref().map(|(record, _)| record.clone()));
        move |acceptor| worker::run(acceptor, settings, shared, tls, record)
    });
    let threads = Workers::start(sockets, limits, work).map_err(StartError::Runtime)?;
    let drain = Arc::new(Notify::new());
    let draining = Draining::default();
    let admin = Admin {
        replicas: Arc::clone(&shared.replicas),
        metrics: shared.metrics.clone(),
        overload: Arc::clone(&shared.overload),
        streams: Arc::clone(&shared.streams),
        draining: draining.clone(),
        drain: Arc::clone(&drain),
    };
    let admin = admin::dispatch(admin).map_err(StartError::Contract)?;
    let admin_refused = |error| StartError::AdminListen(settings.admin_listen, error);
    let admin_listener = main.block_on(async {
        match admin_socket {
            Some(socket) => TcpListener::from_std(socket),
            None => TcpListener::bind(settings.admin_listen).await,
        }
    });
    let admin_listener = admin_listener.map_err(admin_refused)?;
    let admin_address = admin_listener.local_addr().map_err(admin_refused)?;
    tracing::info!(%admin_address, "listening on http://{admin_address} for operators");
    let count = shared.replicas.load().iter().count();
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, workers, replicas = count, version = env!("CARGO_PKG_VERSION"), "listening on {scheme}://{address}, in front of {}", counted(count));

    serve::notify::ready();
    main.block_on(async {
        let beside = async {
            tokio::select! {
                never = background::run(settings, &shared, tls.as_deref(), watches, &discovery, dns.as_ref()) => never,
                never = admin::serve(admin_listener, admin) => never,
            }
        };
        let mut beside = pin!(beside);
        tokio::select! {
            never = &mut beside => match never {},
            () = drain.notified() => {}
            () = signals.next() => {}
        }
        draining.begin();
        tokio::select! {
            never = &mut beside => match never {},
            () = threads.drain(settings.common.drain_delay, &mut signals) => {}
        }
    });
    threads.end(&main, &mut signals);
    let code = match record {
        Some((record, file)) => file.write(&record.report())?,
        None => ExitCode::SUCCESS,
    };
    tracing::info!("stopped");
    Ok(code)
}

/// Follows the names that stand for replicas, if there are any.
async fn follow(dns: Option<&Dns>, discovery: &Discovery) -> Infallible {
    match dns {
        Some(dns) => dns.follow(discovery).await,
        None => std::future::pending().await,
    }
}

/// Reads the certificate, if there is one.
fn tls(settings: &Settings) -> Result<Option<Arc<Tls>>, InvalidTls> {
    let files = settings.tls_certificate.as_deref().zip(settings.tls_key.as_deref());
    Ok(files.map(|(certificate, key)| Tls::read(certificate, key)).transpose()?.map(Arc::new))
}
