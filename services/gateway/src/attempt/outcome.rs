//! What comes of an attempt, and what the client is told of it.

use std::time::Instant;

use contract::Problem;
use contract::guard::RetryAfter;
use http::Response;
use hyper::body::Incoming;
use serve::logs::chain;

use super::attempts::Attempts;
use super::mark::Attempt;
use crate::answers::{LostAnswer, NoAnswer, NotSent};
use crate::balance::InFlight;
use crate::headers::strip_answer;
use crate::reply::{ReplicaBody, Reply, ReplyBody};
use crate::upstream::{Cause, Lease};

/// A request that was answered.
pub(super) struct ReplicaAnswer {
    pub(super) answer: Response<Incoming>,
    pub(super) lease: Lease,
    pub(super) in_flight: InFlight,
}

/// An attempt that may be repeated.
pub(super) struct FailedAttempt {
    pub(super) unsent: bool,
    pub(super) cause: Cause,
}

impl FailedAttempt {
    /// Returns what the client is told of two failures. Once the request may have arrived, no
    /// failure to send it makes that untrue.
    pub(super) fn or_worse(self, other: Self) -> Self {
        if self.unsent { other } else { self }
    }
}

/// An attempt that is under way. One that is given up before it has ended, because another one
/// was faster or the client hung up, tells its replica how long it has lasted.
pub(super) struct RunningAttempt {
    in_flight: Option<InFlight>,
    pub(super) started: Instant,
}

impl RunningAttempt {
    pub(super) fn start(in_flight: InFlight) -> Self {
        Self { in_flight: Some(in_flight), started: Instant::now() }
    }

    /// Returns the replica's request: it was not given up.
    pub(super) fn end(mut self) -> InFlight {
        self.in_flight.take().expect("an attempt ends once")
    }
}

impl Drop for RunningAttempt {
    fn drop(&mut self) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.replica().given_up(self.started);
        }
    }
}

impl Attempts<'_> {
    /// Tells whether an answer says that nothing was written although an earlier attempt, which may
    /// have arrived, can still write: its replica may stand still and go on later. Replicas remember
    /// what a later attempt did, so that the earlier one does nothing, but a refusal leaves nothing
    /// to be remembered. What a refusal says of the request alone holds for every attempt.
    pub(super) fn is_write_in_doubt(
        &self,
        answer: &Response<Incoming>,
        earlier: Option<&FailedAttempt>,
    ) -> bool {
        let may_have_arrived = earlier.is_some_and(|failed| !failed.unsent);
        let depends_on_the_item =
            matches!(answer.status().as_u16(), 404 | 409 | 412 | 422 | 500..=599);
        self.plan.is_write && may_have_arrived && depends_on_the_item
    }

    /// Makes a replica's answer the gateway's.
    pub(super) fn pass_on(&self, answered: ReplicaAnswer) -> Reply {
        let ReplicaAnswer { answer, lease, in_flight } = answered;
        let (mut head, body) = answer.into_parts();
        strip_answer(&mut head.headers);
        let pause_max = self.forwarder.settings.request_time_max;
        Response::from_parts(
            head,
            ReplyBody::Replica(ReplicaBody::new(body, lease, in_flight, pause_max)),
        )
    }

    pub(super) fn give_up(&self, failed: FailedAttempt) -> NoAnswer {
        let problem = Problem::default().caused_by(LoggedError(chain(&failed.cause)));
        if failed.unsent && self.next.get() == Attempt::FIRST {
            return NotSent::NoReplica(problem, RetryAfter(1)).into();
        }
        match failed.cause {
            Cause::Timeout | Cause::ConnectTimeout => LostAnswer::ReplicaTimeout(problem).into(),
            Cause::Connect(_)
            | Cause::Connection(_)
            | Cause::Coding
            | Cause::Status(_)
            | Cause::Switched => LostAnswer::ReplicaFailed(problem).into(),
        }
    }
}

/// The last attempt's fault as it is logged: a line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct LoggedError(String);

/// Answers that there was no time. `sent` tells whether a replica may have the request.
pub(super) fn timed_out(sent: bool) -> NoAnswer {
    if sent {
        LostAnswer::ReplicaTimeout(Problem::default()).into()
    } else {
        NotSent::NoReplica(Problem::default(), RetryAfter(1)).into()
    }
}
