//! Heads that are refused before there is a request.

use std::borrow::Cow;

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
