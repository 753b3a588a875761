//! What runs beside the requests: checks, changes of files, keys that are fetched.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::{BoxFuture, select_all};
use reqwest::Client;
use serve::logs::chain;
use tokio::time::interval;

use crate::access::{Access, InvalidKeys, Keys, Tokens, refresh};
use crate::balance;
use crate::discover::{Discovery, Dns};
use crate::document::{DocumentSource, Documents};
use crate::edge::Tls;
use crate::file_watch::FileWatch;
use crate::health_checks::check_replicas;
use crate::rate::ClientLimits;
use crate::settings::Settings;
use crate::stack::Shared;

/// How often the limits forget clients that have not come for a while.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Returns which clients are let in, or `None` if all are.
///
/// # Errors
/// When the file of keys cannot be used.
pub(crate) fn access(settings: &Settings) -> Result<Option<Arc<Access>>, InvalidKeys> {
    let keys_file = settings.keys.clone();
    let keys = keys_file.as_deref().map(Keys::read).transpose()?.unwrap_or_default();
    let tokens = settings.jwt_issuer.clone().zip(settings.jwt_audience.clone());
    let tokens = tokens.map(|(issuer, audience)| Tokens::new(issuer, audience));
    let required = keys_file.is_some() || tokens.is_some();
    Ok(required.then(|| Arc::new(Access { keys: ArcSwap::from_pointee(keys), keys_file, tokens })))
}

/// The files that are read again when they change.
pub(crate) struct Watches {
    keys: FileWatch,
    replicas: FileWatch,
    certificate: FileWatch,
}

impl Watches {
    /// Takes the files as they are now: make it before any of them is read.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            keys: FileWatch::of(settings.keys.clone()),
            replicas: FileWatch::of(settings.replicas_file.clone()),
            certificate: FileWatch::of(
                settings.tls_certificate.clone().into_iter().chain(settings.tls_key.clone()),
            ),
        }
    }
}

/// Returns a client for the replicas. It keeps no connections: whether one can be had is a part of
/// every check.
pub(crate) fn plain_client() -> Client {
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0);
    client.build().expect("a client without TLS needs nothing of the system")
}

/// Says where the document comes from.
pub(crate) fn source<'a>(client: &'a Client, shared: &'a Shared) -> DocumentSource<'a> {
    DocumentSource { client, replicas: &shared.replicas, access: shared.access.as_deref() }
}

/// Does all of it, for ever.
pub(crate) async fn run(
    settings: &Settings,
    shared: &Shared,
    tls: Option<&Tls>,
    watches: Watches,
    discovery: &Discovery,
    dns: Option<&Dns>,
) -> Infallible {
    let client = plain_client();
    let source = source(&client, shared);
    let mut tasks: Vec<BoxFuture<'_, Infallible>> = vec![
        Box::pin(check_replicas(&client, &shared.replicas, settings.check_every)),
        Box::pin(shared.documents.refresh(source)),
        Box::pin(balance::watch(&shared.replicas, settings.outliers())),
    ];
    if let Some(access) = &shared.access {
        if let Some(url) = &settings.jwks {
            tasks.push(Box::pin(refresh(Arc::clone(access), url.clone())));
        }
        tasks.push(Box::pin(reload_keys(access, &shared.documents, watches.keys)));
    }
    if let Some(limits) = &shared.limits {
        tasks.push(Box::pin(sweep(limits)));
    }
    if settings.replicas_file.is_some() {
        tasks.push(Box::pin(rediscover(discovery, watches.replicas)));
    }
    if let Some(dns) = dns {
        tasks.push(Box::pin(dns.follow(discovery)));
    }
    if let Some(tls) = tls {
        tasks.push(Box::pin(reload_certificate(tls, watches.certificate)));
    }
    select_all(tasks).await.0
}

async fn sweep(limits: &ClientLimits) -> Infallible {
    let mut sweeps = interval(SWEEP_EVERY);
    loop {
        sweeps.tick().await;
        limits.sweep();
    }
}

/// Reads the keys again when their file changes. A faulty file changes nothing.
async fn reload_keys(access: &Access, documents: &Documents, watch: FileWatch) -> Infallible {
    let Some(path) = &access.keys_file else { return std::future::pending().await };
    let reload = || match Keys::read(path) {
        Ok(keys) => {
            let count = keys.len();
            access.keys.store(Arc::new(keys));
            tracing::info!(keys = count, "the keys were read again: there are {count}");
            documents.check_permissions(access);
        }
        Err(error) => {
            let error = chain(&error);
            tracing::error!(error, "{error}; the former keys stay in force");
        }
    };
    watch.each_change(reload).await
}

/// Reads the certificate again when it or its key changes. A pair that does not fit changes nothing:
/// the other half may be on its way.
async fn reload_certificate(tls: &Tls, watch: FileWatch) -> Infallible {
    let reload = || match tls.reload() {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => {
            let error = chain(&error);
            tracing::warn!(error, "the former certificate stays in force: {error}");
        }
    };
    watch.each_change(reload).await
}

/// Looks again which replicas there are when the file that names them changes. A faulty file changes
/// nothing.
async fn rediscover(discovery: &Discovery, watch: FileWatch) -> Infallible {
    let look = || {
        if let Err(error) = discovery.read_again() {
            let error = chain(&error);
            tracing::error!(error, "{error}; the former replicas stay");
        }
    };
    watch.each_change(look).await
}
