//! The loops that make attempts.

use std::cell::Cell;
use std::time::{Duration, Instant};

use contract::Problem;
use contract::guard::RetryAfter;
use http::Request;
use tokio::time::sleep;
use tower::retry::budget::Budget;

use super::Forwarder;
use super::hedge::Hedge;
use super::mark::Attempt;
use super::outcome::{FailedAttempt, ReplicaAnswer, timed_out};
use super::plan::RequestPlan;
use super::tried::TriedReplicas;
use crate::answers::{NoAnswer, NotSent, overloaded};
use crate::balance::{InFlight, NoReplica};
use crate::clock;
use crate::interim::Interims;
use crate::reply::Reply;
use crate::request_body::UpstreamBody;
use crate::upstream::{InterimReceivers, reach};

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
    pub(super) closes: bool,
    pub(super) interims: InterimReceivers,
    /// The attempt that is sent next.
    pub(super) next: Cell<Attempt>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(
        forwarder: &'a Forwarder,
        plan: &'a RequestPlan,
        deadline: Instant,
        closes: bool,
        client: Option<Interims>,
    ) -> Self {
        let next = Cell::new(Attempt::FIRST);
        let interims = InterimReceivers { client, body: None };
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
