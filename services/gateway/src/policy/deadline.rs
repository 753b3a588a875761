//! Says when a request has to be answered.

use std::time::Duration;

use super::check::Check;
use crate::exchange::Exchange;
use crate::reply::Reply;

/// Sets the deadline that all attempts of a request share, from its arrival. Attempts bound
/// themselves by it, so there is no timer of its own for it. A stream has none.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    pub(crate) time_max: Duration,
}

impl Check for Deadline {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        if let Some(time_max) = exchange.class.time_max(self.time_max) {
            exchange.deadline = exchange.started + time_max;
        }
        None
    }
}
