//! Heads that are refused before there is a request.

use std::borrow::Cow;

/// Why a head is refused before it is parsed.
///
/// A check in front of the parser replaces the refused request by another one that has this fault as an
/// extension. [`Dispatch`](crate::Dispatch) answers that request with the fault and looks at nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadFault {
    /// It has no meaning, or more than one, for this reason.
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
