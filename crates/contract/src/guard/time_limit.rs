//! Too slow: 503.

use std::future::Future;
use std::time::Duration;

use axum::response::Response;

use super::Guard;
use crate::deadline::within;
use crate::header::RetryAfter;
use crate::inbound::Inbound;
use crate::problem::Problem;

/// Answers 503 when what is behind it takes longer than a limit, and drops it.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    /// Longest time from the head of the request to the head of the answer.
    pub time_max: Duration,
}

/// What [`TimeLimit`] answers.
#[derive(Debug, contract::Responses)]
pub enum TimedOut {
    /// The service could not answer in time. It is not known whether a write happened. Repeat the request,
    /// which is safe for PUT and DELETE.
    #[answer(503)]
    TimedOut(Problem, RetryAfter),
}

impl Guard for TimeLimit {
    type Rejection = TimedOut;

    async fn guard<N, F>(&self, inbound: Inbound, next: N) -> Result<Response, TimedOut>
    where
        N: FnOnce(Inbound) -> F + Send,
        F: Future<Output = Response> + Send,
    {
        within(self.time_max, next(inbound)).await.map_err(|_| {
            let seconds = self.time_max.as_secs_f32();
            TimedOut::TimedOut(
                Problem::new(format!("There was no answer within {seconds} s.")),
                RetryAfter(1),
            )
        })
    }
}
