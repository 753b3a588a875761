//! The live page of replicas.

use contract::{Answer, AnswerParts, Part, Responses, Schemas, Variant};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use serde_json::json;

/// The page loads its script and its data from here, and nothing from anywhere else.
const POLICY: &str = "default-src 'self'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Debug, Responses)]
pub(super) enum GetFile {
    /// The page, or its script.
    #[answer(200)]
    File(File),
}

/// A file of the page.
#[derive(Debug)]
pub(super) struct File {
    media_type: &'static str,
    text: &'static str,
}

impl Part for File {
    const IS_BODY: bool = true;

    fn describe(answer: &mut Answer, _: &mut Schemas, _: &'static Variant, required: bool) {
        answer.body("*/*", json!({}), required);
    }

    fn write(self, parts: &mut AnswerParts, _: &'static Variant) {
        parts.set_body(HeaderValue::from_static(self.media_type), self.text);
        let headers = &mut parts.headers;
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

/// Returns the page.
pub(super) async fn get_page() -> GetFile {
    let text = include_str!("page.html");
    GetFile::File(File { media_type: "text/html; charset=utf-8", text })
}

/// Returns its script.
pub(super) async fn get_script() -> GetFile {
    let text = include_str!("page.js");
    GetFile::File(File { media_type: "text/javascript; charset=utf-8", text })
}
