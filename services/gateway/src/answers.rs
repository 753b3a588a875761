//! Everything the gateway answers itself. What is here is in the document; see
//! [`document`](crate::document).

use std::borrow::Cow;

use axum::response::IntoResponse;
use contract::guard::{HeadTooLarge, RetryAfter};
use contract::{Header, Place, Problem, Responses};
use http::header::{ALLOW, HeaderName, HeaderValue};

use crate::reply::{Reply, ReplyBody};
use crate::request_body::BodyFault;

/// Makes an answer of the gateway's own a reply.
pub(crate) fn reply(answer: impl IntoResponse) -> Reply {
    answer.into_response().map(ReplyBody::Own)
}

/// A request that could be read in two ways, or not at all.
#[derive(Debug, Responses)]
pub(crate) enum InvalidFraming {
    /// The request is framed or addressed in a way that can be read differently behind the gateway.
    /// The connection is closed.
    #[answer(400)]
    UnsoundFraming(Problem),
}

/// A head that did not arrive in time.
#[derive(Debug, Responses)]
pub(crate) enum SlowHead {
    /// The head of the request took too long to arrive. The connection is closed.
    #[answer(408)]
    HeadTimeout(Problem),
}

impl InvalidFraming {
    pub(crate) fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self::UnsoundFraming(Problem::new(why))
    }

    pub(crate) fn target(why: &str) -> Self {
        Self::new(format!("The request's target is refused: {why}."))
    }

    pub(crate) fn field(name: &HeaderName, why: &str) -> Self {
        let problem = Problem::new(format!("The header field {name} is refused: {why}."));
        Self::UnsoundFraming(problem.at(Place::header(name.as_str(), why)))
    }
}

/// What is answered in place of a request that is not taken up.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum Refusal {
    Framing(InvalidFraming),
    Slow(SlowHead),
    Large(HeadTooLarge),
    Overloaded(Overloaded),
}

/// `Allow`: the methods that a path takes (RFC 9110 §10.2.1).
#[derive(Clone, Debug)]
pub(crate) struct Allow(pub(crate) HeaderValue);

impl Allow {
    /// Returns the methods that some path takes.
    pub(crate) const fn any() -> Self {
        Self(HeaderValue::from_static("DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"))
    }
}

impl Header for Allow {
    const NAME: HeaderName = ALLOW;
    const DESCRIPTION: &'static str = "The methods that this path takes.";

    fn value(self) -> HeaderValue {
        self.0
    }
}

/// What OPTIONS answers when the request ends at the gateway.
#[derive(Debug, Responses)]
pub(crate) enum Options {
    /// `Allow` lists the methods that this path takes.
    #[answer(204)]
    Methods(Allow),
}

/// A request whose path does not take its method, as the replicas answer it.
#[derive(Debug, Responses)]
pub(crate) enum WrongMethod {
    /// This path does not take that method. `Allow` lists those it takes.
    #[answer(405)]
    MethodNotAllowed(Problem, Allow),
}

impl WrongMethod {
    pub(crate) fn new(allow: Allow) -> Self {
        Self::MethodNotAllowed(Problem::default(), allow)
    }
}

/// A body that did not arrive as announced, or is too large for the gateway.
#[derive(Debug, Responses)]
pub(crate) enum BadBody {
    /// The body ended before it was complete. Send the request again.
    #[answer(400)]
    IncompleteBody(Problem),
    /// The body took too long to arrive. Send the request again.
    #[answer(408)]
    BodyTimeout(Problem),
    /// The body is larger than the service takes.
    #[answer(413)]
    ContentTooLarge(Problem),
}

/// Answers for a body that is faulty.
pub(crate) fn refuse_body(fault: BodyFault) -> Reply {
    match fault {
        BodyFault::Malformed => {
            reply(InvalidFraming::new("The body breaks the chunked transfer coding."))
        }
        BodyFault::Incomplete => reply(BadBody::IncompleteBody(Problem::default())),
        BodyFault::Slow => reply(BadBody::BodyTimeout(Problem::default())),
        BodyFault::TooLarge { bytes_max } => {
            let detail = format!("The body is larger than the {bytes_max} bytes allowed.");
            reply(BadBody::ContentTooLarge(Problem::new(detail)))
        }
        BodyFault::OutOfMemory => reply(overloaded()),
    }
}

/// What is answered when no replica has.
#[derive(Debug, Responses)]
#[responses(union)]
pub(crate) enum NoAnswer {
    NotSent(NotSent),
    Overloaded(Overloaded),
    Lost(LostAnswer),
}

/// No replica took the request.
#[derive(Debug, Responses)]
pub(crate) enum NotSent {
    /// No replica can be reached at the moment. The request was not sent to any, so nothing was
    /// written.
    #[answer(503)]
    NoReplica(Problem, RetryAfter),
}

/// The gateway has enough to do.
#[derive(Debug, Responses)]
pub(crate) enum Overloaded {
    /// More requests are under way than the replicas can answer in time. This one was not sent to
    /// any, so nothing was written.
    #[answer(503)]
    GatewayOverloaded(Problem, RetryAfter),
}

/// Says that there is enough to do, and when to come again.
pub(crate) fn overloaded() -> Overloaded {
    Overloaded::GatewayOverloaded(Problem::default(), RetryAfter(1))
}

/// A replica took the request and did not answer it.
#[derive(Debug, Responses)]
pub(crate) enum LostAnswer {
    /// The connection to a replica broke before it answered. It is not known whether a write happened.
    /// Repeat the request, which is safe for PUT and DELETE, and for every write with an `Idempotency-Key`.
    #[answer(502)]
    ReplicaFailed(Problem),
    /// No replica answered in time. It is not known whether a write happened. Repeat the request, which is safe
    /// for PUT and DELETE, and for every write with an `Idempotency-Key`.
    #[answer(504)]
    ReplicaTimeout(Problem),
}
