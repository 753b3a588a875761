//! One request to the replicas: as many attempts as it takes and as are safe.
//!
//! Every attempt that brings no answer leaves the request *unsent* or *maybe sent*
//! ([`Fate`]). An unsent request can go to another replica whatever it asks
//! for. One that was maybe sent can have taken effect: it is repeated only if that is harmless (GET,
//! HEAD, OPTIONS), or if the replicas recognise it, by the client's `Idempotency-Key` or by the
//! gateway's own [mark], and give the first answer again. So a create that was answered into a broken
//! connection is still answered 201.
//!
//! A connection that was used before may be dead before the request is sent on it. If it ends
//! without a byte of an answer, the attempt goes on with a new connection to the same replica: that is
//! no failure of the replica, and costs nothing of the budget of retries.
//!
//! Bodies up to [`REPLAY_BYTES_MAX`] are held until the answer is there. Larger ones pass through,
//! and what was maybe sent of them is not repeated.
//!
//! A read that takes long may be sent to a second replica before the first has failed ([`hedge`]).

mod hedge;
mod intake;
mod mark;
mod outcome;
mod patience;
mod plan;
mod stream;
mod tried;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Problem;
use contract::guard::RetryAfter;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use tokio::time::sleep;
use tower::retry::budget::Budget;

use crate::answers::{Unanswered, Unsent, Unserved, overloaded, reply};
use crate::balance::{Grade, InFlight, NoReplica, Replica};
use crate::body::{Passed, Reply, ReplyBody, Sent};
use crate::clock;
use crate::edge::Interims;
use crate::exchange::Exchange;
use crate::headers::strip_answer;
use crate::upstream::{Cause, Failure, Fate, Lease, Reuse, reach, send};
use crate::worker::Worker;

pub(crate) use hedge::{Hedge, HedgeAfter};
pub(crate) use mark::Marks;
pub(crate) use stream::{Kept, Stream};

use intake::{BodyFault, Intake, take};
use mark::{Attempt, SHELF_ATTEMPT};
use outcome::{Answered, Failed, UnderWay};
use patience::TimedOut;
use plan::Plan;
use tried::Tried;

/// Most bytes of a body that is held to be sent again: items are smaller by far, and 10,000
/// connections hold 640 MiB at worst.
pub(crate) const REPLAY_BYTES_MAX: usize = 64 << 10;

/// Most attempts for one request. With three replicas of which two are gone, three are needed.
const ATTEMPTS_MAX: usize = 3;

/// Pause before a replica that has just failed is asked again, because there is no other; it doubles
/// with each attempt, and half of it is drawn. A restart takes longer, a full backlog does not.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends the request to a replica, and to others if need be. Always returns an answer.
pub(crate) async fn forward(worker: &Rc<Worker>, mut exchange: Box<Exchange>) -> Reply {
    let closes = exchange.head.version < Version::HTTP_2;
    let plan = Plan::of(&mut exchange, worker);
    let (terms, deadline) = (&worker.terms, exchange.deadline);
    let mut attempts = Attempts {
        worker,
        plan: &plan,
        deadline,
        hedge: None,
        closes,
        interims: exchange.interims,
        next: Cell::new(Attempt::FIRST),
    };
    // Reading the body tells the client to send it, so a replica has to be there to take it.
    if plan.expects
        && let Err(unserved) = attempts.reach().await
    {
        return reply(unserved);
    }
    let taking = take(exchange.body, &exchange.head.headers, &exchange.refusals, &plan, terms);
    let intake = match taking.await {
        Ok(intake) => intake,
        Err(fault) => return refuse(fault, closes),
    };
    let Some(place) = worker.shared.overload.place() else { return reply(overloaded()) };
    let head = exchange.head;
    match intake {
        Intake::Whole(bytes) => {
            attempts.hedge = worker.hedge.as_ref().filter(|_| plan.is_read && bytes.is_none());
            let request = |attempt| {
                let mut request = Request::new(Sent::Whole(bytes.clone()));
                *request.method_mut() = head.method.clone();
                *request.uri_mut() = head.uri.clone();
                *request.headers_mut() = head.headers.clone();
                if let Some(mark) = plan.mark {
                    let field = worker.marks.field(mark, attempt);
                    request.headers_mut().insert(SHELF_ATTEMPT, field);
                }
                request
            };
            let answer = attempts.repeat(&request).await.unwrap_or_else(reply);
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
            let mut reply = match watch.fault() {
                Some(fault) => refuse(fault, closes),
                None => answer.unwrap_or_else(reply),
            };
            // Nobody needs the rest of what was refused.
            if !reply.status().is_success() {
                watch.let_go();
            }
            reply.body_mut().keep(watch.keep());
            reply
        }
    }
}

/// Answers for a body that is faulty. Where the next request would begin is not known, so the
/// connection ends; over HTTP/2 only the stream does.
fn refuse(fault: BodyFault, closes: bool) -> Reply {
    let mut reply = fault.reply();
    if closes {
        announce_close(&mut reply);
    }
    reply
}

fn announce_close(reply: &mut Reply) {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// The attempts of one request.
struct Attempts<'a> {
    worker: &'a Rc<Worker>,
    plan: &'a Plan,
    deadline: Instant,
    /// When a second replica is asked as well, if ever.
    hedge: Option<&'a Hedge>,
    /// Whether the client's connection can be ended: over HTTP/2 only the stream is.
    closes: bool,
    interims: Option<Interims>,
    /// The attempt that is sent next.
    next: Cell<Attempt>,
}

impl Attempts<'_> {
    /// Makes sure that a replica can be reached.
    async fn reach(&self) -> Result<(), Unserved> {
        let mut tried = Tried::default();
        loop {
            let in_flight = self.choose(&tried)?;
            let replica = in_flight.replica();
            tried.add(replica.number);
            let started = Instant::now();
            let reaching =
                reach(&self.worker.pools, replica, self.worker.terms.connect_time_max).await;
            let Err(cause) = reaching else { return Ok(()) };
            replica.failed(started);
            if tried.is_full() {
                return Err(self.give_up(Failed { unsent: true, cause }));
            }
        }
    }

    /// Sends a request that can be made again.
    async fn repeat(&self, request: &impl Fn(Attempt) -> Request<Sent>) -> Result<Reply, Unserved> {
        self.worker.budget.deposit();
        let mut tried = Tried::default();
        let mut worst: Option<Failed> = None;
        while !tried.is_full() {
            let in_flight = match self.choose(&tried) {
                Ok(in_flight) => in_flight,
                Err(unserved) => {
                    return Err(worst.map_or(unserved, |worst| self.give_up(worst)));
                }
            };
            let (number, attempt) = (in_flight.replica().number, tried.count());
            let again = tried.contains(number);
            tried.add(number);
            if again && !self.pause(attempt).await {
                break;
            }
            if attempt > 0 {
                self.worker.shared.metrics.retried();
            }
            let sent = match self.hedge {
                None => self.once(in_flight, request).await,
                // In a box, so that requests which are not hedged have no room for it.
                Some(hedge) => Box::pin(self.hedged(hedge, in_flight, request, &mut tried)).await,
            };
            let failed = match sent {
                Ok(Answered { answer, .. }) if self.is_in_doubt(&answer, worst.as_ref()) => break,
                Ok(answered) => return Ok(self.pass_on(answered)),
                Err(failed) => failed,
            };
            let may_repeat = !tried.is_full()
                && (failed.unsent || self.plan.repeatable && self.worker.budget.withdraw());
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

    /// Sends a request whose body passes through: another attempt is made only as long as nothing
    /// of it was sent.
    async fn pass(&self, request: Request<Sent>, watch: &stream::Watch) -> Result<Reply, Unserved> {
        let mut tried = Tried::default();
        let mut request = Some(request);
        while !tried.is_full() {
            let in_flight = self.choose(&tried)?;
            tried.add(in_flight.replica().number);
            let Some(sent) = request.take() else { break };
            let started = Instant::now();
            let sending = send(
                &self.worker.pools,
                in_flight.replica(),
                sent,
                // What passes through cannot be sent again if the connection turns out to be stale.
                Reuse::IfKept,
                self.worker.terms.connect_time_max,
                self.interims.as_ref(),
            );
            // A body may take as long as it likes to arrive; what is bounded is the time in which
            // nothing at all happens.
            let sent = tokio::select! {
                sent = sending => sent,
                () = watch.stalled(self.worker.terms.request_time_max) => {
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
                        lease.use_no_more();
                    }
                    let is_unread = answer.headers().get(CONNECTION).is_some_and(|v| v == "close");
                    let mut reply = self.pass_on(Answered { answer, lease, in_flight });
                    if is_unread && self.closes {
                        announce_close(&mut reply);
                    }
                    return Ok(reply);
                }
                Err(Failure { fate: Fate::Unsent(unsent), cause }) => {
                    in_flight.replica().failed(started);
                    request = Some(*unsent);
                    if tried.is_full() {
                        return Err(self.give_up(Failed { unsent: true, cause }));
                    }
                }
                Err(Failure { fate: Fate::MaybeSent | Fate::Stale, cause }) => {
                    self.note_sent(&cause);
                    if watch.fault().is_none() {
                        in_flight.replica().failed(started);
                    }
                    return Err(self.give_up(Failed { unsent: false, cause }));
                }
            }
        }
        Err(timed_out(false))
    }

    fn choose(&self, tried: &Tried) -> Result<InFlight, Unserved> {
        let (worker, now) = (self.worker, clock::now());
        let replicas = worker.shared.replicas.load();
        let key = self.plan.key();
        let max = worker.terms.replica_requests_max;
        replicas.choose(worker.terms.balance, key.as_deref(), tried.numbers(), max, now).map_err(
            |none| match none {
                NoReplica::None => {
                    let problem = Problem::new("The gateway knows of no replica.");
                    Unsent::NoReplica(problem, RetryAfter(1)).into()
                }
                NoReplica::Full => overloaded().into(),
            },
        )
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
        request: &impl Fn(Attempt) -> Request<Sent>,
    ) -> Result<Answered, Failed> {
        let replica = Arc::clone(in_flight.replica());
        let under_way = UnderWay::start(in_flight);
        let _awaiting = replica.awaiting();
        let started = under_way.started;
        let sending = self.send(&replica, request);
        let until = self.deadline.min(started + self.worker.terms.try_time_max);
        let sent = self.patiently(&replica, started, until, sending).await;
        let in_flight = under_way.end();
        let failure = match sent {
            Ok(Ok((answer, lease))) => {
                replica.answered(started, Grade::of(&answer));
                return Ok(Answered { answer, lease, in_flight });
            }
            Ok(Err(failure)) => failure,
            Err(TimedOut) => Failure { fate: Fate::MaybeSent, cause: Cause::Timeout },
        };
        let origin = &replica.origin;
        let unsent = matches!(failure.fate, Fate::Unsent(_));
        let error = chain(&failure.cause);
        tracing::debug!(replica = %origin, unsent, error, "an attempt at {origin} failed: {error}");
        if !unsent {
            self.note_sent(&failure.cause);
        }
        if !matches!(failure.fate, Fate::Stale) {
            replica.failed(started);
        }
        Err(Failed { unsent, cause: failure.cause })
    }

    /// Sends a request to a replica, and once more on a new connection if the one that it was sent on
    /// turns out to be stale.
    async fn send(
        &self,
        replica: &Replica,
        request: &impl Fn(Attempt) -> Request<Sent>,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let (pools, time_max) = (&self.worker.pools, self.worker.terms.connect_time_max);
        let send = |reuse| {
            let request = request(self.next.get());
            send(pools, replica, request, reuse, time_max, self.interims.as_ref())
        };
        match send(Reuse::Allowed).await {
            Err(Failure { fate: Fate::Stale, cause }) if self.plan.repeatable => {
                self.note_sent(&cause);
                self.worker.shared.metrics.retried();
                send(Reuse::Never).await
            }
            sent => sent,
        }
    }

    /// Notes that an attempt may have arrived, and failed.
    fn note_sent(&self, cause: &Cause) {
        let Attempt { number, may_stray } = self.next.get();
        let may_stray = may_stray || matches!(cause, Cause::Timeout);
        self.next.set(Attempt { number: number + 1, may_stray });
    }

    /// Tells whether an answer says that nothing was written although an earlier attempt, which may
    /// have arrived, can still write: its replica may stand still and go on later. Replicas remember
    /// what a later attempt did, so that the earlier one does nothing, but a refusal leaves nothing
    /// to be remembered. What a refusal says of the request alone holds for every attempt.
    fn is_in_doubt(&self, answer: &Response<Incoming>, earlier: Option<&Failed>) -> bool {
        let may_have_arrived = earlier.is_some_and(|failed| !failed.unsent);
        let depends_on_the_item =
            matches!(answer.status().as_u16(), 404 | 409 | 412 | 422 | 500..=599);
        self.plan.is_write && may_have_arrived && depends_on_the_item
    }

    /// Makes a replica's answer the gateway's.
    fn pass_on(&self, answered: Answered) -> Reply {
        let Answered { answer, lease, in_flight } = answered;
        let (mut head, body) = answer.into_parts();
        strip_answer(&mut head.headers);
        let pause_max = self.worker.terms.request_time_max;
        Response::from_parts(
            head,
            ReplyBody::Passed(Passed::new(body, lease, in_flight, pause_max)),
        )
    }

    fn give_up(&self, failed: Failed) -> Unserved {
        let problem = Problem::default().caused_by(Told(chain(&failed.cause)));
        if failed.unsent && self.next.get() == Attempt::FIRST {
            return Unsent::NoReplica(problem, RetryAfter(1)).into();
        }
        match failed.cause {
            Cause::Timeout | Cause::ConnectTimeout => Unanswered::ReplicaTimeout(problem).into(),
            Cause::Connect(_)
            | Cause::Connection(_)
            | Cause::Coding
            | Cause::Status(_)
            | Cause::Switched => Unanswered::ReplicaFailed(problem).into(),
        }
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
