//! Refuses at once what could not be answered in time.

use std::sync::Arc;

use super::check::Check;
use crate::answers::{overloaded, reply};
use crate::exchange::Exchange;
use crate::overload::Overload;
use crate::reply::Reply;

/// Refuses requests while as many are under way as the [`Overload`] has found to be answered in good
/// time. One that is let pass takes its place when its body is there: a client that sends slowly keeps no
/// other out.
#[derive(Clone, Debug)]
pub(crate) struct LoadShed {
    pub(crate) overload: Arc<Overload>,
}

impl Check for LoadShed {
    fn refuse(&self, _: &mut Exchange) -> Option<Reply> {
        (!self.overload.has_room()).then(|| reply(overloaded()))
    }
}
