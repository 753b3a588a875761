//! Header fields of answers.

use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

/// A header field that answers carry. Every `Header` is a [`Part`](crate::Part).
pub trait Header: Sized {
    /// The field's name.
    const NAME: HeaderName;
    /// What the field says, for the document.
    const DESCRIPTION: &'static str;

    /// Returns the schema of the field's value.
    fn schema() -> Value {
        json!({ "type": "string" })
    }

    /// Returns the value to send.
    fn value(self) -> HeaderValue;
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
        json!({ "type": "string", "enum": ["no-cache", "no-store"] })
    }

    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::NoCache => "no-cache",
            Self::NoStore => "no-store",
        })
    }
}

/// `Retry-After`: the number of seconds to wait (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug)]
pub struct RetryAfter(pub u16);

impl Header for RetryAfter {
    const NAME: HeaderName = RETRY_AFTER;
    const DESCRIPTION: &'static str = "Seconds to wait before the request is repeated.";

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }

    fn value(self) -> HeaderValue {
        self.0.into()
    }
}
