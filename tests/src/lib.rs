//! The harness of the black-box tests: it starts the real `items` binary on a port of its own and
//! speaks nothing but HTTP to it.
//!
//! - [`Start`] says how a service is started, [`Shelf`] is one that runs, and [`Home`] is the
//!   directory that outlives it when a test starts it again.
//! - Every service checks its own answers against the document it serves (`--check-contract`).
//!   [`Shelf::stop`] fails the test when one of them was undocumented.
//! - [`Request`], [`Answer`] and [`Connection`] are HTTP/1.1 as it is on the wire: a request can be
//!   as wrong as a test likes, and an answer is seen as it came.
//! - [`on_both_stores`] runs one script on the store in memory and on the one on disk, and compares
//!   every byte of the answers.
//! - [`browser`] drives a real Chromium.
//!
//! Processes are ended by their id, also when a test panics; the log of the service is printed then.

mod binary;
pub mod browser;
pub mod gateway;
mod home;
mod http;
mod log;
mod poll;
mod problem;
mod random;
mod report;
mod service;
mod start;
mod stores;
mod transcript;

pub use self::home::Home;
pub use self::http::{Answer, Connection, Request};
pub use self::log::Log;
pub use self::poll::{eventually, within};
pub use self::problem::{Place, Problem};
pub use self::random::Random;
pub use self::report::Report;
pub use self::service::Shelf;
pub use self::start::{Refused, Start};
pub use self::stores::{Store, on_both_stores};
pub use self::transcript::Transcript;
