//! Problem details: the one error body (RFC 9457).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::names::pascal_case;
use crate::variant::Variant;

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What every problem's `type` starts with: the page that explains the problems, and a fragment.
pub const TYPE_PREFIX: &str = "/problems#";

/// The body of an error. `type`, `title` and `status` come from the variant that holds it.
///
/// Caches are told to validate it before each use (`Cache-Control: no-cache`), unless the variant holds
/// a [`CacheControl`](crate::CacheControl) that says otherwise.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    detail: Cow<'static, str>,
    places: Vec<Place>,
    fault: Option<Fault>,
}

/// A place in the request that is wrong, and why. Exactly one of the three names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(description = "A place in the request, and what is wrong there.")]
pub struct Place {
    /// A JSON Pointer (RFC 6901) into the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub pointer: Option<String>,
    /// The name of a path or query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub parameter: Option<String>,
    /// The name of a header field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub header: Option<String>,
    /// What is wrong there.
    pub detail: String,
}

impl Place {
    /// Names a place in the body.
    #[must_use]
    pub fn pointer(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), detail: detail.into(), ..Self::default() }
    }

    /// Names a path or query parameter.
    #[must_use]
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { parameter: Some(name.into()), detail: detail.into(), ..Self::default() }
    }

    /// Names a header field.
    #[must_use]
    pub fn header(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { header: Some(name.into()), detail: detail.into(), ..Self::default() }
    }
}

impl Problem {
    /// Makes a problem whose `detail` tells the client what to do about this occurrence.
    #[must_use]
    pub fn new(detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..Self::default() }
    }

    /// Adds a place in the request to `errors`.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.places.push(place);
        self
    }

    /// Says that the body that the places point into is the part of a larger one at `pointer`.
    #[must_use]
    pub fn within(mut self, pointer: &str) -> Self {
        for place in &mut self.places {
            if let Some(inner) = &mut place.pointer {
                inner.insert_str(0, pointer);
            }
        }
        self
    }

    /// Adds the operator's side of the story. It never reaches the client: the response carries it
    /// as an extension, for the edge to log.
    #[must_use]
    pub fn caused_by(mut self, fault: impl Error + Send + Sync + 'static) -> Self {
        self.fault = Some(Fault(Arc::new(fault)));
        self
    }

    /// Takes the problem and the operator's side of it apart.
    pub(crate) fn into_details(self, variant: &'static Variant) -> (ProblemDetails, Option<Fault>) {
        let Self { detail, places, fault } = self;
        (ProblemDetails { variant, detail, places }, fault)
    }
}

/// Why the server failed: an extension of a response, logged once at the edge and never sent.
#[derive(Clone, Debug)]
pub struct Fault(Arc<dyn Error + Send + Sync>);

impl Fault {
    /// Returns the error; its sources are reached through it.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }
}

/// A problem as the client reads it: serialised, it is the body of an answer, or a member of a line.
#[derive(Clone, Debug)]
pub struct ProblemDetails {
    variant: &'static Variant,
    detail: Cow<'static, str>,
    places: Vec<Place>,
}

impl ProblemDetails {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers only")
    }
}

impl Serialize for ProblemDetails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { variant, detail, places } = self;
        let detail = if detail.is_empty() { variant.description } else { detail };
        members(variant, detail, places).serialize(serializer)
    }
}

/// The members of a problem. Their schema in the document is [`schema`].
#[derive(Serialize)]
struct Members<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Place],
}

/// Returns the name of the schema of the problems with this status.
pub(crate) fn schema_name(status: u16) -> String {
    format!("Problem{status}")
}

/// Returns the schema of the problems with one status. `types` are all there are, so that a client
/// can tell them apart by their `type`; `place` refers to the schema of [`Place`].
pub(crate) fn schema(status: u16, types: &[&'static Variant], place: Value) -> Value {
    let uris = types.iter().map(|variant| format!("{TYPE_PREFIX}{}", variant.slug));
    let names = types.iter().map(|variant| pascal_case(variant.slug));
    json!({
        "description": format!("Why a request was answered {status} (RFC 9457)."),
        "type": "object",
        "properties": {
            "type": {
                "type": "string",
                "enum": uris.collect::<Vec<_>>(),
                // What several generators of clients call the values.
                "x-enum-varnames": names.collect::<Vec<_>>(),
            },
            "title": { "type": "string" },
            "status": { "type": "integer", "const": status },
            "detail": { "description": "What is wrong with this request, and what to do.", "type": "string" },
            "errors": {
                "description": "Every wrong place in the request.",
                "type": "array",
                "items": place,
            },
        },
        "required": ["type", "title", "status", "detail"],
    })
}

/// Returns the schema of the problems that lines of a stream tell of.
pub(crate) fn schema_of_lines<'a>(
    variants: impl IntoIterator<Item = &'a &'static Variant>,
    place: Value,
) -> Value {
    let (mut types, mut statuses) = (BTreeSet::new(), BTreeSet::new());
    for variant in variants {
        types.insert(format!("{TYPE_PREFIX}{}", variant.slug));
        statuses.insert(variant.status);
    }
    json!({
        "description": "Why a line failed, as the write by itself would have been answered (RFC 9457).",
        "type": "object",
        "properties": {
            "type": { "type": "string", "enum": types },
            "title": { "type": "string" },
            "status": { "type": "integer", "enum": statuses },
            "detail": { "description": "What is wrong, and what to do.", "type": "string" },
            "errors": { "description": "Every wrong place in the line.", "type": "array", "items": place },
        },
        "required": ["type", "title", "status", "detail"],
    })
}

fn members<'a>(variant: &'a Variant, detail: &'a str, errors: &'a [Place]) -> Members<'a> {
    let kind = format!("{TYPE_PREFIX}{}", variant.slug);
    Members { kind, title: variant.title, status: variant.status, detail, errors }
}

/// Returns a problem of this variant as the document shows it.
pub(crate) fn example(variant: &'static Variant) -> Value {
    json!(members(variant, variant.description, &[]))
}
