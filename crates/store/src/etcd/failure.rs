//! What it means when there is no answer.
//!
//! The question that matters is whether a write may have happened. The rule: *nothing* happened
//! only where etcd is known to refuse before it proposes to Raft, or where the whole transaction is
//! checked before it is applied; everything else *possibly* did.
//!
//! | etcd 3.4 says | code, status | a write |
//! |---|---|---|
//! | connection refused, TLS failed, body not begun to be sent | | has not happened |
//! | `too many requests`, `no leader` | 8, 429; 14, 503 | has not happened |
//! | `request is too large`, `grpc: received message larger than max` | 3, 400; 8, 429 | has not happened |
//! | `too many operations`, `duplicate key`, `lease not found`, .. | 3, 400; 5, 404 | has not happened |
//! | `invalid auth token`, `user name is empty`, `permission denied` | 16, 401; 3, 400; 7, 403 | has not happened |
//! | `database space exceeded` | 8, 429 | **can have happened**: the one that crosses the quota |
//! | `request timed out`, `context deadline exceeded` | 14, 503; 2, 500 | can have happened |
//! | `leader changed`, `transport is closing`, `server stopped` | 14, 503 | can have happened |
//! | connection lost, deadline passed, unreadable answer | | can have happened |

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::message::{ErrorAnswer, Status};
use crate::error::{Error, ErrorKind};
use crate::remote::http::{AttemptFailure, Effect, LossReason, LostRequest};

/// Codes of gRPC, which the gateway passes on.
mod code {
    pub(super) const INVALID_ARGUMENT: u32 = 3;
    pub(super) const NOT_FOUND: u32 = 5;
    pub(super) const PERMISSION_DENIED: u32 = 7;
    pub(super) const FAILED_PRECONDITION: u32 = 9;
    pub(super) const OUT_OF_RANGE: u32 = 11;
    pub(super) const UNIMPLEMENTED: u32 = 12;
    pub(super) const DATA_LOSS: u32 = 15;
    pub(super) const UNAUTHENTICATED: u32 = 16;
}

/// Why there is no answer.
///
/// It becomes an [`Error`] with `?`. The causes that a back end treats in its own way can be asked
/// for before.
#[derive(Debug)]
pub(crate) struct EtcdFailure {
    cause: Cause,
    effect: Effect,
    /// The member that was asked, as the URL names it.
    member: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No connection came about.
    Unreachable,
    /// The connection broke.
    Lost,
    /// The time was over.
    TimedOut,
    /// The member, or the cluster as it sees it, cannot do its work; in its words.
    Ailing(String),
    /// More is waiting than etcd holds.
    Busy,
    /// The database has reached its quota.
    Full,
    /// The request is larger than etcd takes.
    TooLarge,
    /// The token is none, or none any more.
    StaleToken,
    /// Authentication is on and the URL has no user.
    NoCredentials,
    /// The user and the password do not fit.
    WrongCredentials,
    /// The user may not do this.
    Denied,
    /// etcd found itself damaged.
    Corrupt,
    /// The request is wrong; in etcd's words.
    Refused(String),
    /// What answered does not speak as etcd does.
    Unreadable,
}

impl EtcdFailure {
    pub(super) const fn new(cause: Cause, effect: Effect) -> Self {
        Self { cause, effect, member: None, source: None }
    }

    pub(super) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// For a request that changes nothing.
    pub(super) const fn without_effect(mut self) -> Self {
        self.effect = Effect::Nothing;
        self
    }

    /// Judges an answer that is no success.
    pub(super) fn of_answer(status: StatusCode, body: &[u8]) -> Self {
        let refused = serde_json::from_slice::<ErrorAnswer>(body).ok();
        let refused = refused.filter(|refused| !refused.message.is_empty());
        let (cause, effect) = refused.map_or_else(|| judge_stranger(status), judge);
        Self::new(cause, effect)
    }

    /// Returns what went wrong.
    pub(crate) const fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Tells whether the request named a lease that etcd does not know, or knows no more.
    pub(super) fn is_lost_lease(&self) -> bool {
        matches!(&self.cause, Cause::Refused(words) if words.contains("lease not found"))
    }

    /// Tells whether the revision that was to be read is no longer kept.
    pub(super) fn is_compacted(&self) -> bool {
        matches!(&self.cause, Cause::Refused(words) if words.contains("revision has been compacted"))
    }

    /// Tells whether a new token may help.
    pub(super) const fn wants_token(&self) -> bool {
        matches!(self.cause, Cause::StaleToken | Cause::NoCredentials)
    }

    const fn kind(&self) -> ErrorKind {
        match (&self.cause, self.effect) {
            (Cause::Corrupt, _) => ErrorKind::Corrupt,
            (_, Effect::Possible) => ErrorKind::Unknown,
            (Cause::Busy, _) => ErrorKind::Overloaded,
            (Cause::Full, _) => ErrorKind::Full,
            (Cause::TooLarge, _) => ErrorKind::TooLarge,
            (Cause::Refused(_) | Cause::Unreadable, _) => ErrorKind::Internal,
            // Wrong credentials too: once they are mended on etcd's side, the next call succeeds.
            _ => ErrorKind::Unavailable,
        }
    }
}

impl AttemptFailure for EtcdFailure {
    fn at(mut self, member: &str) -> Self {
        self.member.get_or_insert_with(|| member.to_owned());
        self
    }

    fn is_of_member(&self) -> bool {
        matches!(self.cause, Cause::Unreachable | Cause::Lost | Cause::TimedOut | Cause::Ailing(_))
    }

    fn is_cut_off(&self) -> bool {
        matches!((&self.cause, self.effect), (Cause::TimedOut, Effect::Nothing))
    }

    fn effect(&self) -> Effect {
        self.effect
    }
}

impl From<LostRequest> for EtcdFailure {
    fn from(lost: LostRequest) -> Self {
        let cause = match lost.reason {
            LossReason::Unreachable => Cause::Unreachable,
            LossReason::Disconnected => Cause::Lost,
            LossReason::TimedOut => Cause::TimedOut,
            // Every member would give the same.
            LossReason::AnswerTooLarge => Cause::Unreadable,
        };
        Self { cause, effect: lost.effect, member: None, source: lost.source }
    }
}

/// Judges by etcd's words, and where they do not matter by the code.
fn judge(refused: ErrorAnswer) -> (Cause, Effect) {
    let says = |words| refused.message.contains(words);
    if says("database space exceeded") {
        // Checked before the proposal, and again while it is applied; the second time it is
        // carried out all the same.
        return (Cause::Full, Effect::Possible);
    }
    if says("request is too large") || says("received message larger than max") {
        return (Cause::TooLarge, Effect::Nothing);
    }
    if says("too many requests") {
        return (Cause::Busy, Effect::Nothing);
    }
    if says("no leader") {
        return (Cause::Ailing(refused.message), Effect::Nothing);
    }
    if says("user name is empty") {
        return (Cause::NoCredentials, Effect::Nothing);
    }
    if says("invalid user ID or password") {
        return (Cause::WrongCredentials, Effect::Nothing);
    }
    if says("revision of auth store is old") {
        return (Cause::StaleToken, Effect::Nothing);
    }
    match refused.code {
        code::UNAUTHENTICATED => (Cause::StaleToken, Effect::Nothing),
        code::PERMISSION_DENIED => (Cause::Denied, Effect::Nothing),
        code::DATA_LOSS => (Cause::Corrupt, Effect::Nothing),
        code::INVALID_ARGUMENT
        | code::NOT_FOUND
        | code::FAILED_PRECONDITION
        | code::OUT_OF_RANGE
        | code::UNIMPLEMENTED => (Cause::Refused(refused.message), Effect::Nothing),
        _ => (Cause::Ailing(refused.message), Effect::Possible),
    }
}

/// Judges an answer that is not in the gateway's form: that of a proxy, or of another service.
fn judge_stranger(status: StatusCode) -> (Cause, Effect) {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => (Cause::TooLarge, Effect::Nothing),
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            (Cause::Unreadable, Effect::Nothing)
        }
        _ => (Cause::Ailing(format!("status {}", status.as_u16())), Effect::Possible),
    }
}

impl Status {
    /// Returns what a write would fail with now, as far as this member knows.
    pub(crate) fn trouble(&self) -> Option<EtcdFailure> {
        let ails = |word| self.errors.iter().any(|error| error.contains(word));
        let cause = if ails("CORRUPT") {
            Cause::Corrupt
        } else if ails("NOSPACE") {
            Cause::Full
        } else if self.leader == 0 {
            Cause::Ailing("etcdserver: no leader".to_owned())
        } else {
            return None;
        };
        Some(EtcdFailure::new(cause, Effect::Nothing))
    }
}

impl fmt::Display for EtcdFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.member {
            Some(member) => write!(f, "etcd at {member} ")?,
            None => f.write_str("etcd ")?,
        }
        f.write_str(match &self.cause {
            Cause::Unreachable => "cannot be reached",
            Cause::Lost => "broke the connection off",
            Cause::TimedOut => "did not answer in time",
            Cause::Ailing(words) => return write!(f, "cannot answer: {words}"),
            Cause::Busy => "has more requests waiting than it takes",
            Cause::Full => {
                "has reached its quota; compact, defragment and disarm the alarm, or raise --quota-backend-bytes"
            }
            Cause::TooLarge => {
                "does not take requests as large as this one; see --max-request-bytes"
            }
            Cause::StaleToken => "does not accept the token that it gave out just before",
            Cause::NoCredentials => {
                "requires authentication; put USER:PASSWORD@ into the store's URL"
            }
            Cause::WrongCredentials => {
                "does not accept the user and the password in the store's URL; see `etcdctl user get` and `etcdctl user passwd`"
            }
            Cause::Denied => {
                "does not let this user touch the store's keys; see `etcdctl role grant-permission --prefix=true ROLE readwrite PREFIX/`"
            }
            Cause::Corrupt => "found its own data damaged; see `etcdctl alarm list`",
            Cause::Refused(words) => return write!(f, "refused the request: {words}"),
            Cause::Unreadable => {
                "did not answer as etcd does; is that the client port of etcd 3.4 or later, and is --enable-grpc-gateway on?"
            }
        })
    }
}

impl StdError for EtcdFailure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<EtcdFailure> for Error {
    fn from(mut failure: EtcdFailure) -> Self {
        let (kind, message) = (failure.kind(), failure.to_string());
        match failure.source.take() {
            Some(source) => Self::with_source(kind, message, Source(source)),
            None => Self::new(kind, message),
        }
    }
}

/// Lets a boxed error be a source.
struct Source(Box<dyn StdError + Send + Sync>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Source {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
