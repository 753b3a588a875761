//! Sends one request to one member, and tells what became of it.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_util::client::legacy;
use tokio::time::{Instant, timeout_at};

use super::body::TrackedBody;
use super::connect::{self, Connections};
use super::tls::{SetupError, Tls};

/// Whether a failed request may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Surely not.
    Nothing,
    /// Perhaps, now or in a moment.
    Possible,
}

/// An answer, of any status.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its body.
    pub(crate) body: Bytes,
    /// What the request may have changed: nothing, if the answer came before its body was sent.
    pub(crate) effect: Effect,
}

/// A request without an answer.
#[derive(Debug)]
pub(crate) struct LostRequest {
    /// Why there is no answer.
    pub(crate) reason: LossReason,
    /// What the request may have changed.
    pub(crate) effect: Effect,
    /// What caused it.
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LossReason {
    /// No connection came about.
    Unreachable,
    /// The connection broke.
    Disconnected,
    /// The time was over.
    TimedOut,
    /// The answer is larger than the client takes.
    AnswerTooLarge,
}

/// Sends requests with HTTP/1.1 and reads answers whole.
pub(super) struct Client {
    connections: Connections,
    answer_bytes_max: usize,
}

impl Client {
    /// Prepares connections and opens none yet. It reads the files of `tls`, and blocks while it
    /// does.
    ///
    /// # Errors
    /// [`SetupError`], when those files are of no use.
    pub(super) fn new(tls: Option<&Tls>, answer_bytes_max: usize) -> Result<Self, SetupError> {
        Ok(Self { connections: connect::connections(tls)?, answer_bytes_max })
    }

    /// Sends a request and reads the answer, until the time is over.
    ///
    /// # Errors
    /// [`LostRequest`], when there is no answer.
    ///
    /// # Cancel safety
    /// A dropped call is as if its answer were lost.
    pub(super) async fn send(
        &self,
        request: Request<Bytes>,
        until: Instant,
    ) -> Result<HttpAnswer, LostRequest> {
        let (head, body) = request.into_parts();
        let (body, tracker) = TrackedBody::new(body);
        let exchange = async {
            let request = Request::from_parts(head, body);
            let response =
                self.connections.request(request).await.map_err(LostRequest::before_head)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), self.answer_bytes_max).collect().await;
            Ok((status, body.map_err(LostRequest::in_body)?.to_bytes()))
        };
        let answer = timeout_at(until, exchange).await;
        let answer = answer.unwrap_or(Err(LostRequest::timed_out(Effect::Possible)));
        let begun = tracker.abandon();
        match answer {
            Ok((status, body)) => {
                let effect = if begun { Effect::Possible } else { Effect::Nothing };
                Ok(HttpAnswer { status, body, effect })
            }
            Err(lost) if begun => Err(lost),
            Err(lost) => Err(LostRequest { effect: Effect::Nothing, ..lost }),
        }
    }
}

impl LostRequest {
    /// A request whose time was over.
    pub(crate) const fn timed_out(effect: Effect) -> Self {
        Self { reason: LossReason::TimedOut, effect, source: None }
    }

    /// Judges why there is no head of an answer.
    fn before_head(error: legacy::Error) -> Self {
        let (reason, effect) = if error.is_connect() {
            (LossReason::Unreachable, Effect::Nothing)
        } else {
            (LossReason::Disconnected, Effect::Possible)
        };
        Self { reason, effect, source: Some(error.into()) }
    }

    /// Judges why there is a head of an answer and not all of its body.
    fn in_body(error: Box<dyn StdError + Send + Sync>) -> Self {
        let too_large = error.is::<LengthLimitError>();
        let reason = if too_large { LossReason::AnswerTooLarge } else { LossReason::Disconnected };
        Self { reason, effect: Effect::Possible, source: Some(error) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("answer_bytes_max", &self.answer_bytes_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_that_is_too_large_differs_from_one_that_broke_off() {
        let body = Limited::new(Full::new(Bytes::from_static(b"12")), 1);
        let error = body.collect().await.expect_err("it is too large");
        let lost = LostRequest::in_body(error);
        assert_eq!((lost.reason, lost.effect), (LossReason::AnswerTooLarge, Effect::Possible));
        let lost = LostRequest::in_body("reset".into());
        assert_eq!((lost.reason, lost.effect), (LossReason::Disconnected, Effect::Possible));
    }
}
