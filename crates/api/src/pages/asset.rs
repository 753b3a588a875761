//! A page, or a file that a page loads.

use std::borrow::Cow;

use bytes::Bytes;
use contract::{Answer, AnswerParts, Part, Problem, Responses, Schemas, Variant};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY};
use serde_json::json;

/// What the browser may do on a page: load from this server only, and talk to it only. The styles
/// and the worker are made by the pages' own scripts.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The answer of a page.
#[derive(Debug, Responses)]
pub(crate) enum GetAsset {
    /// The page, or a file that it loads.
    #[answer(200)]
    Asset(Asset),
}

/// The answer if a page has no such file.
#[derive(Debug, Responses)]
pub(crate) enum NoAsset {
    /// There is nothing at this path. `/openapi.json` lists the paths there are.
    #[answer(404)]
    NoSuchPath(Problem),
}

impl NoAsset {
    pub(crate) fn new() -> Self {
        Self::NoSuchPath(Problem::default())
    }
}

/// A file.
#[derive(Debug)]
pub(crate) struct Asset {
    media_type: Cow<'static, str>,
    bytes: Bytes,
    gzip: bool,
}

impl Asset {
    pub(crate) fn html(bytes: impl Into<Bytes>) -> GetAsset {
        GetAsset::Asset(Self::page(bytes))
    }

    pub(crate) fn page(bytes: impl Into<Bytes>) -> Self {
        Self { media_type: "text/html; charset=utf-8".into(), bytes: bytes.into(), gzip: false }
    }

    pub(crate) fn file(
        media_type: impl Into<Cow<'static, str>>,
        bytes: impl Into<Bytes>,
    ) -> GetAsset {
        GetAsset::Asset(Self { media_type: media_type.into(), bytes: bytes.into(), gzip: false })
    }

    /// A script that is kept compressed. Every browser that can run it can inflate it.
    pub(crate) fn gzipped_script(bytes: &'static [u8]) -> GetAsset {
        let bytes = Bytes::from_static(bytes);
        GetAsset::Asset(Self {
            media_type: "text/javascript; charset=utf-8".into(),
            bytes,
            gzip: true,
        })
    }
}

impl Part for Asset {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body("*/*", json!({}), required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        let media_type = HeaderValue::from_str(&self.media_type).expect("media types are ASCII");
        parts.set_body(media_type, self.bytes);
        let headers = &mut parts.headers;
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        // The next version of the binary has other files under the same names.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
}
