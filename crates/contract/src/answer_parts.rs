//! An answer before it is a response.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};

use crate::header::{CacheControl, Header};
use crate::problem::{Fault, PROBLEM_JSON, Problem, ProblemDetails};
use crate::variant::Variant;

/// `X-Content-Type-Options`: every body carries it, so that no browser takes JSON for a page. It belongs to
/// the message as `Content-Type` does, and is not in the document.
pub(crate) const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Header fields for which there is room from the beginning: those of a PUT's answer, and the request's id.
const HEADERS_USUAL: usize = 6;

/// The parts of an answer, of which a [response](Self::into_response) or a line of a stream is made.
#[derive(Debug)]
pub struct AnswerParts {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, or the problem that it is written from.
    pub content: Content,
    /// The cause of a failure of the server, for the operator.
    pub fault: Option<Fault>,
}

/// The content of an answer.
#[derive(Debug)]
pub enum Content {
    /// The answer has no body.
    Empty,
    /// A body.
    Body(Body),
    /// A problem that is not written yet.
    Problem(ProblemDetails),
}

impl AnswerParts {
    /// Starts an answer that the fields of its variant are written into.
    #[must_use]
    pub fn new(variant: &'static Variant) -> Self {
        Self {
            status: variant.status_code(),
            headers: HeaderMap::with_capacity(HEADERS_USUAL),
            content: Content::Empty,
            fault: None,
        }
    }

    /// Gives the answer its body, says of what type it is, and that this is not to be guessed
    /// (`X-Content-Type-Options`). [`Answer::body`](crate::Answer::body) documents the type.
    pub fn set_body(&mut self, media_type: HeaderValue, body: impl Into<Body>) {
        self.set_content(media_type, Content::Body(body.into()));
    }

    pub(crate) fn set_problem(&mut self, problem: Problem, variant: &'static Variant) {
        let (details, fault) = problem.into_details(variant);
        self.set_content(HeaderValue::from_static(PROBLEM_JSON), Content::Problem(details));
        // An error may be over at any time: a cache that guessed would keep a 404.
        self.headers.entry(CACHE_CONTROL).or_insert_with(|| CacheControl::NoCache.value());
        self.fault = fault;
    }

    fn set_content(&mut self, media_type: HeaderValue, content: Content) {
        self.headers.insert(CONTENT_TYPE, media_type);
        self.headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
        self.content = content;
    }

    /// Makes the response. It carries the fault as an extension, for the edge to log.
    #[must_use]
    pub fn into_response(self) -> Response {
        let body = match self.content {
            Content::Empty => Body::empty(),
            Content::Body(body) => body,
            Content::Problem(details) => details.to_bytes().into(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(fault) = self.fault {
            response.extensions_mut().insert(fault);
        }
        response
    }
}
