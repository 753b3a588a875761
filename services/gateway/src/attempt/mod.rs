//! One request to the replicas: as many attempts as it takes and as are safe.
//!
//! Every attempt that brings no answer leaves the request *unsent* or *maybe sent*
//! ([`Fate`]). An unsent request can go to another replica whatever it asks
//! for. One that was maybe sent can have taken effect: it is repeated only if that is harmless (GET,
//! HEAD, OPTIONS), or if it carries an `Idempotency-Key`, by which the replicas recognise it and
//! give the first answer again. A write without a key gets one from the gateway, so a create that
//! was answered into a broken connection is still answered 201.
//!
//! Bodies up to [`REPLAY_BYTES_MAX`] are held until the answer is there. Larger ones pass through,
//! and what was maybe sent of them is not repeated.

mod intake;
mod key;
mod plan;
mod stream;

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use contract::Problem;
use contract::guard::RetryAfter;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout_at};
use tower::retry::budget::Budget;

use crate::answers::{Unanswered, Unsent, Unserved, overloaded, reply};
use crate::balance::{InFlight, NoReplica, Replica};
use crate::body::{Passed, Reply, ReplyBody, Sent};
use crate::clock;
use crate::exchange::Exchange;
use crate::headers::strip_hop;
use crate::upstream::{Cause, Failure, Fate, Lease, send};
use crate::worker::Worker;

pub(crate) use key::Keys;
pub(crate) use stream::Stream;

use intake::{BodyFault, Intake, take};
use plan::Plan;

/// Most bytes of a body that is held to be sent again: items are smaller by far, and 10,000
/// connections hold 640 MiB at worst.
pub(crate) const REPLAY_BYTES_MAX: usize = 64 << 10;

/// Most attempts for one request. With three replicas of which two are gone, three are needed.
const ATTEMPTS_MAX: usize = 3;

/// Pause before a replica that has just failed is asked again, because there is no other; it doubles
/// with each attempt, and half of it is drawn. A restart takes longer, a full backlog does not.
const PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked whether a replica that does not answer is given up.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// An attempt that may be repeated.
struct Failed {
    unsent: bool,
    cause: Cause,
}

/// Sends the request to a replica, and to others if need be. Always returns an answer.
pub(crate) async fn forward(worker: &Rc<Worker>, mut exchange: Box<Exchange>) -> Reply {
    let closes = exchange.head.version < Version::HTTP_2;
    let plan = Plan::of(&mut exchange, worker);
    let terms = &worker.terms;
    let taking = take(exchange.body, &exchange.head.headers, &exchange.refusals, &plan, terms);
    let intake = match taking.await {
        Ok(intake) => intake,
        Err(fault) => return refuse(fault, closes),
    };
    let Some(place) = worker.shared.overload.place() else { return reply(overloaded()) };
    let (head, deadline) = (exchange.head, exchange.deadline);
    let attempts = Attempts { worker, plan: &plan, deadline };
    match intake {
        Intake::Whole(bytes) => {
            let request = || {
                let mut request = Request::new(Sent::Whole(bytes.clone()));
                *request.method_mut() = head.method.clone();
                *request.uri_mut() = head.uri.clone();
                *request.headers_mut() = head.headers.clone();
                request
            };
            let answer = attempts.repeat(request).await.unwrap_or_else(reply);
            place.answered();
            answer
        }
        Intake::Large(stream) => {
            // How long it takes is up to the client, so its latency says nothing of the replicas; the
            // place is left without one.
            let watch = stream.watch();
            let request = Request::from_parts(head, Sent::Stream(stream));
            let answer = attempts.pass(request, &watch).await;
            // What looks like a failure of the replica may be the client's.
            match watch.fault() {
                Some(fault) => refuse(fault, closes),
                None => answer.unwrap_or_else(reply),
            }
        }
    }
}

/// Answers for a body that is faulty. Where the next request would begin is not known, so the
/// connection ends; over HTTP/2 only the stream does.
fn refuse(fault: BodyFault, closes: bool) -> Reply {
    let mut reply = fault.reply();
    if closes {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

/// The attempts of one request.
struct Attempts<'a> {
    worker: &'a Rc<Worker>,
    plan: &'a Plan,
    deadline: Instant,
}

impl Attempts<'_> {
    /// Sends a request that can be made again.
    async fn repeat(&self, request: impl Fn() -> Request<Sent>) -> Result<Reply, Unserved> {
        self.worker.budget.deposit();
        let mut tried = [u64::MAX; ATTEMPTS_MAX];
        let mut next = Some(request());
        // What the client is told in the end. Once the request may have arrived, no later failure
        // to send it makes that untrue.
        let mut worst: Option<Failed> = None;
        for attempt in 0..ATTEMPTS_MAX {
            let in_flight = match self.choose(&tried[..attempt]) {
                Ok(in_flight) => in_flight,
                Err(unserved) => return Err(worst.map_or(unserved, give_up)),
            };
            let again = tried[..attempt].contains(&in_flight.replica().number);
            tried[attempt] = in_flight.replica().number;
            if again && !self.pause(attempt).await {
                break;
            }
            if attempt > 0 {
                self.worker.shared.metrics.retried();
            }
            let request = next.take().unwrap_or_else(&request);
            let failed = match self.once(in_flight, request).await {
                Ok((answer, lease, in_flight)) => {
                    return Ok(self.pass_on(answer, lease, in_flight));
                }
                Err(failed) => failed,
            };
            let may_repeat = failed.unsent || self.plan.repeatable && self.worker.budget.withdraw();
            if worst.as_ref().is_none_or(|worst| worst.unsent) {
                worst = Some(failed);
            }
            if !may_repeat || Instant::now() >= self.deadline {
                break;
            }
        }
        Err(worst.map_or_else(|| timed_out(false), give_up))
    }

    /// Sends a request whose body passes through: another attempt is made only as long as nothing
    /// of it was sent.
    async fn pass(&self, request: Request<Sent>, watch: &stream::Watch) -> Result<Reply, Unserved> {
        let mut tried = [u64::MAX; ATTEMPTS_MAX];
        let mut request = Some(request);
        for attempt in 0..ATTEMPTS_MAX {
            let in_flight = self.choose(&tried[..attempt])?;
            tried[attempt] = in_flight.replica().number;
            let Some(sent) = request.take() else { break };
            let started = Instant::now();
            let sending = send(
                &self.worker.pools,
                in_flight.replica(),
                sent,
                self.worker.terms.connect_time_max,
            );
            // A body may take as long as it likes to arrive; what is bounded is the time in which
            // nothing at all happens.
            let sent = tokio::select! {
                sent = sending => sent,
                () = watch.stalled(self.worker.terms.request_time_max) => {
                    in_flight.replica().failed(started.elapsed());
                    return Err(timed_out(true));
                }
            };
            match sent {
                Ok((answer, lease)) => {
                    in_flight.replica().answered(started.elapsed(), is_fault(&answer));
                    return Ok(self.pass_on(answer, lease, in_flight));
                }
                Err(Failure { fate: Fate::Unsent(unsent), cause }) => {
                    in_flight.replica().failed(started.elapsed());
                    request = Some(*unsent);
                    if attempt + 1 == ATTEMPTS_MAX {
                        return Err(give_up(Failed { unsent: true, cause }));
                    }
                }
                Err(Failure { fate: Fate::MaybeSent, cause }) => {
                    if watch.fault().is_none() {
                        in_flight.replica().failed(started.elapsed());
                    }
                    return Err(give_up(Failed { unsent: false, cause }));
                }
            }
        }
        Err(timed_out(false))
    }

    fn choose(&self, tried: &[u64]) -> Result<InFlight, Unserved> {
        let (worker, now) = (self.worker, clock::now());
        let replicas = worker.shared.replicas.load();
        let key = self.plan.key();
        let max = worker.terms.replica_requests_max;
        replicas.choose(worker.terms.balance, key, tried, max, now).map_err(|none| match none {
            NoReplica::None => {
                let problem = Problem::new("The gateway knows of no replica.");
                Unsent::NoReplica(problem, RetryAfter(1)).into()
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

    /// One attempt.
    async fn once(
        &self,
        in_flight: InFlight,
        request: Request<Sent>,
    ) -> Result<(Response<Incoming>, Lease, InFlight), Failed> {
        let terms = &self.worker.terms;
        let started = Instant::now();
        let time = self.deadline.saturating_duration_since(started).min(terms.try_time_max);
        let sent = {
            let replica = in_flight.replica();
            let _awaiting = replica.awaiting();
            let sending = send(&self.worker.pools, replica, request, terms.connect_time_max);
            self.patiently(replica, time, sending).await
        };
        let failure = match sent {
            Ok(Ok((answer, lease))) => {
                in_flight.replica().answered(started.elapsed(), is_fault(&answer));
                return Ok((answer, lease, in_flight));
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure { fate: Fate::MaybeSent, cause: Cause::Timeout },
        };
        let replica = &in_flight.replica().origin;
        let unsent = matches!(failure.fate, Fate::Unsent(_));
        let error = chain(&failure.cause);
        tracing::debug!(%replica, unsent, error, "an attempt at {replica} failed: {error}");
        in_flight.replica().failed(started.elapsed());
        Err(Failed { unsent, cause: failure.cause })
    }

    /// Waits for an answer for as long as there is time, and not that long if the replica turns out to
    /// stand still and the request may be sent to another one.
    async fn patiently<T>(
        &self,
        replica: &Replica,
        time: Duration,
        sending: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let mut sending = pin!(sending);
        let deadline = Instant::now() + time;
        loop {
            let look = deadline.min(Instant::now() + LOOK_EVERY);
            match timeout_at(look.into(), &mut sending).await {
                Ok(sent) => return Ok(sent),
                Err(elapsed) if look == deadline => return Err(elapsed),
                Err(elapsed) if self.plan.repeatable && self.stands_still(replica) => {
                    return Err(elapsed);
                }
                Err(_) => {}
            }
        }
    }

    /// Tells whether a replica has not answered its checks either, and another one has.
    fn stands_still(&self, replica: &Replica) -> bool {
        let now = clock::now();
        let replicas = self.worker.shared.replicas.load();
        replica.health.is_silent() && replicas.iter().any(|other| other.health.is_available(now))
    }

    /// Makes a replica's answer the gateway's.
    fn pass_on(&self, answer: Response<Incoming>, lease: Lease, in_flight: InFlight) -> Reply {
        let (mut head, body) = answer.into_parts();
        strip_hop(&mut head.headers);
        let pause_max = self.worker.terms.request_time_max;
        Response::from_parts(
            head,
            ReplyBody::Passed(Passed::new(body, lease, in_flight, pause_max)),
        )
    }
}

/// Tells whether an answer says that the replica is in trouble. 500 and 507 are not among them:
/// another replica on the same store would say the same.
fn is_fault<B>(answer: &Response<B>) -> bool {
    matches!(answer.status().as_u16(), 502..=504)
}

fn give_up(failed: Failed) -> Unserved {
    let problem = Problem::default().caused_by(Told(chain(&failed.cause)));
    if failed.unsent {
        return Unsent::NoReplica(problem, RetryAfter(1)).into();
    }
    match failed.cause {
        Cause::Timeout | Cause::ConnectTimeout => Unanswered::ReplicaTimeout(problem).into(),
        Cause::Connect(_) | Cause::Connection(_) => Unanswered::ReplicaFailed(problem).into(),
    }
}

/// Answers that there was no time. `sent` tells whether a replica may have the request.
fn timed_out(sent: bool) -> Unserved {
    if sent {
        Unanswered::ReplicaTimeout(Problem::default()).into()
    } else {
        Unsent::NoReplica(Problem::default(), RetryAfter(1)).into()
    }
}

/// What the operator is told of a failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

/// Returns an error and its sources in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
