//! Answers to HEAD over HTTP/2.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use hyper::service::Service;
use pin_project_lite::pin_project;

/// A service whose answers to HEAD end with their head (RFC 9110 §9.3.2).
///
/// hyper leaves a body out of such an answer over HTTP/1.1, and sends it over HTTP/2. There it is a
/// breach of the protocol: clients end the connection, with all the streams on it.
#[derive(Clone, Debug)]
pub(crate) struct HeadAnswer<S>(pub(crate) S);

impl<S, R, B> Service<Request<R>> for HeadAnswer<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<MaybeBody<B>>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<R>) -> Self::Future {
        let is_head = request.method() == Method::HEAD;
        Answering { answer: self.0.call(request), is_head }
    }
}

pin_project! {
    /// An answer that is being made.
    #[derive(Debug)]
    pub(crate) struct Answering<F> {
        #[pin]
        answer: F,
        is_head: bool,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<MaybeBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut head, body) = ready!(this.answer.poll(context))?.into_parts();
        // A body that has ended is left as it is: its owner may wait for its end.
        let is_left_out = *this.is_head && !body.is_end_stream();
        if is_left_out && let Some(length) = body.size_hint().exact() {
            head.headers.entry(CONTENT_LENGTH).or_insert_with(|| length.into());
        }
        let body = MaybeBody { body: (!is_left_out).then_some(body) };
        Poll::Ready(Ok(Response::from_parts(head, body)))
    }
}

pin_project! {
    /// A body, or none.
    #[derive(Debug)]
    pub(crate) struct MaybeBody<B> {
        #[pin]
        body: Option<B>,
    }
}

impl<B: Body> Body for MaybeBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().body.as_pin_mut() {
            Some(body) => body.poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
