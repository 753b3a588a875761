//! Panic: 500.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use axum::response::Response;
use futures_util::FutureExt;

use super::Guard;
use crate::inbound::Inbound;
use crate::problem::Problem;

/// Answers 500 when what is behind it panics. The service lives on.
#[derive(Clone, Copy, Debug, Default)]
pub struct CatchPanic;

/// What [`CatchPanic`] answers.
#[derive(Debug, contract::Responses)]
pub enum Panicked {
    /// The service failed; the fault is on its side. It is not known whether a write happened.
    /// Repeat the request, which is safe for PUT and DELETE.
    #[answer(500)]
    InternalError(Problem),
}

/// The message of a panic, for the operator.
#[derive(Debug)]
struct PanicMessage(String);

impl fmt::Display for PanicMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a handler panicked: {}", self.0)
    }
}

impl std::error::Error for PanicMessage {}

impl Guard for CatchPanic {
    type Rejection = Panicked;

    async fn guard<N, F>(&self, inbound: Inbound, next: N) -> Result<Response, Panicked>
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        // The handler's own values are gone with it; shared state is behind locks that do
        // not poison, or in a store that survives a lost caller.
        let answering = AssertUnwindSafe(async { next(inbound).await }).catch_unwind();
        answering.await.map_err(|panic| {
            let fault = PanicMessage(message(&*panic).to_owned());
            Panicked::InternalError(Problem::default().caused_by(fault))
        })
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}
