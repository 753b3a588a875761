//! Probes and metrics.

use std::sync::atomic::Ordering::Relaxed;

use contract::about::{Health, MetricsText};
use contract::extract::{NoQuery, State};
use contract::guard::RetryAfter;
use contract::{CacheControl, Json, Problem, Responses};

use super::Admin;
use crate::clock;

#[derive(Debug, Responses)]
pub(super) enum Live {
    /// The process is alive.
    #[answer(200)]
    Alive(Json<Health>, CacheControl),
}

/// Answers as long as the process runs at all.
pub(super) async fn get_livez(_: NoQuery) -> Live {
    Live::Alive(Json(Health::OK), CacheControl::NoStore)
}

#[derive(Debug, Responses)]
pub(super) enum Ready {
    /// A replica is there to send requests to.
    #[answer(200)]
    Ready(Json<Health>, CacheControl),
}

#[derive(Debug, Responses)]
pub(super) enum NotReady {
    /// No replica is ready, or the gateway is about to stop.
    #[answer(503)]
    NoReplicaReady(Problem, RetryAfter, CacheControl),
}

/// Tells whether requests should be sent here.
pub(super) async fn get_readyz(State(admin): State<Admin>, _: NoQuery) -> Result<Ready, NotReady> {
    let now = clock::now();
    let leaving = admin.leaving.load(Relaxed);
    let ready =
        !leaving && admin.replicas.load().iter().any(|replica| replica.health.is_available(now));
    if ready {
        Ok(Ready::Ready(Json(Health::OK), CacheControl::NoStore))
    } else {
        Err(NotReady::NoReplicaReady(Problem::default(), RetryAfter(1), CacheControl::NoStore))
    }
}

#[derive(Debug, Responses)]
pub(super) enum GetMetrics {
    /// Counters and histograms in the text format of Prometheus.
    #[answer(200)]
    Metrics(MetricsText, CacheControl),
}

/// Returns the metrics.
pub(super) async fn get_metrics(State(admin): State<Admin>, _: NoQuery) -> GetMetrics {
    let text = admin.metrics.text(&admin.replicas.load(), admin.overload.limit());
    GetMetrics::Metrics(MetricsText(text), CacheControl::NoStore)
}
