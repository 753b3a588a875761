//! The rules as a tower service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use tower::Service;

use super::{Cors, CorsFields};

/// A service whose answers pages of other origins may read, as far as the [`Cors`] say; without them it is
/// the service alone.
#[derive(Clone, Debug)]
pub struct WithCors<S> {
    inner: S,
    cors: Option<Cors>,
}

impl<S> WithCors<S> {
    /// Applies the rules to a service.
    pub fn new(inner: S, cors: Option<Cors>) -> Self {
        Self { inner, cors }
    }
}

impl<S, B, R> Service<Request<B>> for WithCors<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Unpin,
    R: Default + Unpin,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answering<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(cors) = &self.cors else {
            return Answering(Kind::Inner { inner: self.inner.call(request), fields: None });
        };
        if let Some(fields) = cors.preflight(request.method(), request.headers()) {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            *response.headers_mut() = fields;
            return Answering(Kind::Preflight(Some(response)));
        }
        let fields = cors.fields(request.headers());
        Answering(Kind::Inner { inner: self.inner.call(request), fields: Some(fields) })
    }
}

/// An answer on its way.
#[derive(Debug)]
pub struct Answering<F, R>(Kind<F, R>);

#[derive(Debug)]
enum Kind<F, R> {
    Inner {
        inner: F,
        fields: Option<CorsFields>,
    },
    /// It is taken once.
    Preflight(Option<Response<R>>),
}

impl<F, R, E> Future for Answering<F, R>
where
    F: Future<Output = Result<Response<R>, E>> + Unpin,
    R: Unpin,
{
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Inner { inner, fields } => {
                let mut response = ready!(Pin::new(inner).poll(context))?;
                if let Some(fields) = fields.take() {
                    fields.write(response.headers_mut());
                }
                Poll::Ready(Ok(response))
            }
            Kind::Preflight(response) => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after its end")))
            }
        }
    }
}
