//! Lets pages of other origins use the service.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use futures_util::future::Either;
use http::StatusCode;
use http::header::ORIGIN;
use pin_project_lite::pin_project;
use serve::cors::{Cors, CorsFields};
use tower::Service;

use super::check::{AnswerOr, answer};
use crate::exchange::Exchange;
use crate::reply::{Reply, ReplyBody};

/// Answers preflights, and says in every other answer which pages may read it. Without [`Cors`] replicas
/// do both, as far as requests reach them.
#[derive(Clone, Debug)]
pub(crate) struct CrossOrigin<S> {
    inner: S,
    cors: Option<Cors>,
}

impl<S> CrossOrigin<S> {
    pub(crate) fn new(inner: S, cors: Option<Cors>) -> Self {
        Self { inner, cors }
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for CrossOrigin<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = AnswerOr<CrossOriginFuture<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        let mut fields = None;
        if let Some(cors) = &self.cors {
            let head = &mut exchange.head;
            if let Some(fields) = cors.preflight(&head.method, &head.headers) {
                let mut reply = Reply::new(ReplyBody::Own(Body::empty()));
                *reply.status_mut() = StatusCode::NO_CONTENT;
                *reply.headers_mut() = fields;
                return answer(reply);
            }
            fields = Some(cors.fields(&head.headers));
            // The gateway answers for them.
            head.headers.remove(ORIGIN);
        }
        Either::Right(CrossOriginFuture { inner: self.inner.call(exchange), fields })
    }
}

pin_project! {
    /// An answer to which fields are added.
    #[derive(Debug)]
    pub(crate) struct CrossOriginFuture<F> {
        #[pin]
        inner: F,
        fields: Option<CorsFields>,
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for CrossOriginFuture<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut reply = ready!(this.inner.poll(context))?;
        if let Some(fields) = this.fields.take() {
            fields.write(reply.headers_mut());
        }
        Poll::Ready(Ok(reply))
    }
}
