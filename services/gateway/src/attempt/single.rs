//! One attempt: a request that is sent to one replica.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use serve::logs::chain;

use super::attempts::Attempts;
use super::mark::Attempt;
use super::outcome::{FailedAttempt, ReplicaAnswer, RunningAttempt};
use crate::balance::{Grade, InFlight, Replica};
use crate::class::Class;
use crate::clock;
use crate::request_body::UpstreamBody;
use crate::upstream::{Cause, Delivery, Lease, Reuse, SendError, send};

/// How often it is looked whether a replica that does not answer is given up.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// There was no answer in time.
#[derive(Clone, Copy, Debug)]
struct TimedOut;

impl Attempts<'_> {
    /// One attempt.
    pub(super) async fn once(
        &self,
        in_flight: InFlight,
        request: &impl Fn(Attempt) -> Request<UpstreamBody>,
    ) -> Result<ReplicaAnswer, FailedAttempt> {
        let replica = Arc::clone(in_flight.replica());
        let running = RunningAttempt::start(in_flight);
        let _awaiting = replica.awaiting();
        let started = running.started;
        let sending = self.send(&replica, request);
        let until = match self.plan.class {
            Class::Point => self.deadline.min(started + self.forwarder.settings.try_time_max),
            // One attempt may take all the time that there is.
            Class::Definition | Class::Stream => self.deadline,
        };
        let sent = self.wait_for_answer(&replica, started, until, sending).await;
        let in_flight = running.end();
        let failure = match sent {
            Ok(Ok((answer, lease))) => {
                replica.answered(started, Grade::of(&answer));
                return Ok(ReplicaAnswer { answer, lease, in_flight });
            }
            Ok(Err(failure)) => failure,
            Err(TimedOut) => SendError { delivery: Delivery::MaybeSent, cause: Cause::Timeout },
        };
        let origin = &replica.origin;
        let unsent = matches!(failure.delivery, Delivery::Unsent(_));
        let error = chain(&failure.cause);
        tracing::debug!(replica = %origin, unsent, error, "an attempt at {origin} failed: {error}");
        if !unsent {
            self.note_sent(&failure.cause);
        }
        if !matches!(failure.delivery, Delivery::Stale) {
            replica.failed(started);
        }
        Err(FailedAttempt { unsent, cause: failure.cause })
    }

    /// Sends a request to a replica, and once more on a new connection if the one that it was sent on
    /// turns out to be stale.
    async fn send(
        &self,
        replica: &Replica,
        request: &impl Fn(Attempt) -> Request<UpstreamBody>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let (pools, time_max) = (&self.forwarder.pools, self.forwarder.settings.connect_time_max);
        let send = |reuse| {
            let request = request(self.next.get());
            send(pools, replica, request, reuse, time_max, &self.interims)
        };
        match send(Reuse::Allowed).await {
            Err(SendError { delivery: Delivery::Stale, cause }) if self.plan.repeatable => {
                self.note_sent(&cause);
                self.forwarder.metrics.retried();
                send(Reuse::Never).await
            }
            sent => sent,
        }
    }

    /// Notes that an attempt may have arrived, and failed.
    pub(super) fn note_sent(&self, cause: &Cause) {
        let Attempt { number, may_stray } = self.next.get();
        let may_stray = may_stray || matches!(cause, Cause::Timeout);
        self.next.set(Attempt { number: number + 1, may_stray });
    }

    /// Waits for an answer for as long as there is time, and not that long if the replica turns out to
    /// stand still and the request may be sent to another one.
    async fn wait_for_answer<T>(
        &self,
        replica: &Replica,
        started: Instant,
        until: Instant,
        sending: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        let mut sending = pin!(sending);
        let alarm = self.forwarder.alarms.lend();
        let mut look = started;
        loop {
            look = until.min(look + LOOK_EVERY);
            tokio::select! {
                biased;
                sent = &mut sending => return Ok(sent),
                () = alarm.until(look) => {}
            }
            if look == until || self.plan.repeatable && self.is_unresponsive(replica) {
                return Err(TimedOut);
            }
        }
    }

    /// Tells whether a replica has not answered its checks either, and another one has.
    fn is_unresponsive(&self, replica: &Replica) -> bool {
        let now = clock::now();
        let replicas = self.forwarder.replicas.load();
        replica.health.is_silent() && replicas.iter().any(|other| other.health.is_available(now))
    }
}
