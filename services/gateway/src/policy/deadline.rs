//! Says when a request has to be answered.

use std::time::Duration;

use super::check::Check;
use crate::definitions::{self, CHECK_TIME_FACTOR};
use crate::exchange::Exchange;
use crate::reply::Reply;

/// Sets the deadline that all attempts of a request share, from its arrival. Attempts bound
/// themselves by it, so there is no timer of its own for it.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    pub(crate) time_max: Duration,
}

impl Check for Deadline {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        let head = &exchange.head;
        let factor = match definitions::is_written_by(&head.method, head.uri.path()) {
            true => CHECK_TIME_FACTOR,
            false => 1,
        };
        exchange.deadline = exchange.started + self.time_max.saturating_mul(factor);
        None
    }
}
