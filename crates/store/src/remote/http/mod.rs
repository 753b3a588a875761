//! The client side of engines that speak HTTP: a cluster of members, of which any can answer.
//!
//! - [`Members`] passes a request from member to member until one answers or the time is over.
//!   A request that may have changed something is passed on only if it surely had no effect.
//! - A [client] sends one request to one member over a pool of [connections](connect), and tells of a
//!   [`LostRequest`] whether any of its [body](body) was on its way.
//! - [`Tls`] is what a URL says of certificates.
//!
//! The engine makes the requests, reads the answers, and judges what its refusals mean: it
//! implements [`AttemptFailure`].

mod body;
mod client;
mod connect;
mod endpoint;
mod members;
mod rotation;
mod tls;

pub(crate) use self::client::{Effect, LossReason, LostRequest};
pub(crate) use self::endpoint::Endpoint;
pub(crate) use self::members::{AttemptFailure, Members, Repeat, TimeLimits};
pub(crate) use self::tls::{SetupError, Tls};
