//! Steps that let a request pass or answer it at once.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::Either;
use tower::Service;
use tower::layer::{LayerFn, layer_fn};

use crate::exchange::Exchange;
use crate::reply::Reply;

/// A decision on requests that is made without waiting.
pub(crate) trait Check: Clone {
    /// Returns the answer to a request that goes no further, or `None` for one that does. What the step
    /// finds out is noted in the exchange.
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply>;
}

/// A service with a [`Check`] in front.
#[derive(Clone, Debug)]
pub(crate) struct CheckFirst<S, C> {
    inner: S,
    check: C,
}

/// Returns the layer that puts a check in front of a service.
pub(crate) fn check<S, C: Check>(check: C) -> LayerFn<impl Fn(S) -> CheckFirst<S, C> + Clone> {
    layer_fn(move |inner| CheckFirst { inner, check: check.clone() })
}

/// What a step returns: the answer of its own, or that of the steps behind it.
pub(crate) type AnswerOr<F> = Either<Ready<Result<Reply, Infallible>>, F>;

/// Answers in place of the steps behind this one.
pub(super) fn answer<F>(reply: Reply) -> AnswerOr<F> {
    Either::Left(ready(Ok(reply)))
}

impl<S, C> Service<Box<Exchange>> for CheckFirst<S, C>
where
    S: Service<Box<Exchange>, Response = Reply, Error = Infallible>,
    C: Check,
{
    type Response = Reply;
    type Error = Infallible;
    type Future = AnswerOr<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        match self.check.refuse(&mut exchange) {
            Some(reply) => answer(reply),
            None => Either::Right(self.inner.call(exchange)),
        }
    }
}
