//! Operations without their types.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use http::StatusCode;

use crate::document::Description;
use crate::guard::Guards;
use crate::inbound::Inbound;
use crate::operation::Operation;

/// An answer that is on its way: the one allocation between the socket and the handler.
pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Observes every answer of an operation, for metrics.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// `operation` is the position of its id in the list given to the closure of
    /// [`Api::build`](crate::Api::build); `elapsed` runs from the request's head to the answer's.
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration);
}

/// Observes nothing.
impl Observe for () {
    fn answered(&self, _: usize, _: StatusCode, _: Duration) {}
}

/// Makes the state of an operation.
pub(crate) type MakeState<S> = Arc<dyn Fn(&Description) -> S + Send + Sync>;

/// A mounted operation: makes its endpoint for each worker.
pub(crate) trait Mount: fmt::Debug + Send + Sync {
    fn endpoint(&self, description: &Description, observer: &Arc<dyn Observe>)
    -> Arc<dyn Endpoint>;
}

/// An operation with its guards and the function that makes its state.
pub(crate) struct Mounted<O, A, S, G> {
    pub(crate) operation: O,
    pub(crate) state: MakeState<S>,
    pub(crate) guards: G,
    /// The number by which the observer knows the operation.
    pub(crate) number: Option<usize>,
    pub(crate) arguments: PhantomData<fn(A)>,
}

impl<O, A, S, G> fmt::Debug for Mounted<O, A, S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<O, A, S, G> Mount for Mounted<O, A, S, G>
where
    O: Operation<S, A>,
    A: 'static,
    S: Send + Sync + 'static,
    G: Guards,
{
    fn endpoint(
        &self,
        description: &Description,
        observer: &Arc<dyn Observe>,
    ) -> Arc<dyn Endpoint> {
        Arc::new(OperationEndpoint {
            operation: self.operation.clone(),
            state: (self.state)(description),
            guards: self.guards.clone(),
            observer: self.number.map(|number| (number, Arc::clone(observer))),
            arguments: self.arguments,
        })
    }
}

/// Answers the requests of one operation on one worker.
pub(crate) trait Endpoint: Send + Sync {
    fn call(self: Arc<Self>, inbound: Inbound) -> AnswerFuture;
}

struct OperationEndpoint<O, A, S, G> {
    operation: O,
    state: S,
    guards: G,
    observer: Option<(usize, Arc<dyn Observe>)>,
    arguments: PhantomData<fn(A)>,
}

impl<O, A, S, G> Endpoint for OperationEndpoint<O, A, S, G>
where
    O: Operation<S, A>,
    A: 'static,
    S: Send + Sync + 'static,
    G: Guards,
{
    fn call(self: Arc<Self>, inbound: Inbound) -> AnswerFuture {
        Box::pin(async move {
            let started = Instant::now();
            let response =
                self.guards.run(inbound, |inbound| self.operation.call(inbound, &self.state)).await;
            if let Some((number, observer)) = &self.observer {
                observer.answered(*number, response.status(), started.elapsed());
            }
            Ok(response)
        })
    }
}
