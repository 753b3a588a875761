//! What an answer is made of: header fields and at most one body.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::answers::Answer;
use crate::schemas::Schemas;
use crate::variant::Variant;

/// A field of a variant: it writes itself into the response and describes itself in the document.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no part of an answer",
    label = "neither a header field nor a body that the document knows",
    note = "use `contract::Json`, `contract::Problem` or a type that implements `contract::Header` or `contract::Part`"
)]
pub trait Part: Sized {
    /// Whether the part is the body.
    const IS_BODY: bool;

    /// Adds the part to the document's entry of the answer.
    fn describe(
        answer: &mut Answer,
        schemas: &mut Schemas,
        variant: &'static Variant,
        required: bool,
    );

    /// Writes the part into the response.
    fn write(self, response: &mut Response, variant: &'static Variant);
}

/// A header field that answers carry. Every `Header` is a [`Part`].
pub trait Header: Sized {
    /// The field's name.
    const NAME: HeaderName;
    /// What the field says, for the document.
    const DESCRIPTION: &'static str;

    /// Returns the schema of the field's value.
    fn schema() -> Value {
        serde_json::json!({ "type": "string" })
    }

    /// Returns the value to send.
    fn value(self) -> HeaderValue;
}

impl<H: Header> Part for H {
    const IS_BODY: bool = false;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.header::<H>(required);
    }

    fn write(self, response: &mut Response, _: &'static Variant) {
        response.headers_mut().insert(H::NAME, self.value());
    }
}

/// A part that some answers of the variant have and others do not.
impl<P: Part> Part for Option<P> {
    const IS_BODY: bool = P::IS_BODY;

    fn describe(
        answer: &mut Answer,
        schemas: &mut Schemas,
        variant: &'static Variant,
        _required: bool,
    ) {
        P::describe(answer, schemas, variant, false);
    }

    fn write(self, response: &mut Response, variant: &'static Variant) {
        if let Some(part) = self {
            part.write(response, variant);
        }
    }
}

/// The media type of [`Json`] bodies.
pub(crate) const APPLICATION_JSON: &str = "application/json";

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema> Part for Json<T> {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, schemas: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body(APPLICATION_JSON, schemas.of::<T>(), required);
    }

    /// # Panics
    /// If the value cannot be serialised, as with a map whose keys are no strings. The guard
    /// [`CatchPanic`](crate::guard::CatchPanic) makes that a 500.
    fn write(self, response: &mut Response, _: &'static Variant) {
        let bytes = serde_json::to_vec(&self.0).expect("the type has a JSON form");
        write_body(response, HeaderValue::from_static(APPLICATION_JSON), bytes.into());
    }
}

/// `Cache-Control`: what caches may do with the answer (RFC 9111 §5.2.2). Without it they may guess how
/// long an answer stays true (RFC 9111 §4.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheControl {
    /// It may be kept, and is to be validated before each use.
    NoCache,
    /// It may not be kept.
    NoStore,
}

impl Header for CacheControl {
    const NAME: HeaderName = CACHE_CONTROL;
    const DESCRIPTION: &'static str = "Whether a cache may store the answer: `no-cache` if it validates it before each use, `no-store` if not at all.";

    fn schema() -> Value {
        serde_json::json!({ "type": "string", "enum": ["no-cache", "no-store"] })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::NoCache => "no-cache",
            Self::NoStore => "no-store",
        })
    }
}

/// `X-Content-Type-Options`: every body carries it, so that no browser takes JSON for a page. It belongs to
/// the message as `Content-Type` does, and is not in the document.
pub(crate) const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Gives a response its body, says of what type it is, and that this is not to be guessed
/// (`X-Content-Type-Options`). [`Answer::body`] documents the type.
pub fn write_body(response: &mut Response, media_type: HeaderValue, body: Body) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    *response.body_mut() = body;
}
