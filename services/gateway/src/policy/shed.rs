//! Refuses at once what could not be answered in time.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use contract::Problem;
use contract::guard::RetryAfter;
use pin_project_lite::pin_project;
use tower::Service;

use crate::answers::{Excess, reply};
use crate::body::Reply;
use crate::clock;
use crate::exchange::Exchange;
use crate::overload::Overload;

/// Lets in as many requests at a time as the [`Overload`] has found to be answered in good time.
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
    type Future = Entered<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, exchange: Box<Exchange>) -> Self::Future {
        if self.overload.enter() {
            let (overload, started) = (Arc::clone(&self.overload), exchange.started);
            let place = Place { overload, started, answered: false };
            Entered { inner: Some(self.inner.call(exchange)), place: Some(place) }
        } else {
            Entered { inner: None, place: None }
        }
    }
}

/// A place among the requests that are under way. Whoever hangs up leaves it, too.
#[derive(Debug)]
struct Place {
    overload: Arc<Overload>,
    started: Instant,
    answered: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.overload.leave(self.answered.then(|| self.started.elapsed()), clock::now());
    }
}

pin_project! {
    /// A request that was let in, or was not.
    #[derive(Debug)]
    pub(super) struct Entered<F> {
        #[pin]
        inner: Option<F>,
        place: Option<Place>,
    }
}

impl<F: Future<Output = Result<Reply, Infallible>>> Future for Entered<F> {
    type Output = Result<Reply, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else {
            let excess = Excess::GatewayOverloaded(Problem::default(), RetryAfter(1));
            return Poll::Ready(Ok(reply(excess)));
        };
        let answer = ready!(inner.poll(context));
        if let Some(mut place) = this.place.take() {
            place.answered = true;
        }
        Poll::Ready(answer)
    }
}
