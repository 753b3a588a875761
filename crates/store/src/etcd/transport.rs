//! Sends requests to the members of a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::body::Tracked;
use super::config::Config;
use super::connect::{self, Client};
use super::endpoint::{Call, Endpoint};
use super::failure::{Cause, Effect, Failure};
use super::message::{Lease, RangeRequest, RangeResponse, Status, Txn, TxnResponse};
pub(crate) use super::tls::SetupError;
use super::token::{Token, Tokens};
use super::turns::Turns;
use super::wire::int64;

/// How long one member may take. An election takes one to two seconds; who is silent for longer is
/// stopped or cut off. A write has no longer than a read: a follower sends it on to the leader that
/// has just died, which it notices only after a second, and the write is lost; etcd says so only
/// after seven seconds, when a caller that asks for its outcome has long been done.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one member may take to say that it can serve. It reads next to nothing and its answer
/// is of no other use, so a healthy member that is slow for once costs no more than a repetition;
/// and after an election nobody waits for longer than this on a member that has not noticed.
const PROBE_TIMEOUT: Duration = Duration::from_millis(300);

/// How often one call fetches a new token. The second time is for a token that was fetched while
/// roles were changed; a third refusal has another reason.
const RENEWALS_MAX: u32 = 2;

/// The largest answer: a thousand items of the largest size that etcd stores are six times as much,
/// so whoever reads pages of large items asks for fewer at a time.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// A cluster, and the connections to it.
///
/// # Fail-over
/// The member that answered last is asked first. A member that cannot be reached, breaks off, is
/// silent for two seconds, or says that it has no leader, is followed by the next, until the
/// configured time is over; after each round there is a pause. What can change something is sent again only when it surely
/// had no effect: an unknown outcome is the caller's to resolve.
///
/// # One runtime
/// A connection is driven by the runtime that opened it, and is of no use to others when that one
/// stops or waits. So all calls are to be made from **one runtime**, with its timers and I/O
/// enabled; the back end has a thread of its own for it. Any number of calls may be under way
/// there at once, none waits for another; each has a connection of its own meanwhile, so the back
/// end bounds their number.
///
/// # Cancel safety
/// A dropped call is as if its answer were lost: etcd may still carry it out.
#[derive(Debug)]
pub(crate) struct Transport {
    client: Client,
    endpoints: Vec<Endpoint>,
    /// Which endpoint is asked first.
    preferred: AtomicUsize,
    tokens: Option<Tokens>,
    timeout: Duration,
}

/// How long a call may take, and one member with it.
#[derive(Clone, Copy, Debug)]
struct Limits {
    deadline: Instant,
    try_time: Duration,
}

impl Limits {
    /// Returns when a try that begins now has to end.
    fn until(self) -> Instant {
        self.deadline.min(Instant::now() + self.try_time)
    }
}

/// Whether a request can be sent again after it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Freely,
    IfWithoutEffect,
}

impl Transport {
    /// Prepares everything and connects to nobody yet. It reads the files that the URL names, and
    /// blocks while it does.
    ///
    /// # Errors
    /// [`SetupError`], when those files are of no use.
    pub(crate) fn new(config: &Config) -> Result<Self, SetupError> {
        let client = connect::client(config.tls.as_ref())?;
        let endpoints = config
            .endpoints
            .iter()
            .map(|host| {
                Endpoint::new(host, config.tls.is_some())
                    .map_err(|source| SetupError::Host { host: host.clone(), source })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            client,
            endpoints,
            preferred: AtomicUsize::new(0),
            tokens: config.credentials.as_ref().map(Tokens::new),
            timeout: config.timeout,
        })
    }

    /// Returns how long a call may take in all.
    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Reads keys; it sees every write that was answered before.
    ///
    /// # Errors
    /// [`Failure`], without effect.
    pub(crate) async fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Failure> {
        self.call(Call::Range, request, Repeat::Freely).await
    }

    /// Waits until a member can read and write, and asks that one first from now on: it reads `key`,
    /// which need not be there, linearizably.
    ///
    /// # Errors
    /// [`Failure`], without effect, when there is none within the configured time.
    pub(crate) async fn probe(&self, key: Bytes) -> Result<(), Failure> {
        let request = RangeRequest { key, keys_only: true, ..RangeRequest::default() };
        let probe =
            self.call_within::<RangeResponse>(PROBE_TIMEOUT, Call::Range, &request, Repeat::Freely);
        probe.await.map(drop)
    }

    /// Carries a transaction out. One that cannot write is treated as a read.
    ///
    /// # Errors
    /// [`Failure`]; its [`effect`](Failure::effect) says whether the transaction may have happened.
    pub(crate) async fn txn(&self, txn: &Txn) -> Result<TxnResponse, Failure> {
        let repeat = if txn.can_write() { Repeat::IfWithoutEffect } else { Repeat::Freely };
        self.call(Call::Txn, txn, repeat).await
    }

    /// Makes a lease of at least `ttl`, in whole seconds. etcd can make it longer: it does not
    /// grant less than one and a half election timeouts.
    ///
    /// # Errors
    /// [`Failure`]. When the answer is lost there is a lease that nobody knows; it ends by itself.
    pub(crate) async fn lease_grant(&self, ttl: Duration) -> Result<Lease, Failure> {
        #[derive(Serialize)]
        struct Request {
            #[serde(rename = "TTL", with = "int64")]
            ttl: i64,
        }
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let request = Request { ttl: i64::try_from(seconds).unwrap_or(i64::MAX) };
        self.call(Call::LeaseGrant, &request, Repeat::Freely).await
    }

    /// Asks one member how it is; [`Status::trouble`] judges the answer. The member speaks for
    /// itself: one that is cut off answers too.
    ///
    /// # Errors
    /// [`Failure`], without effect.
    pub(crate) async fn status(&self) -> Result<Status, Failure> {
        #[derive(Serialize)]
        struct Request {}
        self.call(Call::Status, &Request {}, Repeat::Freely).await
    }

    async fn call<A: DeserializeOwned>(
        &self,
        call: Call,
        request: &impl Serialize,
        repeat: Repeat,
    ) -> Result<A, Failure> {
        self.call_within(TRY_TIMEOUT, call, request, repeat).await
    }

    async fn call_within<A: DeserializeOwned>(
        &self,
        try_time: Duration,
        call: Call,
        request: &impl Serialize,
        repeat: Repeat,
    ) -> Result<A, Failure> {
        let request = serde_json::to_vec(request).map_err(|error| {
            let cause = Cause::Refused("it cannot be written as JSON".to_owned());
            Failure::new(cause, Effect::Nothing).with_source(error)
        })?;
        let limits = Limits { deadline: Instant::now() + self.timeout, try_time };
        let answer = self.send(call, request.into(), repeat, limits).await.and_then(|answer| {
            serde_json::from_slice(&answer).map_err(|error| {
                Failure::new(Cause::Unreadable, Effect::Possible).with_source(error)
            })
        });
        match repeat {
            Repeat::Freely => answer.map_err(Failure::without_effect),
            Repeat::IfWithoutEffect => answer,
        }
    }

    /// Asks one member after the other.
    async fn send(
        &self,
        call: Call,
        request: Bytes,
        repeat: Repeat,
        limits: Limits,
    ) -> Result<Bytes, Failure> {
        let mut earlier = None;
        let mut turns = Turns::new(self.preferred.load(Ordering::Relaxed), self.endpoints.len());
        loop {
            let index = turns.index();
            let failure = match self.ask(index, call, &request, limits).await {
                Ok(answer) => {
                    // A store by every call would have the cores fight for the cache line.
                    if self.preferred.load(Ordering::Relaxed) != index {
                        self.preferred.store(index, Ordering::Relaxed);
                    }
                    return Ok(answer);
                }
                Err(failure) => failure.at(self.endpoints[index].name()),
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
            let pause = turns.pass();
            if Instant::now() + pause >= limits.deadline {
                // A try that the deadline cut off before it began says less than the one before.
                let cut = failure.is_cut_off();
                return Err(earlier.filter(|_| cut).unwrap_or(failure));
            }
            tracing::debug!(%failure, "another etcd member is asked");
            earlier = Some(failure);
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }

    /// Asks one member, and gets a new token when it wants one.
    async fn ask(
        &self,
        index: usize,
        call: Call,
        request: &Bytes,
        limits: Limits,
    ) -> Result<Bytes, Failure> {
        let endpoint = &self.endpoints[index];
        let Some(tokens) = &self.tokens else {
            return self.exchange(endpoint, call, request.clone(), None, limits).await;
        };
        let mut token = match tokens.current() {
            Some(token) => token,
            None => self.renew(tokens, None, endpoint, limits).await?,
        };
        let mut renewals = 0;
        loop {
            let request = request.clone();
            let token_sent = token.as_ref().as_ref();
            let answer = self.exchange(endpoint, call, request, token_sent, limits);
            match answer.await {
                Err(failure) if failure.wants_token() && renewals < RENEWALS_MAX => {
                    renewals += 1;
                    token = self.renew(tokens, Some(&token), endpoint, limits).await?;
                }
                answer => return answer,
            }
        }
    }

    async fn renew(
        &self,
        tokens: &Tokens,
        refused: Option<&Arc<Token>>,
        endpoint: &Endpoint,
        limits: Limits,
    ) -> Result<Arc<Token>, Failure> {
        let until = limits.until();
        let renewal = tokens.renew(refused, |request| {
            self.exchange(endpoint, Call::Authenticate, request, None, limits)
        });
        // The time covers the wait for another call's renewal as well.
        timeout_at(until, renewal)
            .await
            .unwrap_or(Err(Failure::new(Cause::TimedOut, Effect::Nothing)))
    }

    /// Sends one request and reads the answer.
    async fn exchange(
        &self,
        endpoint: &Endpoint,
        call: Call,
        request: Bytes,
        token: Option<&HeaderValue>,
        limits: Limits,
    ) -> Result<Bytes, Failure> {
        let until = limits.until();
        let mut builder = Request::post(endpoint.uri(call))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            builder = builder.header(AUTHORIZATION, token);
        }
        let (body, tracker) = Tracked::new(request);
        let request = builder.body(body).expect("every part is parsed already");
        let exchange = async {
            let response = self.client.request(request).await.map_err(Failure::of_request)?;
            let status = response.status();
            let answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let answer = answer.map_err(Failure::of_body)?.to_bytes();
            if status == StatusCode::OK {
                Ok(answer)
            } else {
                Err(Failure::of_answer(status, &answer))
            }
        };
        let answer = timeout_at(until, exchange)
            .await
            .unwrap_or(Err(Failure::new(Cause::TimedOut, Effect::Possible)));
        answer.map_err(|failure| if tracker.abandon() { failure } else { failure.without_effect() })
    }
}
