//! Refuses at once what could not be answered in time.

use std::sync::Arc;

use super::check::Check;
use crate::answers::{overloaded, reply};
use crate::class::Class;
use crate::exchange::Exchange;
use crate::overload::Overload;
use crate::reply::Reply;

/// Refuses requests while as many are under way as the [`Overload`] has found to be answered in good
/// time. One that is let pass takes its place when its body is there: a client that sends slowly keeps no
/// other out. A stream takes none: there is a [limit](crate::stream::StreamLimit) of its own for it.
#[derive(Clone, Debug)]
pub(crate) struct LoadShed {
    pub(crate) overload: Arc<Overload>,
}

impl Check for LoadShed {
    fn refuse(&self, exchange: &mut Exchange) -> Option<Reply> {
        let is_refused = exchange.class != Class::Stream && !self.overload.has_room();
        is_refused.then(|| reply(overloaded()))
    }
}
