//! Guards: middleware whose own answers are in the document of every operation it covers.

mod head_limit;
mod host;
mod panic;
mod time_limit;

use std::future::Future;

use axum::response::{IntoResponse, Response};

pub use head_limit::{HeadLimit, HeadTooLarge};
pub use host::OneHost;
pub use panic::{CatchPanic, Panicked};
pub use time_limit::{TimeLimit, TimedOut};

pub use crate::header::RetryAfter;
use crate::inbound::Inbound;
use crate::operation_doc::OperationDoc;
pub use crate::refusals::Busy;
use crate::responses::Responses;

/// Stands in front of operations: lets a request through, or answers itself.
pub trait Guard: Clone + Send + Sync + 'static {
    /// What the guard answers itself.
    type Rejection: Responses;

    /// Guards one request. `next` calls what is behind the guard.
    ///
    /// # Errors
    /// The guard's own answer.
    fn guard<N, F>(
        &self,
        inbound: Inbound,
        next: N,
    ) -> impl Future<Output = Result<Response, Self::Rejection>> + Send
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send;
}

/// Any number of guards, the outermost last. Composed by type, so that a request pays for no
/// boxing between them.
pub trait Guards: Clone + Send + Sync + 'static {
    /// Runs the guards from the outermost to the innermost, and then `next`.
    fn run<N, F>(&self, inbound: Inbound, next: N) -> impl Future<Output = Response> + Send
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send;

    /// Adds the answers of all guards.
    fn describe(operation: &mut OperationDoc<'_>);
}

impl Guards for () {
    async fn run<N, F>(&self, inbound: Inbound, next: N) -> Response
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        next(inbound).await
    }

    fn describe(_: &mut OperationDoc<'_>) {}
}

impl<Inner: Guards, G: Guard> Guards for (Inner, G) {
    async fn run<N, F>(&self, inbound: Inbound, next: N) -> Response
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        let (inner, guard) = self;
        guard.guard(inbound, |inbound| inner.run(inbound, next)).await.into_response()
    }

    fn describe(operation: &mut OperationDoc<'_>) {
        operation.answers_of::<G::Rejection>();
        Inner::describe(operation);
    }
}
