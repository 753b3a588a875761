//! How clients are told that their connection ends.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::Response;
use http::header::{CONNECTION, HeaderValue};
use pin_project_lite::pin_project;
use tower::Service;

/// Whether a worker is about to end; shared by its connections.
#[derive(Clone, Debug, Default)]
pub struct Leaving(Rc<Cell<bool>>);

impl Leaving {
    /// Says that it is.
    pub(crate) fn begin(&self) {
        self.0.set(true);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.get()
    }
}

/// A service whose answers carry `Connection: close` once the worker [is leaving](Leaving).
///
/// A connection that is simply closed may have a request on its way, which then fails without
/// anybody's fault. One that is closed by an answer has none: the client knows (RFC 9112 §9.6). On
/// HTTP/2, which has GOAWAY for this, hyper takes the field away again.
#[derive(Clone, Debug)]
pub struct Farewell<S> {
    service: S,
    leaving: Leaving,
}

impl<S> Farewell<S> {
    /// Wraps the service of a worker.
    pub fn new(service: S, leaving: Leaving) -> Self {
        Self { service, leaving }
    }
}

impl<S, R, B> Service<R> for Farewell<S>
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
        Answering { answer: self.service.call(request), leaving: self.leaving.clone() }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub struct Answering<F> {
        #[pin]
        answer: F,
        leaving: Leaving,
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
        if this.leaving.has_begun() {
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
    async fn only_a_leaving_worker_says_farewell() {
        let leaving = Leaving::default();
        let service = service_fn(async |()| Ok::<_, Infallible>(Response::new(())));
        let service = Farewell::new(service, leaving.clone());
        let connection = async || {
            let answer = service.clone().oneshot(()).await.unwrap();
            answer.headers().get(CONNECTION).cloned()
        };
        assert_eq!(connection().await, None);
        leaving.begin();
        assert_eq!(connection().await.unwrap(), "close");
    }
}
