//! Probes and metrics.

use contract::about::{GetMetrics, Live, Ready};
use contract::extract::{NoQuery, State};
use contract::guard::RetryAfter;
use contract::{CacheControl, Problem, Responses};

use super::Admin;
use crate::clock;

/// Answers as long as the process runs at all.
pub(super) async fn get_livez(_: NoQuery) -> Live {
    Live::ALIVE
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
    let ready = !admin.draining.has_begun()
        && admin.replicas.load().iter().any(|replica| replica.health.is_available(now));
    if ready {
        Ok(Ready::READY)
    } else {
        Err(NotReady::NoReplicaReady(Problem::default(), RetryAfter(1), CacheControl::NoStore))
    }
}

/// Returns the metrics.
pub(super) async fn get_metrics(State(admin): State<Admin>, _: NoQuery) -> GetMetrics {
    let (limit, streams) = (admin.overload.limit(), admin.streams.count());
    let text = admin.metrics.text(&admin.replicas.load(), limit, streams);
    GetMetrics::text(text)
}
