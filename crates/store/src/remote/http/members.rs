//! The members of a cluster: which one is asked, and which one after it.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::time::{Instant, sleep};

use super::client::{Client, Effect, HttpAnswer, LostRequest};
use super::endpoint::Endpoint;
use super::rotation::Rotation;
use super::tls::{SetupError, Tls};

/// How long a call may take, and one member with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimits {
    /// When the call has to end.
    pub(crate) deadline: Instant,
    /// How long one member may take.
    pub(crate) attempt_time: Duration,
}

impl TimeLimits {
    /// Returns when an attempt that begins now has to end.
    pub(crate) fn attempt_deadline(self) -> Instant {
        self.deadline.min(Instant::now() + self.attempt_time)
    }
}

/// Whether a request can be sent again after it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It changes nothing.
    Freely,
    /// It changes something.
    IfWithoutEffect,
}

/// Why an attempt at one member failed, as the engine judges it.
pub(crate) trait AttemptFailure: Display {
    /// Adds the name of the member, unless there is one.
    fn at(self, member: &str) -> Self;

    /// Tells whether another member may do better.
    fn is_of_member(&self) -> bool;

    /// Tells whether the time was over before anything was sent.
    fn is_cut_off(&self) -> bool;

    /// Tells whether the request may have changed something.
    fn effect(&self) -> Effect;
}

/// The members of a cluster, and the connections to them.
///
/// # Fail-over
/// The member that answered last is asked first. If an attempt at a member fails for a reason of
/// that member, the next one is asked, until the deadline; after each round there is a pause. A
/// request that can change something is sent again only when it surely had no effect: the caller
/// resolves an unknown outcome.
///
/// # One runtime
/// The runtime that opened a connection drives it, and the connection is of no use to others when
/// that runtime stops or waits. So all calls are to be made from **one runtime**, with its timers
/// and I/O enabled; a remote store has a thread of its own for it. Any number of calls may be under
/// way there at once, and none waits for another; each has a connection of its own meanwhile, so the
/// caller bounds their number.
///
/// # Cancel safety
/// A dropped call is as if its answer were lost: a member may still carry it out.
#[derive(Debug)]
pub(crate) struct Members {
    client: Client,
    endpoints: Vec<Endpoint>,
    /// Which endpoint is asked first.
    preferred: AtomicUsize,
}

impl Members {
    /// Prepares everything and connects to no member yet. It reads the files of `tls`, and blocks
    /// while it does.
    ///
    /// # Errors
    /// [`SetupError`], when those files or a host are of no use.
    pub(crate) fn new(
        hosts: &[String],
        tls: Option<&Tls>,
        answer_bytes_max: usize,
    ) -> Result<Self, SetupError> {
        let client = Client::new(tls, answer_bytes_max)?;
        let endpoint = |host: &String| {
            Endpoint::new(host, tls.is_some())
                .map_err(|source| SetupError::Host { host: host.clone(), source })
        };
        let endpoints = hosts.iter().map(endpoint).collect::<Result<_, _>>()?;
        Ok(Self { client, endpoints, preferred: AtomicUsize::new(0) })
    }

    /// Sends one request to the member that its URL names; see [`Client::send`].
    ///
    /// # Errors
    /// [`LostRequest`], when there is no answer.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        until: Instant,
    ) -> Result<HttpAnswer, LostRequest> {
        self.client.send(request, until).await
    }

    /// Has `attempt` ask one member after the other.
    ///
    /// # Errors
    /// The failure of the last attempt that says something.
    pub(crate) async fn call<A, F: AttemptFailure>(
        &self,
        limits: TimeLimits,
        repeat: Repeat,
        attempt: impl AsyncFn(&Endpoint) -> Result<A, F>,
    ) -> Result<A, F> {
        let mut earlier = None;
        let first = self.preferred.load(Ordering::Relaxed);
        let mut rotation = Rotation::new(first, self.endpoints.len());
        loop {
            let index = rotation.index();
            let endpoint = &self.endpoints[index];
            let failure = match attempt(endpoint).await {
                Ok(answer) => {
                    // A store by every call would have the cores fight for the cache line.
                    if self.preferred.load(Ordering::Relaxed) != index {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    return Ok(answer);
                }
                Err(failure) => failure.at(endpoint.name()),
            };
            if !failure.is_of_member() {
                return Err(failure);
            }
            // The next call shall not wait for the same member, also when this one ends here.
            let next = (index + 1) % self.endpoints.len();
            let _ =
                self.preferred.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
            if repeat == Repeat::IfWithoutEffect && failure.effect() == Effect::Possible {
                return Err(failure);
            }
            let pause = rotation.advance();
            if Instant::now() + pause >= limits.deadline {
                // An attempt that the deadline cut off before it began says less than the one before.
                let cut = failure.is_cut_off();
                return Err(earlier.filter(|_| cut).unwrap_or(failure));
            }
            tracing::debug!(%failure, "another member is asked");
            earlier = Some(failure);
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
