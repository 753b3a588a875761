//! Enough to do: 503.

use super::RetryAfter;
use crate::problem::Problem;

/// The service has enough to do.
#[derive(Debug, contract::Responses)]
#[repr(u16)]
pub enum Busy {
    /// More requests are waiting than the service holds. Nothing was written.
    Overloaded(Problem, RetryAfter) = 503,
}

impl Busy {
    /// Seconds until it is worth another try: what waits is answered within one.
    pub const RETRY_AFTER: RetryAfter = RetryAfter(1);

    /// Says that the request needs more memory than is left.
    #[must_use]
    pub fn out_of_memory() -> Self {
        let detail = "The service has no memory left for a request of this size at the moment.";
        Self::Overloaded(Problem::new(detail), Self::RETRY_AFTER)
    }
}
