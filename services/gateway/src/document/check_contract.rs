//! Checks every answer against the document, for tests and rehearsals.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use contract::lines::MEDIA_TYPES;
use contract::recorder::{Recording, Report};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use tower::Service;

use super::Documents;
use crate::exchange::Exchange;
use crate::reply::{Reply, ReplyBody};

/// What was answered so far, judged by the document as it is at the moment.
#[derive(Clone, Debug)]
pub(crate) struct AnswerRecord {
    recording: Recording,
    documents: Arc<Documents>,
}

impl AnswerRecord {
    /// Starts a record.
    pub(crate) fn new(documents: &Arc<Documents>) -> Self {
        let served = Arc::clone(documents);
        let recording = Recording::new(move || served.served.load().as_deref().cloned());
        Self { recording, documents: Arc::clone(documents) }
    }

    /// Returns what was found.
    pub(crate) fn report(&self) -> Report {
        self.recording.report()
    }
}

/// Records the answers of a service. It holds every body in memory, but for lines, which it checks as they
/// pass.
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
        let promises = record.recording.promises();
        let answering = self.inner.call(exchange);
        Box::pin(async move {
            let (head, mut body) = answering.await?.into_parts();
            if let ReplyBody::Stream(answer) = &mut body
                && is_lines(&head.headers)
            {
                let check = record.recording.line_check(&promises, &method, &uri, &head);
                if check.is_some() || promises.has_path(uri.path()) {
                    record.recording.record(&promises, &method, &uri, &head, b"");
                }
                if let Some(check) = check {
                    answer.check_lines(check);
                }
                return Ok(Reply::from_parts(head, body));
            }
            let Ok(body) = body.collect().await else {
                // Cut in the middle: there is no answer to judge. The client sees a cut, too.
                return Ok(Reply::from_parts(head, ReplyBody::Own(cut())));
            };
            let body = body.to_bytes();
            if is_parsed {
                if head.status.is_success() && !promises.has_path(uri.path()) {
                    // A collection that was declared a moment ago.
                    record.documents.refreshed().await;
                }
                record.recording.record(&promises, &method, &uri, &head, &body);
            }
            Ok(Reply::from_parts(head, ReplyBody::Own(Body::from(body))))
        })
    }
}

/// Tells whether an answer has lines, which are not to be held back.
fn is_lines(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|media_type| MEDIA_TYPES.contains(&media_type))
}

/// A body that breaks off.
fn cut() -> Body {
    let error = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let stream = futures_util::stream::once(async { Err::<bytes::Bytes, _>(error) });
    Body::from_stream(stream)
}
