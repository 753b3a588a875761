//! Too slow: 503.

use std::future::Future;
use std::time::Duration;

use axum::response::Response;
use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use super::Guard;
use crate::deadline::within;
use crate::inbound::Inbound;
use crate::part::Header;
use crate::problem::Problem;

/// Answers 503 when what is behind it takes longer than a limit, and drops it.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    /// Longest time from the head of the request to the head of the answer.
    pub time_max: Duration,
}

/// What [`TimeLimit`] answers.
#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub enum TimedOut {
    /// The service could not answer in time. It is not known whether a write happened. Repeat the request,
    /// which is safe for PUT and DELETE.
    TimedOut(Problem, RetryAfter) = 503,
}

/// `Retry-After`: the number of seconds to wait (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug)]
pub struct RetryAfter(pub u16);

impl Header for RetryAfter {
    const NAME: HeaderName = RETRY_AFTER;
    const DESCRIPTION: &'static str = "Seconds to wait before the request is repeated.";

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }

    fn value(self) -> HeaderValue {
        self.0.into()
    }
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
