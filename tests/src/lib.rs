//! The harness of the black-box tests: it starts the real `items` binary on a port of its own and
//! speaks nothing but HTTP to it.
//!
//! - [`Start`] says how a service is started, [`Shelf`] is one that runs, and [`Home`] is the
//!   directory that outlives it when a test starts it again.
//! - Every service checks its own answers against the document it serves (`--check-contract`).
//!   [`Shelf::stop`] fails the test when one of them was undocumented.
//! - [`Request`], [`Answer`] and [`Connection`] are HTTP/1.1 as it is on the wire: a request can be
//!   as wrong as a test likes, and an answer is seen as it came. [`Http2`] is the same for HTTP/2.
//! - [`on_every_store`] runs one script on each back end, and compares
//!   every byte of the answers.
//! - [`Workload`] lets clients work on the same items while a [`Nemesis`] disturbs a [`Stage`], and
//!   [`history`] judges what they saw.
//! - [`Load`] is as many requests as the service takes, of clients that know what the answers have to
//!   be; [`Seen`] is what they saw, in figures.
//! - An [`Activated`] service is given its sockets, as systemd does it.
//! - A [`Crowd`] never stops asking, and tells whether one of its requests was lost.
//! - [`browser`] drives a real Chromium.
//!
//! Processes are ended by their id, also when a test panics; the log of the service is printed then.

mod activated;
mod backing;
mod binary;
pub mod browser;
mod crowd;
pub mod fleet;
pub mod gateway;
pub mod history;
mod home;
mod http;
mod load;
mod log;
mod memory;
pub mod nemesis;
mod poll;
mod process;
mod random;
mod report;
mod service;
mod stage;
mod stores;
mod transcript;
mod workload;

pub use self::activated::Activated;
pub use self::backing::Backing;
pub use self::binary::items;
pub use self::crowd::{Client, Crowd};
pub use self::home::Home;
pub use self::http::{Answer, Connection, FramedAnswer, Http2, Place, Problem, Request};
pub use self::load::{Load, Running, Seen};
pub use self::log::Log;
pub use self::memory::{Confined, memory_kib, raise_file_limit};
pub use self::nemesis::Nemesis;
pub use self::poll::{eventually, within};
pub use self::process::Refused;
pub use self::random::Random;
pub use self::report::Report;
pub use self::service::{Shelf, Start};
pub use self::stage::Stage;
pub use self::stores::{Store, on_every_store};
pub use self::transcript::Transcript;
pub use self::workload::{Figures, Scene, Workload};
