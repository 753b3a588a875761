//! Probes and metrics.

use std::sync::atomic::Ordering::Relaxed;

use axum::body::Body;
use contract::extract::State;
use contract::guard::RetryAfter;
use contract::{Answer, Json, Part, Problem, Response, Responses, Schemas, Variant, write_body};
use http::HeaderValue;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Admin;
use crate::clock;

/// The body of a probe.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    /// Always `ok`: anything else is a problem with another status.
    status: &'static str,
}

const OK: Health = Health { status: "ok" };

#[derive(Debug, Responses)]
#[repr(u16)]
pub(super) enum Live {
    /// The process is alive.
    Alive(Json<Health>) = 200,
}

/// Answers as long as the process runs at all.
pub(super) async fn get_livez() -> Live {
    Live::Alive(Json(OK))
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(super) enum Ready {
    /// A replica is there to send requests to.
    Ready(Json<Health>) = 200,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(super) enum NotReady {
    /// No replica is ready, or the gateway is about to stop.
    NoReplicaReady(Problem, RetryAfter) = 503,
}

/// Tells whether requests should be sent here.
pub(super) async fn get_readyz(State(admin): State<Admin>) -> Result<Ready, NotReady> {
    let now = clock::now();
    let leaving = admin.shared.leaving.load(Relaxed);
    let ready = !leaving
        && admin.shared.replicas.load().iter().any(|replica| replica.health.is_available(now));
    if ready {
        Ok(Ready::Ready(Json(OK)))
    } else {
        Err(NotReady::NoReplicaReady(Problem::default(), RetryAfter(1)))
    }
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(super) enum GetMetrics {
    /// Counters and histograms in the text format of Prometheus.
    Metrics(MetricsText) = 200,
}

/// The text format of Prometheus, version 0.0.4.
#[derive(Debug)]
pub(super) struct MetricsText(String);

impl Part for MetricsText {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body("text/plain; version=0.0.4", json!({ "type": "string" }), required);
    }

    fn write(self, response: &mut Response, _: &'static Variant) {
        let media_type = HeaderValue::from_static("text/plain; version=0.0.4");
        write_body(response, media_type, Body::from(self.0));
    }
}

/// Returns the metrics.
pub(super) async fn get_metrics(State(admin): State<Admin>) -> GetMetrics {
    GetMetrics::Metrics(MetricsText(admin.shared.metrics.text(&admin.shared)))
}
