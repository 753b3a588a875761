//! Checks every answer against the document, for tests and rehearsals.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use contract::about::PAGES;
use contract::recorder::{Recording, Report};
use http_body_util::BodyExt;
use matchit::Router;
use serde_json::Value;
use tower::Service;

use super::Documents;
use crate::exchange::Exchange;
use crate::reply::{Reply, ReplyBody};

/// What was answered so far, judged by the document as it was at the start.
#[derive(Clone)]
pub(crate) struct AnswerRecord(Arc<Inner>);

struct Inner {
    recording: Recording,
    templates: Router<String>,
}

impl AnswerRecord {
    /// Starts a record.
    ///
    /// # Panics
    /// If there is no document yet.
    pub(crate) fn new(documents: &Documents) -> Self {
        let served = documents.served.load_full().expect("the first document was waited for");
        let document: Value =
            serde_json::from_slice(served.text()).expect("it was written as JSON");
        let mut templates = Router::new();
        let paths = document["paths"].as_object().into_iter().flat_map(|paths| paths.keys());
        for template in paths.map(String::as_str).chain(PAGES) {
            // One that another one hides is matched by that.
            let _ = templates.insert(template, template.to_owned());
        }
        Self(Arc::new(Inner { recording: Recording::of(&document), templates }))
    }

    /// Returns what was found.
    pub(crate) fn report(&self) -> Report {
        self.0.recording.report()
    }
}

/// Records the answers of a service. It holds every body in memory.
#[derive(Clone)]
pub(crate) struct CheckContract<S> {
    inner: S,
    record: AnswerRecord,
}

impl<S> CheckContract<S> {
    pub(crate) fn new(inner: S, record: AnswerRecord) -> Self {
        Self { inner, record }
    }
}

impl<S> Service<Box<Exchange>> for CheckContract<S>
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible>,
    S::Future: 'static,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, Infallible>>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        // What was refused before it was parsed belongs to no operation.
        let is_parsed = exchange.fault.is_none();
        let (method, uri) = (exchange.head.method.clone(), exchange.head.uri.clone());
        let record = self.record.clone();
        let answering = self.inner.call(exchange);
        Box::pin(async move {
            let (head, body) = answering.await?.into_parts();
            let Ok(body) = body.collect().await else {
                // Cut in the middle: there is no answer to judge. The client sees a cut, too.
                return Ok(Reply::from_parts(head, ReplyBody::Own(cut())));
            };
            let body = body.to_bytes();
            if is_parsed {
                let Inner { recording, templates } = &*record.0;
                let template = templates.at(uri.path()).ok().map(|found| found.value.as_str());
                recording.record(&method, &uri, template, &head, &body);
            }
            Ok(Reply::from_parts(head, ReplyBody::Own(Body::from(body))))
        })
    }
}

/// A body that breaks off.
fn cut() -> Body {
    let error = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let stream = futures_util::stream::once(async { Err::<bytes::Bytes, _>(error) });
    Body::from_stream(stream)
}
