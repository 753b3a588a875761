//! Ends connections by an answer while a worker drains.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http::header::{CONNECTION, HeaderValue};
use pin_project_lite::pin_project;
use tower::Service;

use crate::draining::WorkerDraining;

/// A service whose answers carry `Connection: close` once the worker [is draining](WorkerDraining).
///
/// When a server closes a connection by itself, a request may be on its way, and is lost. After an answer that
/// ends the connection the client sends none (RFC 9112 §9.6). On
/// HTTP/2, which has GOAWAY for this, hyper takes the field away again.
#[derive(Clone, Debug)]
pub struct CloseOnDrain<S> {
    service: S,
    draining: WorkerDraining,
}

impl<S> CloseOnDrain<S> {
    /// Wraps the service of a worker.
    pub fn new(service: S, draining: WorkerDraining) -> Self {
        Self { service, draining }
    }
}

impl<S, R, B> Service<R> for CloseOnDrain<S>
where
    S: Service<R, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        Answering { answer: self.service.call(request), draining: self.draining.clone() }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub struct Answering<F> {
        #[pin]
        answer: F,
        draining: WorkerDraining,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut answer = ready!(this.answer.poll(context))?;
        if this.draining.has_begun() {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Poll::Ready(Ok(answer))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn only_a_draining_worker_ends_connections() {
        let draining = WorkerDraining::default();
        let service = service_fn(async |()| Ok::<_, Infallible>(Response::new(())));
        let service = CloseOnDrain::new(service, draining.clone());
        let connection = async || {
            let answer = service.clone().oneshot(()).await.unwrap();
            answer.headers().get(CONNECTION).cloned()
        };
        assert_eq!(connection().await, None);
        draining.begin();
        assert_eq!(connection().await.unwrap(), "close");
    }
}
