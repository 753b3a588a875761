//! The tower service around the service.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, to_bytes};
use axum::response::Response;
use futures_util::FutureExt as _;
use http::header::{ACCESS_CONTROL_ALLOW_METHODS, CONTENT_ENCODING};
use http::{HeaderMap, Method, Request, Uri};
use tower::Service;

use super::lines::{CheckedLines, LineAnswer, LineCheck};
use super::plan::{Plan, PlannedOperation};
use super::report::{Report, Violation};
use crate::about::ServedDocument;
use crate::coding::{Coding, decode};

/// Most violations that are kept: the first ones say enough.
const VIOLATIONS_MAX: usize = 100;

/// What was seen so far. Cheap to clone.
#[derive(Clone)]
pub struct Recording(Arc<Inner>);

struct Inner {
    /// Returns the document as it is now.
    document: Box<dyn Fn() -> Option<ServedDocument> + Send + Sync>,
    /// The plan of the document as it was last.
    plan: Mutex<Option<Arc<Plan>>>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    returned: BTreeMap<String, BTreeMap<u16, u64>>,
    undocumented: Vec<Violation>,
}

/// What the document promised when a request came.
pub struct Promises(Option<Arc<Plan>>);

/// A service whose answers are recorded.
#[derive(Clone, Debug)]
pub struct Recorder<S> {
    inner: S,
    recording: Recording,
}

impl<S> Recorder<S> {
    /// Records the answers of `inner`. Several recorders can share a recording.
    #[must_use]
    pub fn new(inner: S, recording: Recording) -> Self {
        Self { inner, recording }
    }
}

impl Recording {
    /// Starts a recording that is judged by what `document` returns: the document as it is served at the
    /// moment, if there is one. An answer that it does not promise is logged when it happens.
    #[must_use]
    pub fn new(document: impl Fn() -> Option<ServedDocument> + Send + Sync + 'static) -> Self {
        let document = Box::new(document);
        Self(Arc::new(Inner { document, plan: Mutex::default(), seen: Mutex::default() }))
    }

    /// Returns what the document promises now.
    ///
    /// # Panics
    /// If it is no OpenAPI document of this crate's making.
    #[must_use]
    pub fn promises(&self) -> Promises {
        let Some(document) = (self.0.document)() else { return Promises(None) };
        let mut plan = self.0.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if plan.as_ref().is_none_or(|plan| !plan.is_of(&document)) {
            *plan = Some(Arc::new(Plan::of(document)));
        }
        Promises(plan.clone())
    }

    /// Returns both lists as they are now.
    #[must_use]
    pub fn report(&self) -> Report {
        let Promises(plan) = self.promises();
        let seen = self.seen();
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
            never_returned: plan
                .iter()
                .flat_map(|plan| plan.operations())
                .flat_map(never)
                .collect(),
            returned: seen.returned.clone(),
        }
    }

    /// Records one answer: what was promised when the request came is to be kept, or what is promised now.
    /// Of an answer in lines it is the head; [`line_check`](Self::line_check) sees the lines.
    pub fn record(
        &self,
        promises: &Promises,
        method: &Method,
        uri: &Uri,
        response: &http::response::Parts,
        body: &[u8],
    ) {
        if response.headers.contains_key(ACCESS_CONTROL_ALLOW_METHODS) {
            // A preflight is about an operation, and is none.
            return;
        }
        let body = &*decoded(&response.headers, body);
        let (mut operation, mut faults) = promises.judge(method, uri, response, body);
        if !faults.is_empty() {
            let later = self.promises().judge(method, uri, response, body);
            if later.1.is_empty() {
                (operation, faults) = later;
            }
        }
        let status = response.status.as_u16();
        if let Some(operation) = operation {
            let mut seen = self.seen();
            *seen.returned.entry(operation).or_default().entry(status).or_default() += 1;
        }
        self.blame(method, uri.path(), status, faults);
    }

    /// Returns what checks the lines of an answer as they pass, if it is promised in lines.
    #[must_use]
    pub fn line_check(
        &self,
        promises: &Promises,
        method: &Method,
        uri: &Uri,
        response: &http::response::Parts,
    ) -> Option<LineCheck> {
        let plan = promises.0.as_ref().filter(|_| *method != Method::HEAD)?;
        let operation = plan.operation(plan.path(uri.path())?, method)?;
        let status = response.status.as_u16();
        let schema = plan.line_schema(operation.answers.get(&status)?)?;
        let answer = LineAnswer { method: method.clone(), path: uri.path().to_owned(), status };
        Some(LineCheck::new(self.clone(), schema, answer))
    }

    /// Notes what was not promised.
    pub(super) fn blame(
        &self,
        method: &Method,
        path: &str,
        status: u16,
        faults: impl IntoIterator<Item = String>,
    ) {
        let violations = faults.into_iter().map(|fault| Violation {
            method: method.to_string(),
            path: path.to_owned(),
            status,
            fault,
        });
        let violations: Vec<_> = violations.inspect(Violation::log).collect();
        let mut seen = self.seen();
        let room = VIOLATIONS_MAX.saturating_sub(seen.undocumented.len());
        seen.undocumented.extend(violations.into_iter().take(room));
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Promises {
    /// Tells whether the document, or a page for people, has the path of a request.
    #[must_use]
    pub fn has_path(&self, path: &str) -> bool {
        self.0.as_ref().is_some_and(|plan| plan.path(path).is_some())
    }

    /// Returns the id of the operation, if it is one, and everything about the answer that is not
    /// promised.
    fn judge(
        &self,
        method: &Method,
        uri: &Uri,
        response: &http::response::Parts,
        body: &[u8],
    ) -> (Option<String>, Vec<String>) {
        let status = response.status.as_u16();
        let fault = |fault: &str| vec![fault.to_owned()];
        let path = self.0.as_ref().and_then(|plan| plan.path(uri.path()));
        let operation = self.0.as_ref().zip(path);
        let operation =
            operation.and_then(|(plan, path)| Some((plan, plan.operation(path, method)?)));
        let answer = operation.map(|(plan, operation)| (plan, operation.answers.get(&status)));
        let faults = match answer {
            Some((plan, Some(answer))) => plan.judge(answer, method, &response.headers, body),
            Some((_, None)) => fault("the status is undocumented"),
            // Outside of all operations there are refusals, `OPTIONS *`, and the pages for people.
            None if matches!(status, 400 | 404 | 405 | 408 | 414 | 431 | 503) || path.is_some() => {
                Vec::new()
            }
            None if uri.path() == "*" && status == 204 => Vec::new(),
            None => fault("the path is undocumented"),
        };
        (operation.map(|(_, operation)| operation.id.clone()), faults)
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}

impl fmt::Debug for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promises").finish_non_exhaustive()
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
        let promises = recording.promises();
        let answering = self.inner.call(request);
        Box::pin(async move {
            let (head, body) = answering.await?.into_parts();
            if let Some(check) = recording.line_check(&promises, &method, &uri, &head) {
                recording.record(&promises, &method, &uri, &head, b"");
                return Ok(Response::from_parts(head, Body::new(CheckedLines::new(body, check))));
            }
            // Answers are made in memory here: reading one cannot fail.
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            recording.record(&promises, &method, &uri, &head, &body);
            Ok(Response::from_parts(head, body.into()))
        })
    }
}
