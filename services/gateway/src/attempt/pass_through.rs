//! Requests of which at least the body passes through: large bodies, and streams.

use std::time::{Duration, Instant};

use http::header::CONNECTION;
use http::{Request, Response};
use hyper::body::Incoming;

use super::attempts::Attempts;
use super::outcome::{FailedAttempt, ReplicaAnswer, timed_out};
use super::tried::TriedReplicas;
use crate::answers::NoAnswer;
use crate::balance::{Grade, Replica};
use crate::class::Class;
use crate::headers::{announce_close, strip_answer};
use crate::progress::{IdleTimer, Progress};
use crate::reply::{Reply, ReplyBody};
use crate::request_body::{StreamHandle, UpstreamBody};
use crate::stream::StreamAnswer;
use crate::upstream::{Delivery, Reuse, SendError, send};

/// What passes through.
pub(super) struct Passing<'a> {
    /// The body of the request, if there is one.
    pub(super) body: Option<&'a StreamHandle>,
    pub(super) progress: &'a Progress,
    /// Longest time in which nothing of it moves.
    pub(super) idle_time_max: Duration,
}

impl Attempts<'_> {
    /// Sends a request whose body is not held: another attempt is made only as long as nothing of it was
    /// sent.
    pub(super) async fn pass_through(
        &self,
        request: Request<UpstreamBody>,
        passing: &Passing<'_>,
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
                self.reuse(),
                self.forwarder.settings.connect_time_max,
                &self.interims,
            );
            // A body may take as long as it likes to arrive; what is bounded is the time in which
            // nothing at all happens.
            let sent = tokio::select! {
                sent = sending => sent,
                () = passing.progress.stalled(passing.idle_time_max) => {
                    self.note_stall(in_flight.replica(), started, passing.body);
                    return Err(timed_out(true));
                }
            };
            match sent {
                Ok((answer, mut lease)) => {
                    self.note_answer(in_flight.replica(), started, &answer);
                    // A replica that refuses a body and has not read it ends its connection, so that
                    // the rest is not taken for a request. Mostly it says so, and it is the same here.
                    let is_success = answer.status().is_success();
                    if !is_success || self.is_stream() {
                        lease.close_after_answer();
                    }
                    let answered = ReplicaAnswer { answer, lease, in_flight };
                    return Ok(match is_success && self.is_stream() {
                        true => stream_reply(answered, passing),
                        false => self.whole_reply(answered),
                    });
                }
                Err(SendError { delivery: Delivery::Unsent(unsent), cause }) => {
                    self.note_failure(in_flight.replica(), started);
                    request = Some(*unsent);
                    if tried.is_full() {
                        return Err(self.give_up(FailedAttempt { unsent: true, cause }));
                    }
                }
                Err(SendError { delivery: Delivery::MaybeSent | Delivery::Stale, cause }) => {
                    self.note_sent(&cause);
                    if passing.body.is_none_or(|body| body.fault().is_none()) {
                        self.note_failure(in_flight.replica(), started);
                    }
                    return Err(self.give_up(FailedAttempt { unsent: false, cause }));
                }
            }
        }
        Err(timed_out(false))
    }

    fn is_stream(&self) -> bool {
        self.plan.class == Class::Stream
    }

    /// What passes through cannot be sent again if a connection turns out to be stale. To a stream a new one costs
    /// nothing.
    fn reuse(&self) -> Reuse {
        if self.is_stream() { Reuse::Never } else { Reuse::IfKept }
    }

    fn note_answer(&self, replica: &Replica, started: Instant, answer: &Response<Incoming>) {
        match self.is_stream() {
            true => replica.answered_stream(Grade::of(answer)),
            false => replica.answered(started, Grade::of(answer)),
        }
    }

    fn note_failure(&self, replica: &Replica, started: Instant) {
        if self.is_stream() { replica.failed_stream() } else { replica.failed(started) }
    }

    /// Nothing has moved. The replica is not to blame for a client that sends nothing.
    fn note_stall(&self, replica: &Replica, started: Instant, body: Option<&StreamHandle>) {
        if let Some(body) = body
            && self.is_stream()
        {
            body.note_stall();
        }
        if body.is_none_or(|body| body.fault().is_none()) {
            self.note_failure(replica, started);
        }
    }

    /// Makes a replica's answer the gateway's; it ends the client's connection if the replica's ends.
    fn whole_reply(&self, answered: ReplicaAnswer) -> Reply {
        let headers = answered.answer.headers();
        let is_unread = headers.get(CONNECTION).is_some_and(|value| value == "close");
        let mut reply = self.pass_on(answered);
        if is_unread && self.closes {
            announce_close(reply.headers_mut());
        }
        reply
    }
}

/// Makes a replica's answer to a stream the gateway's.
fn stream_reply(answered: ReplicaAnswer, passing: &Passing<'_>) -> Reply {
    let ReplicaAnswer { answer, lease, in_flight } = answered;
    if let Some(body) = passing.body {
        // A replica need not ask before it answers.
        body.ask();
    }
    let (mut head, body) = answer.into_parts();
    strip_answer(&mut head.headers);
    let idle = IdleTimer::new(passing.progress.clone(), passing.idle_time_max);
    let answer = StreamAnswer::new(body, idle, lease, in_flight);
    Response::from_parts(head, ReplyBody::Stream(Box::new(answer)))
}
