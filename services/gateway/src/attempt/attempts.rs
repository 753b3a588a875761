//! The loops that make attempts.

use std::cell::Cell;
use std::time::{Duration, Instant};

use contract::Problem;
use contract::guard::RetryAfter;
use http::Request;
use http::header::CONNECTION;
use tokio::time::sleep;
use tower::retry::budget::Budget;

use super::Forwarder;
use super::hedge::Hedge;
use super::mark::Attempt;
use super::outcome::{FailedAttempt, ReplicaAnswer, timed_out};
use super::plan::RequestPlan;
use super::tried::TriedReplicas;
use crate::answers::{NoAnswer, NotSent, overloaded};
use crate::balance::{Grade, InFlight, NoReplica};
use crate::clock;
use crate::headers::announce_close;
use crate::interim::Interims;
use crate::reply::Reply;
use crate::request_body::{StreamHandle, UpstreamBody};
use crate::upstream::{Delivery, Reuse, SendError, reach, send};

/// Pause before a replica that has just failed is asked again, because there is no other; it doubles
/// with each attempt, and half of it is drawn. A restart takes longer, a full backlog does not.
const PAUSE: Duration = Duration::from_millis(20);

/// The attempts of one request.
pub(super) struct Attempts<'a> {
    pub(super) forwarder: &'a Forwarder,
    pub(super) plan: &'a RequestPlan,
    pub(super) deadline: Instant,
    /// When a second replica is asked as well, if ever.
    pub(super) hedge: Option<&'a Hedge>,
    /// Whether the client's connection can be ended: over HTTP/2 only the stream is.
    closes: bool,
    pub(super) interims: Option<Interims>,
    /// The attempt that is sent next.
    pub(super) next: Cell<Attempt>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(
        forwarder: &'a Forwarder,
        plan: &'a RequestPlan,
        deadline: Instant,
        closes: bool,
        interims: Option<Interims>,
    ) -> Self {
        let next = Cell::new(Attempt::FIRST);
        Self { forwarder, plan, deadline, hedge: None, closes, interims, next }
    }

    /// Makes sure that a replica can be reached.
    pub(super) async fn reach(&self) -> Result<(), NoAnswer> {
        let mut tried = TriedReplicas::default();
        loop {
            let in_flight = self.choose(&tried)?;
            let replica = in_flight.replica();
            tried.add(replica.number);
            let started = Instant::now();
            let reaching =
                reach(&self.forwarder.pools, replica, self.forwarder.settings.connect_time_max)
                    .await;
            let Err(cause) = reaching else { return Ok(()) };
            replica.failed(started);
            if tried.is_full() {
                return Err(self.give_up(FailedAttempt { unsent: true, cause }));
            }
        }
    }

    /// Sends a request that can be made again.
    pub(super) async fn repeat(
        &self,
        request: &impl Fn(Attempt) -> Request<UpstreamBody>,
    ) -> Result<Reply, NoAnswer> {
        self.forwarder.budget.deposit();
        let mut tried = TriedReplicas::default();
        let mut worst: Option<FailedAttempt> = None;
        while !tried.is_full() {
            let in_flight = match self.choose(&tried) {
                Ok(in_flight) => in_flight,
                Err(none) => {
                    return Err(worst.map_or(none, |worst| self.give_up(worst)));
                }
            };
            let (number, attempt) = (in_flight.replica().number, tried.count());
            let again = tried.contains(number);
            tried.add(number);
            if again && !self.pause(attempt).await {
                break;
            }
            if attempt > 0 {
                self.forwarder.metrics.retried();
            }
            let sent = match self.hedge {
                None => self.once(in_flight, request).await,
                // In a box, so that requests which are not hedged have no room for it.
                Some(hedge) => Box::pin(self.hedged(hedge, in_flight, request, &mut tried)).await,
            };
            let failed = match sent {
                Ok(ReplicaAnswer { answer, .. })
                    if self.is_write_in_doubt(&answer, worst.as_ref()) =>
                {
                    break;
                }
                Ok(answered) => return Ok(self.pass_on(answered)),
                Err(failed) => failed,
            };
            let may_repeat = !tried.is_full()
                && (failed.unsent || self.plan.repeatable && self.forwarder.budget.withdraw());
            worst = Some(match worst {
                Some(worst) => worst.or_worse(failed),
                None => failed,
            });
            if !may_repeat || Instant::now() >= self.deadline {
                break;
            }
        }
        Err(worst.map_or_else(|| timed_out(false), |worst| self.give_up(worst)))
    }

    /// Sends a request whose body is a stream: another attempt is made only as long as nothing of it was
    /// sent.
    pub(super) async fn stream(
        &self,
        request: Request<UpstreamBody>,
        body: &StreamHandle,
    ) -> Result<Reply, NoAnswer> {
        let mut tried = TriedReplicas::default();
        let mut request = Some(request);
        while !tried.is_full() {
            let in_flight = self.choose(&tried)?;
            tried.add(in_flight.replica().number);
            let Some(sent) = request.take() else { break };
            let started = Instant::now();
            let sending = send(
                &self.forwarder.pools,
                in_flight.replica(),
                sent,
                // A stream cannot be sent again if the connection turns out to be stale.
                Reuse::IfKept,
                self.forwarder.settings.connect_time_max,
                self.interims.as_ref(),
            );
            // A body may take as long as it likes to arrive; what is bounded is the time in which
            // nothing at all happens.
            let sent = tokio::select! {
                sent = sending => sent,
                () = body.stalled(self.forwarder.settings.request_time_max) => {
                    in_flight.replica().failed(started);
                    return Err(timed_out(true));
                }
            };
            match sent {
                Ok((answer, mut lease)) => {
                    in_flight.replica().answered(started, Grade::of(&answer));
                    // A replica that refuses a body and has not read it ends its connection, so that
                    // the rest is not taken for a request. Mostly it says so, and it is the same here.
                    if !answer.status().is_success() {
                        lease.close_after_answer();
                    }
                    let is_unread = answer.headers().get(CONNECTION).is_some_and(|v| v == "close");
                    let mut reply = self.pass_on(ReplicaAnswer { answer, lease, in_flight });
                    if is_unread && self.closes {
                        announce_close(reply.headers_mut());
                    }
                    return Ok(reply);
                }
                Err(SendError { delivery: Delivery::Unsent(unsent), cause }) => {
                    in_flight.replica().failed(started);
                    request = Some(*unsent);
                    if tried.is_full() {
                        return Err(self.give_up(FailedAttempt { unsent: true, cause }));
                    }
                }
                Err(SendError { delivery: Delivery::MaybeSent | Delivery::Stale, cause }) => {
                    self.note_sent(&cause);
                    if body.fault().is_none() {
                        in_flight.replica().failed(started);
                    }
                    return Err(self.give_up(FailedAttempt { unsent: false, cause }));
                }
            }
        }
        Err(timed_out(false))
    }

    pub(super) fn choose(&self, tried: &TriedReplicas) -> Result<InFlight, NoAnswer> {
        let Forwarder { settings, replicas, .. } = self.forwarder;
        let (key, max) = (self.plan.key(), settings.replica_requests_max);
        let replicas = replicas.load();
        let chosen =
            replicas.choose(settings.balance, key.as_deref(), tried.numbers(), max, clock::now());
        chosen.map_err(|none| match none {
            NoReplica::None => {
                let problem = Problem::new("The gateway knows of no replica.");
                NotSent::NoReplica(problem, RetryAfter(1)).into()
            }
            NoReplica::Full => overloaded().into(),
        })
    }

    /// Pauses before the same replica is asked again. Returns false if there is no time for it.
    async fn pause(&self, attempt: usize) -> bool {
        let pause = PAUSE * (1 << attempt.min(8));
        let pause = pause / 2 + pause.mul_f64(fastrand::f64() / 2.0);
        if Instant::now() + pause >= self.deadline {
            return false;
        }
        sleep(pause).await;
        true
    }
}
