//! Probes, metrics, and the document.

use std::sync::Arc;

use contract::about::{GetMetrics, GetOpenapi, Live, Ready, ServedDocument};
use contract::extract::{IfNoneMatch, NoQuery, Prefix, State};
use contract::guard::RetryAfter;
use contract::prefix::PublicPrefix;
use contract::{CacheControl, Problem, Responses};
use serve::Draining;
use store::Store;

use crate::catalog::Catalog;
use crate::metrics::Metrics;

/// The state of the operations of this module.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) draining: Draining,
    pub(crate) catalog: Catalog,
}

#[derive(Debug, Responses)]
pub(crate) enum NotAlive {
    /// Only a restart of the service helps: a write to the disk failed and left it unknown what is there, or
    /// a thread of the store has ended.
    #[answer(503)]
    RestartNeeded(Problem, CacheControl),
}

/// Tells whether the service can go on without a restart. [`get_readyz`] tells of failures that pass by
/// themselves, and of those that a restart does not mend.
pub(crate) async fn get_livez(
    State(service): State<Service>,
    NoQuery: NoQuery,
) -> Result<Live, NotAlive> {
    match service.store.alive() {
        Ok(()) => Ok(Live::ALIVE),
        Err(error) => {
            let problem = Problem::default().caused_by(error);
            Err(NotAlive::RestartNeeded(problem, CacheControl::NoStore))
        }
    }
}

#[derive(Debug, Responses)]
pub(crate) enum NotReady {
    /// The store cannot take writes at the moment, or the service is about to stop.
    #[answer(503)]
    NotReady(Problem, RetryAfter, CacheControl),
}

/// Tells whether requests should be sent here.
pub(crate) async fn get_readyz(
    State(service): State<Service>,
    NoQuery: NoQuery,
) -> Result<Ready, NotReady> {
    let not_ready = |problem| NotReady::NotReady(problem, RetryAfter(5), CacheControl::NoStore);
    if service.draining.has_begun() {
        return Err(not_ready(Problem::new("The service is about to stop.")));
    }
    match service.store.check().await {
        Ok(()) => Ok(Ready::READY),
        Err(error) => Err(not_ready(Problem::default().caused_by(error))),
    }
}

/// Returns the metrics.
pub(crate) async fn get_metrics(State(service): State<Service>, _: NoQuery) -> GetMetrics {
    GetMetrics::text(service.metrics.text())
}

/// Returns the document.
pub(crate) async fn get_openapi(
    State(service): State<Service>,
    Prefix(prefix): Prefix,
    NoQuery: NoQuery,
    known: IfNoneMatch,
) -> GetOpenapi {
    answer(service.catalog.document(), prefix, &known)
}

/// Returns the document in OpenAPI 3.2.
pub(crate) async fn get_openapi_3_2(
    State(service): State<Service>,
    Prefix(prefix): Prefix,
    NoQuery: NoQuery,
    known: IfNoneMatch,
) -> GetOpenapi {
    answer(service.catalog.document_3_2(), prefix, &known)
}

fn answer(
    document: ServedDocument,
    prefix: Option<PublicPrefix>,
    known: &IfNoneMatch,
) -> GetOpenapi {
    match prefix {
        None => document.answer(known),
        Some(prefix) => document.below(&prefix).answer(known),
    }
}
