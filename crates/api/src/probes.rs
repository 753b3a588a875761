//! What the service says about itself: probes, metrics, and the document.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use contract::extract::{EntityTags, IfNoneMatch, NoQuery, State};
use contract::guard::RetryAfter;
use contract::{
    Answer, CacheControl, Header, Json, Part, Problem, Response, Responses, Schemas, Variant,
    write_body,
};
use domain::ETag;
use http::header::{ETAG, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use store::Store;

use crate::items::Tag;
use crate::leaving::Leaving;
use crate::metrics::Metrics;

/// The state of the operations of this module.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) leaving: Leaving,
    /// Set once, when the document is made, which is after its operations are mounted.
    pub(crate) document: Arc<OnceLock<ServedDocument>>,
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
    Alive(Json<Health>, CacheControl) = 200,
}

/// Answers as long as the process runs at all.
pub(crate) async fn get_livez(_: NoQuery) -> Live {
    Live::Alive(Json(OK), CacheControl::NoStore)
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum Ready {
    /// The service can do its work, writes included.
    Ready(Json<Health>, CacheControl) = 200,
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum NotReady {
    /// The store cannot take writes at the moment, or the service is about to stop.
    NotReady(Problem, RetryAfter, CacheControl) = 503,
}

/// Tells whether requests should be sent here.
pub(crate) async fn get_readyz(
    State(service): State<Service>,
    NoQuery: NoQuery,
) -> Result<Ready, NotReady> {
    let not_ready = |problem| NotReady::NotReady(problem, RetryAfter(5), CacheControl::NoStore);
    if service.leaving.is_announced() {
        return Err(not_ready(Problem::new("The service is about to stop.")));
    }
    match service.store.check().await {
        Result::Ok(()) => Result::Ok(Ready::Ready(Json(OK), CacheControl::NoStore)),
        Err(error) => Err(not_ready(Problem::default().caused_by(error))),
    }
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum GetMetrics {
    /// Counters and histograms in the text format of Prometheus.
    Metrics(MetricsText, CacheControl) = 200,
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
pub(crate) async fn get_metrics(State(service): State<Service>, _: NoQuery) -> GetMetrics {
    GetMetrics::Metrics(MetricsText(service.metrics.text()), CacheControl::NoStore)
}

#[derive(Debug, Responses)]
#[repr(u16)]
pub(crate) enum GetOpenapi {
    /// This document.
    Document(DocumentText, DocumentTag, CacheControl) = 200,
    /// The document still has one of the tags in `If-None-Match`.
    NotModified(DocumentTag, CacheControl) = 304,
}

/// The document as it is served.
#[derive(Clone, Debug)]
pub(crate) struct ServedDocument {
    text: Bytes,
    tag: HeaderValue,
}

impl ServedDocument {
    pub(crate) fn new(text: Bytes) -> Self {
        let tag = ETag::of(&text).to_text();
        Self { text, tag: HeaderValue::from_bytes(&tag).expect("an entity tag is visible ASCII") }
    }
}

/// `ETag` of the document.
#[derive(Clone, Debug)]
pub(crate) struct DocumentTag(HeaderValue);

impl Header for DocumentTag {
    const NAME: HeaderName = ETAG;
    const DESCRIPTION: &'static str =
        "The strong entity tag of the document. It depends on the content alone.";

    fn schema() -> Value {
        Tag::schema()
    }

    fn value(self) -> HeaderValue {
        self.0
    }
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
pub(crate) async fn get_openapi(
    State(service): State<Service>,
    NoQuery: NoQuery,
    IfNoneMatch(known): IfNoneMatch,
) -> GetOpenapi {
    let ServedDocument { text, tag } =
        service.document.get().cloned().unwrap_or_else(|| ServedDocument::new(Bytes::new()));
    let is_known = match known {
        None => false,
        Some(EntityTags::Any) => true,
        // The comparison is the weak one (RFC 9110 §13.1.2).
        Some(EntityTags::Listed(tags)) => {
            tags.iter().any(|known| known.quoted.as_bytes() == tag.as_bytes())
        }
    };
    let tag = DocumentTag(tag);
    if is_known {
        return GetOpenapi::NotModified(tag, CacheControl::NoCache);
    }
    GetOpenapi::Document(DocumentText(text), tag, CacheControl::NoCache)
}
