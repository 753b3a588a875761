//! The parts that all stores on other machines share.
//!
//! A remote engine supplies two atomic steps, [`Session::put`](session::Session) and
//! [`Session::swap`](session::Session), over one connection. Everything else is done here, once:
//!
//! - [`Remote`] is the [`Store`](crate::Store): it hands each call to a lane.
//! - A [lane](lanes) owns one session. All writes to an item go through the same lane, in order;
//!   a lane settles all waiting writes together, so that many share a round trip.
//! - A [group](group) of writes is put, or read, [decided](plan) and swapped, and tried again when
//!   another client was faster. [`domain::decide`] is the rule here too.
//! - An item that another client of the engine [holds](held) keeps no lane waiting.
//! - A [snapshot](snapshots) is read by a task of its own, on means of its own.
//! - Engines that speak [HTTP](http) share members, fail-over and deadlines.
//! - A write whose answer was lost is found again by its [token](token), or stays
//!   [in doubt](in_doubt) until it is reported as unknown.

mod call;
mod chain;
mod group;
mod held;
#[cfg(feature = "etcd")]
pub(crate) mod http;
mod in_doubt;
mod lanes;
mod pause;
mod pending_writes;
mod plan;
pub(crate) mod session;
mod snapshots;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
pub(crate) mod token;

pub(crate) use self::store::{PoolSettings, Remote};
