//! The replicas, as the balancer sees them.

use contract::extract::{NoQuery, State};
use contract::{CacheControl, Json, Responses};
use schemars::JsonSchema;
use serde::Serialize;

use super::Admin;
use crate::balance::{Change, Reason, Replica};
use crate::clock;

/// What is known of one replica.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ReplicaStatus {
    /// Where it listens.
    address: String,
    /// `up`, `warming`, `ejected` or `down`.
    state: &'static str,
    /// The figure that the balancer goes by, in milliseconds: an average of the latencies of its answers that
    /// takes a slower one over at once and forgets it within some ten seconds (peak EWMA). It is no mean.
    peak_average_ms: f64,
    /// Requests that are under way to it.
    in_flight: usize,
    /// Requests that it answered.
    answered: u64,
    /// Attempts that it did not answer.
    failed: u64,
    /// Requests that had no answer, one of 500 and 502 to 504, or one that was broken off.
    faults: u64,
    /// Why it is ejected: `in-a-row` or `outlier`; null if it is not.
    ejected_by: Option<&'static str>,
    /// How often it was ejected in a row.
    ejections: u32,
    /// The last 20 changes of its state, the last one first.
    changes: Vec<StateChange>,
}

/// A change of a replica's state.
#[derive(Debug, Serialize, JsonSchema)]
struct StateChange {
    /// What it has been since then.
    state: &'static str,
    /// When that was noticed, in UTC (RFC 3339): at the latest with the next check.
    at: String,
}

impl From<Change> for StateChange {
    fn from(Change { state, at }: Change) -> Self {
        Self { state: state.as_str(), at: humantime::format_rfc3339_millis(at).to_string() }
    }
}

impl ReplicaStatus {
    fn of(replica: &Replica) -> Self {
        let now = clock::now();
        replica.note_state();
        let (answered, failed) = replica.counts();
        Self {
            address: replica.origin.to_string(),
            state: replica.health.state(now).as_str(),
            peak_average_ms: (replica.peak_average(now).as_secs_f64() * 1e6).round() / 1e3,
            in_flight: replica.in_flight(),
            answered,
            failed,
            faults: replica.faults(),
            ejected_by: replica.health.ejected_by(now).map(Reason::as_str),
            ejections: replica.health.ejections(),
            changes: replica.changes().into_iter().map(StateChange::from).collect(),
        }
    }
}

#[derive(Debug, Responses)]
pub(super) enum GetReplicas {
    /// The replicas, in the order in which they are configured.
    #[answer(200)]
    Replicas(Json<Vec<ReplicaStatus>>, CacheControl),
}

/// Returns the replicas.
pub(super) async fn get_replicas(State(admin): State<Admin>, _: NoQuery) -> GetReplicas {
    let replicas = admin.replicas.load();
    let all = replicas.iter().map(|replica| ReplicaStatus::of(replica)).collect();
    GetReplicas::Replicas(Json(all), CacheControl::NoStore)
}
