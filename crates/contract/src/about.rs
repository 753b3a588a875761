//! Probes, metrics and the document: the answers of a service about itself, the same for all services.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{ETAG, HeaderName, HeaderValue};
use memchr::memmem;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer_parts::AnswerParts;
use crate::answers::Answer;
use crate::entity_tags::EntityTags;
use crate::extract::IfNoneMatch;
use crate::header::{CacheControl, Header};
use crate::lines::ITEM_SCHEMA;
use crate::part::{APPLICATION_JSON, Json, Part};
use crate::prefix::PublicPrefix;
use crate::schemas::Schemas;
use crate::variant::Variant;

/// Where the document is.
pub const DOCUMENT_PATH: &str = "/openapi.json";

/// Where the document in OpenAPI 3.2 is.
pub const DOCUMENT_3_2_PATH: &str = "/openapi-3.2.json";

/// Where the page is that the `type` of every problem links to.
pub const PROBLEMS_PATH: &str = "/problems";

/// Templates of the paths of pages for people, which no document lists.
pub const PAGES: [&str; 6] =
    ["/", "/docs", "/docs/{file}", "/redoc", "/redoc/{file}", PROBLEMS_PATH];

/// Probes that everyone may ask.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Tells whether reads of all paths that begin with this segment are open to everyone: pages, the document, and
/// probes have no data of clients.
#[must_use]
pub fn is_public(segment: &str) -> bool {
    let paths = PAGES.iter().chain(&PROBES).chain([&DOCUMENT_PATH, &DOCUMENT_3_2_PATH]);
    paths.into_iter().any(|path| path.strip_prefix('/') == Some(segment))
}

/// The body of a probe.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// Always `ok`: anything else is a problem with another status.
    status: Status,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Status {
    Ok,
}

impl Health {
    /// All is well.
    const OK: Self = Self { status: Status::Ok };
}

/// The text format of Prometheus, version 0.0.4.
#[derive(Debug)]
pub struct MetricsText(String);

impl MetricsText {
    const MEDIA_TYPE: &'static str = "text/plain; version=0.0.4";
}

impl Part for MetricsText {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body(Self::MEDIA_TYPE, json!({ "type": "string" }), required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.set_body(HeaderValue::from_static(Self::MEDIA_TYPE), self.0);
    }
}

/// The answer to the probe of a process that runs.
#[derive(Debug, contract::Responses)]
pub enum Live {
    /// The process is alive.
    #[answer(200)]
    Alive(Json<Health>, CacheControl),
}

impl Live {
    /// The answer.
    pub const ALIVE: Self = Self::Alive(Json(Health::OK), CacheControl::NoStore);
}

/// The answer to the probe of a service that requests should be sent to.
#[derive(Debug, contract::Responses)]
pub enum Ready {
    /// The service can do its work, writes included.
    #[answer(200)]
    Ready(Json<Health>, CacheControl),
}

impl Ready {
    /// The answer.
    pub const READY: Self = Self::Ready(Json(Health::OK), CacheControl::NoStore);
}

/// The answer to a scraper of metrics.
#[derive(Debug, contract::Responses)]
pub enum GetMetrics {
    /// Counters and histograms in the text format of Prometheus.
    #[answer(200)]
    Metrics(MetricsText, CacheControl),
}

impl GetMetrics {
    /// Answers with the metrics as text.
    #[must_use]
    pub fn text(text: String) -> Self {
        Self::Metrics(MetricsText(text), CacheControl::NoStore)
    }
}

/// The answers to a read of the document.
#[derive(Debug, contract::Responses)]
pub enum GetOpenapi {
    /// This document.
    #[answer(200)]
    Document(DocumentText, DocumentTag, CacheControl),
    /// The document still has one of the tags in `If-None-Match`.
    #[answer(304)]
    NotModified(DocumentTag, CacheControl),
}

/// The document's list of servers, as it is written: paths begin at the root.
const SERVERS: &str = "\"servers\":[{\"url\":\"/\"}]";

/// The version of OpenAPI, as it is written.
const VERSION: &str = "\"openapi\":\"3.1.0\"";
const VERSION_3_2: &[u8] = b"\"openapi\":\"3.2.0\"";

/// The document as it is served. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServedDocument {
    text: Bytes,
    tag: DocumentTag,
}

impl ServedDocument {
    /// Takes the document as text.
    #[must_use]
    pub fn new(text: Bytes) -> Self {
        let tag = DocumentTag::of(&text);
        Self { text, tag }
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Reads the document as a JSON value.
    ///
    /// # Panics
    /// If it was made of text that is no JSON.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.text).expect("a document is JSON")
    }

    /// Returns the document in OpenAPI 3.2, which has a word for the [lines](crate::lines) of a stream.
    ///
    /// It is made anew: a copy and a hash, which take some 50 µs.
    #[must_use]
    pub fn in_3_2(&self) -> Self {
        let mut text = Vec::with_capacity(self.text.len());
        let mut rest = &self.text[..];
        if let Some(at) = memmem::find(rest, VERSION.as_bytes()) {
            text.extend_from_slice(&rest[..at]);
            text.extend_from_slice(VERSION_3_2);
            rest = &rest[at + VERSION.len()..];
        }
        let (keyword, in_3_2) = (format!("\"{ITEM_SCHEMA}\":"), b"\"itemSchema\":");
        while let Some(at) = memmem::find(rest, keyword.as_bytes()) {
            text.extend_from_slice(&rest[..at]);
            text.extend_from_slice(in_3_2);
            rest = &rest[at + keyword.len()..];
        }
        text.extend_from_slice(rest);
        Self::new(text.into())
    }

    /// Tells whether this is the very same document, without a look at its text.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.tag.0 == other.tag.0
    }

    /// Returns the document for clients that find the service below a prefix.
    ///
    /// It is made anew: a copy and a hash, which take some 50 µs.
    #[must_use]
    pub fn below(&self, prefix: &PublicPrefix) -> Self {
        let Some(at) = memmem::find(&self.text, SERVERS.as_bytes()) else { return self.clone() };
        let server = format!("\"servers\":[{{\"url\":\"{prefix}\"}}]");
        let (before, after) = (&self.text[..at], &self.text[at + SERVERS.len()..]);
        Self::new([before, server.as_bytes(), after].concat().into())
    }

    /// Answers a read: 304 if the client already has the document, by its tag.
    #[must_use]
    pub fn answer(&self, IfNoneMatch(known): &IfNoneMatch) -> GetOpenapi {
        let tag = self.tag.clone();
        let is_known = match known {
            None => false,
            Some(EntityTags::Any) => true,
            // The comparison is the weak one (RFC 9110 §13.1.2).
            Some(EntityTags::Listed(tags)) => {
                tags.iter().any(|known| known.of_content().as_bytes() == tag.0.as_bytes())
            }
        };
        if is_known {
            return GetOpenapi::NotModified(tag, CacheControl::NoCache);
        }
        GetOpenapi::Document(DocumentText(self.text.clone()), tag, CacheControl::NoCache)
    }
}

/// `ETag` of the document: the first 128 bits of its BLAKE3 hash, in base64url.
#[derive(Clone, Debug)]
pub struct DocumentTag(HeaderValue);

impl DocumentTag {
    fn of(text: &[u8]) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(&blake3::hash(text).as_bytes()[..16]);
        let tag = HeaderValue::try_from(format!("\"{hash}\""));
        Self(tag.expect("base64url is visible ASCII"))
    }
}

impl Header for DocumentTag {
    const NAME: HeaderName = ETAG;
    const DESCRIPTION: &'static str =
        "The strong entity tag of the document. It depends on the content and its coding alone.";

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^\"[A-Za-z0-9_-]{22}(?:-gzip|-zstd)?\"$" })
    }

    fn value(self) -> HeaderValue {
        self.0
    }
}

/// The OpenAPI document as text.
#[derive(Debug)]
pub struct DocumentText(Bytes);

impl Part for DocumentText {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        let schema = json!({
            "type": "object",
            "description": "An OpenAPI document.",
            "properties": { "openapi": { "type": "string" } },
            "required": ["openapi"],
        });
        answer.body(APPLICATION_JSON, schema, required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.set_body(HeaderValue::from_static(APPLICATION_JSON), self.0);
    }
}
