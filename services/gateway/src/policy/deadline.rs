//! Says when a request has to be answered.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::Service;

use crate::body::Reply;
use crate::exchange::Exchange;

/// Sets the deadline that all attempts of a request share, from its arrival. Attempts bound
/// themselves by it, so there is no timer of its own for it.
#[derive(Clone, Debug)]
pub(super) struct Deadline<S> {
    inner: S,
    time_max: Duration,
}

impl<S> Deadline<S> {
    pub(super) fn new(inner: S, time_max: Duration) -> Self {
        Self { inner, time_max }
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Deadline<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut exchange: Box<Exchange>) -> Self::Future {
        exchange.deadline = exchange.started + self.time_max;
        self.inner.call(exchange)
    }
}
