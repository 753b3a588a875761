//! Heads that are refused before there is a request.

use std::borrow::Cow;

use crate::guard::{Busy, HeadTooLarge};
use crate::problem::Problem;

/// Why a head is refused before it is parsed.
///
/// What checks heads in front of the parser puts it into the extensions of the request that stands in
/// the refused one's place; [`Dispatch`](crate::Dispatch) answers with it, whatever that request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// It cannot be read in exactly one way, for this reason.
    Malformed(Cow<'static, str>),
    /// It took too long to arrive.
    Slow,
    /// The target is longer than is held.
    TargetTooLong,
    /// The header section is larger than is held.
    TooLarge,
    /// There is no memory left to hold it.
    OutOfMemory,
}

/// What is answered in place of a request whose head is refused.
#[derive(Debug, contract::Responses)]
#[responses(union)]
pub(crate) enum RefusedHead {
    Malformed(MalformedRequest),
    Slow(SlowHead),
    Large(HeadTooLarge),
    Busy(Busy),
}

#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub(crate) enum MalformedRequest {
    /// The request is no sound HTTP/1.1, or could be read in two ways. `detail` says why; the
    /// connection is closed.
    MalformedRequest(Problem) = 400,
}

#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub(crate) enum SlowHead {
    /// The head of the request took too long to arrive. The connection is closed.
    HeadTimeout(Problem) = 408,
}

impl HeadFault {
    pub(crate) fn answer(&self) -> RefusedHead {
        match self {
            Self::Malformed(why) => {
                let problem = Problem::new(format!("The request is refused: {why}."));
                MalformedRequest::MalformedRequest(problem).into()
            }
            Self::Slow => SlowHead::HeadTimeout(Problem::default()).into(),
            Self::TargetTooLong => HeadTooLarge::TargetTooLong(Problem::default()).into(),
            Self::TooLarge => HeadTooLarge::HeadersTooLarge(Problem::default()).into(),
            Self::OutOfMemory => Busy::out_of_memory().into(),
        }
    }
}
