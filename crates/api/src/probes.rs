//! What the service says about itself: probes, metrics, and the document.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use contract::extract::State;
use contract::guard::RetryAfter;
use contract::{Answer, Json, Part, Problem, Response, Responses, Schemas, Variant, write_body};
use http::HeaderValue;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use store::Store;

use crate::leaving::Leaving;
use crate::metrics::Metrics;

/// The state of the operations of this module.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) leaving: Leaving,
    /// Set once, when the document is made, which is after its operations are mounted.
    pub(crate) document: Arc<OnceLock<Bytes>>,
}

/// The body of a probe.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// Always `ok`: anything else is a problem with another status.
    status: Ok,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Ok {
    Ok,
}

const OK: Health = Health { status: Ok::Ok };

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Live {
    /// The process is alive.
    Alive(Json<Health>) = 200,
}

/// Answers as long as the process runs at all.
pub(crate) async fn get_livez() -> Live {
    Live::Alive(Json(OK))
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Ready {
    /// The service can do its work, writes included.
    Ready(Json<Health>) = 200,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum NotReady {
    /// The store cannot take writes at the moment, or the service is about to stop.
    NotReady(Problem, RetryAfter) = 503,
}

/// Tells whether requests should be sent here.
pub(crate) async fn get_readyz(State(service): State<Service>) -> Result<Ready, NotReady> {
    if service.leaving.is_announced() {
        let problem = Problem::new("The service is about to stop.");
        return Err(NotReady::NotReady(problem, RetryAfter(5)));
    }
    match service.store.check().await {
        Result::Ok(()) => Result::Ok(Ready::Ready(Json(OK))),
        Err(error) => Err(NotReady::NotReady(Problem::default().caused_by(error), RetryAfter(5))),
    }
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum GetMetrics {
    /// Counters and histograms in the text format of Prometheus.
    Metrics(MetricsText) = 200,
}

/// The text format of Prometheus, version 0.0.4.
#[derive(Debug)]
pub(crate) struct MetricsText(String);

impl MetricsText {
    const MEDIA_TYPE: &'static str = "text/plain; version=0.0.4";
}

impl Part for MetricsText {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body(Self::MEDIA_TYPE, json!({ "type": "string" }), required);
    }

    fn write(self, response: &mut Response, _: &'static Variant) {
        write_body(response, HeaderValue::from_static(Self::MEDIA_TYPE), self.0.into());
    }
}

/// Returns the metrics.
pub(crate) async fn get_metrics(State(service): State<Service>) -> GetMetrics {
    GetMetrics::Metrics(MetricsText(service.metrics.text()))
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum GetOpenapi {
    /// This document.
    Document(DocumentText) = 200,
}

/// The OpenAPI document as text.
#[derive(Debug)]
pub(crate) struct DocumentText(Bytes);

impl Part for DocumentText {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        let schema = json!({
            "type": "object",
            "description": "An OpenAPI 3.1 document.",
            "properties": { "openapi": { "type": "string" } },
            "required": ["openapi"],
        });
        answer.body("application/json", schema, required);
    }

    fn write(self, response: &mut Response, _: &'static Variant) {
        write_body(response, HeaderValue::from_static("application/json"), self.0.into());
    }
}

/// Returns the document.
pub(crate) async fn get_openapi(State(service): State<Service>) -> GetOpenapi {
    GetOpenapi::Document(DocumentText(service.document.get().cloned().unwrap_or_default()))
}
