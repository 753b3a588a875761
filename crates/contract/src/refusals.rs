//! Refusals that extractors, guards and the fallback share.

use http::header::HeaderName;

use crate::header::RetryAfter;
use crate::names::title_case;
use crate::problem::{Place, Problem};

/// The rejection of a header field.
#[derive(Debug, contract::Responses)]
pub enum InvalidHeader {
    /// A header field is malformed. `errors` names it and the form that it must have.
    #[answer(400)]
    MalformedHeader(Problem),
}

impl InvalidHeader {
    /// Says what is wrong with the field `name`.
    #[must_use]
    pub fn new(name: &HeaderName, detail: &str) -> Self {
        let name = title_case(name.as_str());
        let problem = Problem::new(format!("The header field {name} is malformed: {detail}."));
        Self::MalformedHeader(problem.at(Place::header(name, detail)))
    }
}

/// The service has enough to do.
#[derive(Debug, contract::Responses)]
pub enum Busy {
    /// More requests are waiting than the service holds. Nothing was written.
    #[answer(503)]
    Overloaded(Problem, RetryAfter),
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
