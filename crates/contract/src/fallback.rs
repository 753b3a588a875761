//! Answers outside of operations: unknown paths, unknown methods, and OPTIONS.

use http::header::{ALLOW, HeaderName, HeaderValue};

use crate::guard::HeadTooLarge;
use crate::head_fault::HeadFault;
use crate::header::Header;
use crate::problem::Problem;
use crate::refusals::{Busy, InvalidHeader};

/// `Allow`: the methods that the path takes (RFC 9110 §10.2.1).
#[derive(Clone, Debug)]
pub struct Allow(pub(crate) HeaderValue);

impl Header for Allow {
    const NAME: HeaderName = ALLOW;
    const DESCRIPTION: &'static str = "The methods that this path takes.";

    fn value(self) -> HeaderValue {
        self.0
    }
}

/// `Accept-Patch`: the media types of the patches that the path takes (RFC 5789 §3.1).
#[derive(Clone, Debug)]
pub(crate) struct AcceptPatch(pub(crate) HeaderValue);

impl Header for AcceptPatch {
    const NAME: HeaderName = HeaderName::from_static("accept-patch");
    const DESCRIPTION: &'static str = "The media types of the patches that this path takes.";

    fn value(self) -> HeaderValue {
        self.0
    }
}

/// The answers to a request without an operation, or whose head is refused.
#[derive(Debug, contract::Responses)]
#[responses(union)]
pub(crate) enum FallbackAnswer {
    /// The request is no sound HTTP/1.1, or could be read in two ways. `detail` says why; the
    /// connection is closed.
    #[answer(400)]
    MalformedRequest(Problem),
    /// The head of the request took too long to arrive. The connection is closed.
    #[answer(408)]
    HeadTimeout(Problem),
    Large(HeadTooLarge),
    Busy(Busy),
    Host(InvalidHeader),
    /// There is nothing at this path. `/openapi.json` lists the paths there are.
    #[answer(404)]
    NoSuchPath(Problem),
    /// This path does not take that method. `Allow` lists those it takes.
    #[answer(405)]
    MethodNotAllowed(Problem, Allow),
}

impl From<&HeadFault> for FallbackAnswer {
    fn from(fault: &HeadFault) -> Self {
        match fault {
            HeadFault::Malformed(why) => {
                Self::MalformedRequest(Problem::new(format!("The request is refused: {why}.")))
            }
            HeadFault::Slow => Self::HeadTimeout(Problem::default()),
            HeadFault::TargetTooLong => HeadTooLarge::TargetTooLong(Problem::default()).into(),
            HeadFault::TooLarge => HeadTooLarge::HeadersTooLarge(Problem::default()).into(),
            HeadFault::OutOfMemory => Busy::out_of_memory().into(),
        }
    }
}

/// The answer to OPTIONS.
#[derive(Debug, contract::Responses)]
pub(crate) enum Options {
    /// `Allow` lists the methods that this path takes.
    #[answer(204)]
    Methods(Allow),
}

/// The answer to OPTIONS of a path that takes PATCH.
#[derive(Debug, contract::Responses)]
pub(crate) enum PatchOptions {
    /// `Allow` lists the methods that this path takes, and `Accept-Patch` the patches.
    #[answer(204)]
    Methods(Allow, AcceptPatch),
}
