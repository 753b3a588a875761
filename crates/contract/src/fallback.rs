//! Answers outside of operations: unknown paths, unknown methods, and OPTIONS.

use http::header::{ALLOW, HeaderName, HeaderValue};

use crate::extract::InvalidHeader;
use crate::head_fault::RefusedHead;
use crate::part::Header;
use crate::problem::Problem;

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

/// What is answered when no operation stands behind the path or the method.
#[derive(Debug, contract::Responses)]
#[responses(union)]
pub(crate) enum Unrouted {
    Head(RefusedHead),
    Host(InvalidHeader),
    Nowhere(Nowhere),
}

/// What is answered when the request is sound, and there is nothing for it.
#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub(crate) enum Nowhere {
    /// There is nothing at this path. `/openapi.json` lists the paths there are.
    NoSuchPath(Problem) = 404,
    /// This path does not take that method. `Allow` lists those it takes.
    MethodNotAllowed(Problem, Allow) = 405,
}

/// What OPTIONS answers.
#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub(crate) enum Options {
    /// `Allow` lists the methods that this path takes.
    Methods(Allow) = 204,
}

/// What OPTIONS answers where PATCH is taken.
#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub(crate) enum PatchOptions {
    /// `Allow` lists the methods that this path takes, and `Accept-Patch` the patches.
    Methods(Allow, AcceptPatch) = 204,
}
