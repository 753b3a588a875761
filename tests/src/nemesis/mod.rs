//! What goes wrong while clients work.

mod server;
mod service;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use testbed::NotPossible;

pub use self::server::{
    ETCD_LEADER_IS_KILLED, ETCD_LEADER_IS_PARTITIONED, ETCD_LEADER_IS_PAUSED, POSTGRES_IS_KILLED,
    POSTGRES_IS_PAUSED, POSTGRES_IS_RESTARTED, ServerFault,
};
pub use self::service::{
    ANSWERS_ARE_LOST, CONNECTIONS_ARE_RESET, LINE_IS_DEAD, SERVICE_IS_KILLED, SERVICE_IS_PAUSED,
    ServiceFault,
};
use crate::stage::Stage;

/// Something that goes wrong, again and again: it is disturbed, and some time later it is healed.
///
/// A workload calls the two in turns, and leaves nothing disturbed. A fault that is over in a
/// moment has nothing to heal. `S` is what it is done to.
pub trait Nemesis<S = Stage>: Debug {
    /// Returns a few words that say what goes wrong, for the name of a test: `service_is_killed`.
    fn name(&self) -> &'static str;

    /// Tells whether the service has reason to log faults: something behind it fails, not the
    /// service or what is in front of it.
    fn is_behind_the_service(&self) -> bool;

    /// Returns how long it stays disturbed, at least and at most.
    fn lasts(&self) -> RangeInclusive<Duration>;

    /// Lets it go wrong.
    ///
    /// # Errors
    /// [`NotPossible`] where this machine cannot do that. Nothing was disturbed then.
    fn disturb<'a>(&'a mut self, stage: &'a mut S) -> LocalBoxFuture<'a, Result<(), NotPossible>>;

    /// Makes it good again.
    fn heal<'a>(&'a mut self, stage: &'a mut S) -> LocalBoxFuture<'a, ()>;
}

/// Returns a range of times in milliseconds.
#[must_use]
pub const fn millis(start: u64, end: u64) -> RangeInclusive<Duration> {
    RangeInclusive::new(Duration::from_millis(start), Duration::from_millis(end))
}
