//! Operations without their types.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use http::StatusCode;

use crate::guard::Guards;
use crate::inbound::Inbound;
use crate::operation::Operation;
use crate::resource::Resource;

/// An answer that is on its way: the one allocation between the socket and the handler.
pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// Observes every answer of an operation, for metrics.
pub trait Observe: fmt::Debug + Send + Sync + 'static {
    /// `operation` is the position of its id in the list given to the closure of
    /// [`Api::build`](crate::Api::build); `elapsed` runs from the request's head to the answer's.
    /// Operations on a [`Resource`] are not among them.
    fn answered(&self, operation: usize, status: StatusCode, elapsed: Duration);
}

/// Observes nothing.
impl Observe for () {
    fn answered(&self, _: usize, _: StatusCode, _: Duration) {}
}

/// Where the state of an operation comes from.
pub(crate) enum StateSource<C, S> {
    /// It is made for each operation of each worker, from what the API is built with.
    Made(Arc<dyn Fn(&C) -> S + Send + Sync>),
    /// It is the resource that the path names.
    Resource,
}

impl<C, S> Clone for StateSource<C, S> {
    fn clone(&self) -> Self {
        match self {
            Self::Made(make) => Self::Made(Arc::clone(make)),
            Self::Resource => Self::Resource,
        }
    }
}

/// A mounted operation, before the API is built.
pub(crate) trait Mount<C>: fmt::Debug + Send + Sync {
    /// Makes its endpoint for a worker.
    fn endpoint(&self, context: &C, observer: &Arc<dyn Observe>) -> Arc<dyn Endpoint>;
}

/// An operation with its guards and where its state comes from.
pub(crate) struct Mounted<C, O, A, S, G> {
    pub(crate) operation: O,
    pub(crate) state: StateSource<C, S>,
    pub(crate) guards: G,
    /// The number by which the observer or the resource knows the operation.
    pub(crate) number: Option<usize>,
    pub(crate) arguments: PhantomData<fn(A)>,
}

impl<C, O, A, S, G> fmt::Debug for Mounted<C, O, A, S, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<C, O, A, S, G> Mount<C> for Mounted<C, O, A, S, G>
where
    C: 'static,
    O: Operation<S, A>,
    A: 'static,
    S: Send + Sync + 'static,
    G: Guards,
{
    fn endpoint(&self, context: &C, observer: &Arc<dyn Observe>) -> Arc<dyn Endpoint> {
        Arc::new(OperationEndpoint {
            operation: self.operation.clone(),
            state: match &self.state {
                StateSource::Made(make) => Some(make(context)),
                StateSource::Resource => None,
            },
            guards: self.guards.clone(),
            number: self.number,
            observer: Arc::clone(observer),
            arguments: self.arguments,
        })
    }
}

/// Answers the requests of one operation on one worker.
pub(crate) trait Endpoint: Send + Sync {
    /// `resource` is that which the path names, if it names one.
    fn call(self: Arc<Self>, inbound: Inbound, resource: Option<Arc<dyn Resource>>)
    -> AnswerFuture;
}

struct OperationEndpoint<O, A, S, G> {
    operation: O,
    /// Nothing if the resource is the state.
    state: Option<S>,
    guards: G,
    number: Option<usize>,
    observer: Arc<dyn Observe>,
    arguments: PhantomData<fn(A)>,
}

impl<O, A, S, G> Endpoint for OperationEndpoint<O, A, S, G>
where
    O: Operation<S, A>,
    A: 'static,
    S: Send + Sync + 'static,
    G: Guards,
{
    fn call(
        self: Arc<Self>,
        inbound: Inbound,
        resource: Option<Arc<dyn Resource>>,
    ) -> AnswerFuture {
        Box::pin(async move {
            let started = Instant::now();
            let of_resource = || {
                let resource: &dyn Any = &**resource.as_ref()?;
                resource.downcast_ref()
            };
            let state = self.state.as_ref().or_else(of_resource);
            let state = state.expect("resources are of the type that their operations take");
            let answering = self.guards.run(inbound, |inbound| self.operation.call(inbound, state));
            let response = answering.await;
            match (self.number, &resource) {
                (None, _) => {}
                (Some(number), None) => {
                    self.observer.answered(number, response.status(), started.elapsed());
                }
                (Some(number), Some(resource)) => {
                    resource.answered(number, response.status(), started.elapsed());
                }
            }
            Ok(response)
        })
    }
}
