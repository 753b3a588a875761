//! The tower service around the service.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use futures_util::FutureExt as _;
use http::header::{ACCESS_CONTROL_ALLOW_METHODS, CONTENT_ENCODING};
use http::{HeaderMap, Method, Request, Uri};
use serde_json::Value;
use tower::Service;

use super::plan::{Plan, PlannedOperation};
use super::report::{Report, Violation};
use crate::coding::{Coding, decode};
use crate::dispatch::Dispatch;
use crate::document::Document;

/// Most violations that are kept: the first ones say enough.
const VIOLATIONS_MAX: usize = 100;

/// What was seen so far. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Plan,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    returned: BTreeMap<String, BTreeMap<u16, u64>>,
    undocumented: Vec<Violation>,
}

/// A service whose answers are recorded.
#[derive(Clone, Debug)]
pub struct Recorder<S> {
    inner: S,
    dispatch: Dispatch,
    recording: Recording,
}

impl<S> Recorder<S> {
    /// Records the answers of `inner`: `dispatch`, and the services in front of it. Several
    /// recorders can share a recording.
    #[must_use]
    pub fn new(inner: S, dispatch: Dispatch, recording: Recording) -> Self {
        Self { inner, dispatch, recording }
    }
}

impl Recording {
    /// Starts a recording that is judged by `document`. An answer that the document does not
    /// promise is logged when it happens.
    #[must_use]
    pub fn new(document: &Document) -> Self {
        Self::of(document.value())
    }

    /// Starts a recording that is judged by a document that was read as JSON, such as one that
    /// several services' documents were merged into.
    ///
    /// # Panics
    /// If it is no OpenAPI document of this crate's making.
    #[must_use]
    pub fn of(document: &Value) -> Self {
        let plan = Plan::of(document);
        Self(Arc::new(Inner { plan, seen: Mutex::default() }))
    }

    /// Returns both lists as they are now.
    #[must_use]
    pub fn report(&self) -> Report {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let never = |operation: &PlannedOperation| {
            let returned = seen.returned.get(&operation.id);
            let missing = operation
                .answers
                .keys()
                .filter(move |status| !returned.is_some_and(|r| r.contains_key(*status)));
            missing.map(|status| (operation.id.clone(), *status)).collect::<Vec<_>>()
        };
        Report {
            undocumented: seen.undocumented.clone(),
            never_returned: self.0.plan.operations().flat_map(never).collect(),
            returned: seen.returned.clone(),
        }
    }

    /// Records one answer. `template` is the path of the document that the request's path matches,
    /// or that of a page which the document does not list.
    pub fn record(
        &self,
        method: &Method,
        uri: &Uri,
        template: Option<&str>,
        response: &http::response::Parts,
        body: &[u8],
    ) {
        if response.headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS) {
            // A preflight is about an operation, and is none.
            return;
        }
        let status = response.status.as_u16();
        let body = &*decoded(&response.headers, body);
        let operation =
            template.and_then(|template| self.0.plan.operation(template, method.as_str()));
        let faults = match operation.map(|operation| operation.answers.get(&status)) {
            Some(Some(answer)) => answer.judge(method, &response.headers, body),
            Some(None) => vec!["the status is undocumented".to_owned()],
            // Outside of all operations there are refusals, `OPTIONS *`, and the pages for people.
            None if matches!(status, 400 | 404 | 405 | 408 | 414 | 431 | 503)
                || template.is_some() =>
            {
                Vec::new()
            }
            None if uri.path() == "*" && status == 204 => Vec::new(),
            None => vec!["the path is undocumented".to_owned()],
        };
        let violations = faults.into_iter().map(|fault| Violation {
            method: method.to_string(),
            path: uri.path().to_owned(),
            status,
            fault,
        });
        let violations: Vec<_> = violations.inspect(Violation::log).collect();

        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(operation) = operation {
            *seen.returned.entry(operation.id.clone()).or_default().entry(status).or_default() += 1;
        }
        let room = VIOLATIONS_MAX.saturating_sub(seen.undocumented.len());
        seen.undocumented.extend(violations.into_iter().take(room));
    }
}

/// Returns a body as its client understands it.
fn decoded(headers: &HeaderMap, body: &[u8]) -> Bytes {
    let body = Bytes::copy_from_slice(body);
    let coding = headers.get(CONTENT_ENCODING).and_then(|name| Coding::named(name.as_bytes()));
    // An answer to HEAD has no body.
    let Some(coding) = coding.filter(|_| !body.is_empty()) else { return body };
    let decoded = to_bytes(decode(body.clone().into(), coding), usize::MAX).now_or_never();
    decoded.and_then(Result::ok).unwrap_or(body)
}

impl<S> Service<Request<Body>> for Recorder<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let recording = self.recording.clone();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let template = self.dispatch.template(uri.path()).map(str::to_owned);
        let answering = self.inner.call(request);
        Box::pin(async move {
            let (head, body) = answering.await?.into_parts();
            // Answers are made in memory here: reading one cannot fail.
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            recording.record(&method, &uri, template.as_deref(), &head, &body);
            Ok(Response::from_parts(head, body.into()))
        })
    }
}
