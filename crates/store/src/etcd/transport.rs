//! Calls etcd: its requests, its deadlines and its tokens.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::config::Config;
use super::failure::{Cause, EtcdFailure};
use super::message::{LeaseResponse, RangeRequest, RangeResponse, Status, Txn, TxnResponse};
use super::token::{AuthToken, AuthTokens};
use super::wire::int64;
use crate::remote::http::{Effect, Endpoint, LostRequest, Members, Repeat, SetupError, TimeLimits};

/// How long one member may take. An election takes one to two seconds; a member that is silent for
/// longer is stopped or cut off. A write has no longer than a read: a follower sends it on to the leader that
/// has just died, which it notices only after a second, and the write is lost; etcd says so only
/// after seven seconds, when a caller that asks for its outcome has long been done.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one member may take to say that it can serve. It reads next to nothing and its answer
/// is of no other use, so a healthy member that is slow for once costs no more than a repetition;
/// and after an election a call waits no longer than this for a member that has not noticed.
const PROBE_TIMEOUT: Duration = Duration::from_millis(300);

/// How often one call fetches a new token. The second time is for a token that was fetched while
/// roles were changed; a third refusal has another reason.
const RENEWALS_MAX: u32 = 2;

/// The largest answer: a thousand items of the largest size that etcd stores are six times as much,
/// so pages of large items are read with fewer items at a time.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Reads.
    Range,
    /// Reads and writes.
    Txn,
    /// Trades user and password for a token.
    Authenticate,
    /// Makes a lease.
    LeaseGrant,
    /// Asks how a member is.
    Status,
}

impl Call {
    const fn path(self) -> &'static str {
        match self {
            Self::Range => "/v3/kv/range",
            Self::Txn => "/v3/kv/txn",
            Self::Authenticate => "/v3/auth/authenticate",
            Self::LeaseGrant => "/v3/lease/grant",
            Self::Status => "/v3/maintenance/status",
        }
    }
}

/// Calls a cluster. [`Members`] says how one member follows another, that all calls are to be made
/// from one runtime, and what becomes of a dropped call.
///
/// A member that cannot be reached, breaks the connection off, is silent for two seconds, or says
/// that it has no leader, is followed by the next, until the configured time is over.
#[derive(Debug)]
pub(crate) struct Transport {
    members: Members,
    tokens: Option<AuthTokens>,
    timeout: Duration,
}

impl Transport {
    /// Prepares everything and connects to no member yet. It reads the files that the URL names, and
    /// blocks while it does.
    ///
    /// # Errors
    /// [`SetupError`], when those files are of no use.
    pub(crate) fn new(config: &Config) -> Result<Self, SetupError> {
        Ok(Self {
            members: Members::new(&config.endpoints, config.tls.as_ref(), ANSWER_BYTES_MAX)?,
            tokens: config.credentials.as_ref().map(AuthTokens::new),
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
    /// [`EtcdFailure`], without effect.
    pub(crate) async fn range(&self, request: &RangeRequest) -> Result<RangeResponse, EtcdFailure> {
        self.call(Call::Range, request, Repeat::Freely).await
    }

    /// Waits until a member can read and write, and asks it first from now on: it reads `key`,
    /// which need not be there, linearizably.
    ///
    /// # Errors
    /// [`EtcdFailure`], without effect, when there is none within the configured time.
    pub(crate) async fn probe(&self, key: Bytes) -> Result<(), EtcdFailure> {
        let request = RangeRequest { key, keys_only: true, ..RangeRequest::default() };
        let probe =
            self.call_within::<RangeResponse>(PROBE_TIMEOUT, Call::Range, &request, Repeat::Freely);
        probe.await.map(drop)
    }

    /// Carries a transaction out. One that cannot write is treated as a read.
    ///
    /// # Errors
    /// [`EtcdFailure`]; its [`effect`](EtcdFailure::effect) says whether the transaction may have happened.
    pub(crate) async fn txn(&self, txn: &Txn) -> Result<TxnResponse, EtcdFailure> {
        let repeat = if txn.can_write() { Repeat::IfWithoutEffect } else { Repeat::Freely };
        self.call(Call::Txn, txn, repeat).await
    }

    /// Makes a lease of at least `ttl`, in whole seconds. etcd can make it longer: it does not
    /// grant less than one and a half election timeouts.
    ///
    /// # Errors
    /// [`EtcdFailure`]. When the answer is lost, the lease exists, is never used, and ends by itself.
    pub(crate) async fn lease_grant(&self, ttl: Duration) -> Result<LeaseResponse, EtcdFailure> {
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
    /// [`EtcdFailure`], without effect.
    pub(crate) async fn status(&self) -> Result<Status, EtcdFailure> {
        #[derive(Serialize)]
        struct Request {}
        self.call(Call::Status, &Request {}, Repeat::Freely).await
    }

    async fn call<A: DeserializeOwned>(
        &self,
        call: Call,
        request: &impl Serialize,
        repeat: Repeat,
    ) -> Result<A, EtcdFailure> {
        self.call_within(ATTEMPT_TIMEOUT, call, request, repeat).await
    }

    async fn call_within<A: DeserializeOwned>(
        &self,
        attempt_time: Duration,
        call: Call,
        request: &impl Serialize,
        repeat: Repeat,
    ) -> Result<A, EtcdFailure> {
        let request = serde_json::to_vec(request).map_err(|error| {
            let cause = Cause::Refused("it cannot be written as JSON".to_owned());
            EtcdFailure::new(cause, Effect::Nothing).with_source(error)
        })?;
        let request = Bytes::from(request);
        let limits = TimeLimits { deadline: Instant::now() + self.timeout, attempt_time };
        let answer = self.members.call(limits, repeat, async |endpoint: &Endpoint| {
            self.ask(endpoint, call, &request, limits).await
        });
        let answer = answer.await.and_then(|answer| {
            serde_json::from_slice(&answer).map_err(|error| {
                EtcdFailure::new(Cause::Unreadable, Effect::Possible).with_source(error)
            })
        });
        match repeat {
            Repeat::Freely => answer.map_err(EtcdFailure::without_effect),
            Repeat::IfWithoutEffect => answer,
        }
    }

    /// Asks one member, and gets a new token when it wants one.
    async fn ask(
        &self,
        endpoint: &Endpoint,
        call: Call,
        request: &Bytes,
        limits: TimeLimits,
    ) -> Result<Bytes, EtcdFailure> {
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
        tokens: &AuthTokens,
        refused: Option<&Arc<AuthToken>>,
        endpoint: &Endpoint,
        limits: TimeLimits,
    ) -> Result<Arc<AuthToken>, EtcdFailure> {
        let until = limits.attempt_deadline();
        let renewal = tokens.renew(refused, |request| {
            self.exchange(endpoint, Call::Authenticate, request, None, limits)
        });
        // The time covers the wait for another call's renewal as well.
        let renewed = timeout_at(until, renewal).await;
        renewed.unwrap_or_else(|_| Err(LostRequest::timed_out(Effect::Nothing).into()))
    }

    /// Sends one request and judges the answer.
    async fn exchange(
        &self,
        endpoint: &Endpoint,
        call: Call,
        body: Bytes,
        token: Option<&HeaderValue>,
        limits: TimeLimits,
    ) -> Result<Bytes, EtcdFailure> {
        let until = limits.attempt_deadline();
        let path = PathAndQuery::from_static(call.path());
        let mut request = Request::post(endpoint.uri(path))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(body).expect("every part is parsed already");
        let answer = self.members.send(request, until).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        let failure = EtcdFailure::of_answer(answer.status, &answer.body);
        Err(match answer.effect {
            Effect::Nothing => failure.without_effect(),
            Effect::Possible => failure,
        })
    }
}
