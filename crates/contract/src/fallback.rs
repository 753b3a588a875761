//! Answers outside of operations: unknown paths, unknown methods, and OPTIONS.

use http::header::{ALLOW, HeaderName, HeaderValue};

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

/// What is answered when no operation stands behind the path or the method.
#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub(crate) enum Unrouted {
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
