//! Refuses at once what could not be answered in time.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use super::gate::Gate;
use crate::answers::{overloaded, reply};
use crate::body::Reply;
use crate::exchange::Exchange;
use crate::overload::Overload;

/// Refuses requests while as many are under way as the [`Overload`] has found to be answered in good
/// time. One that is let pass takes its place when its body is there: who sends slowly keeps nobody
/// out.
#[derive(Clone, Debug)]
pub(super) struct Shed<S> {
    inner: S,
    overload: Arc<Overload>,
}

impl<S> Shed<S> {
    pub(super) fn new(inner: S, overload: Arc<Overload>) -> Self {
        Self { inner, overload }
    }
}

impl<S: Service<Box<Exchange>, Response = Reply, Error = Infallible>> Service<Box<Exchange>>
    for Shed<S>
{
    type Response = Reply;
    type Error = Infallible;
    type Future = Gate<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        if self.overload.has_room() {
            Gate::Passed { inner: self.inner.call(exchange) }
        } else {
            Gate::refused(reply(overloaded()))
        }
    }
}
