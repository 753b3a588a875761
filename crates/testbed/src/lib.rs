//! Real servers for tests, on this machine and gone with the test.
//!
//! - [`Postgres`] is a PostgreSQL server of Debian's package, with durability switched on.
//! - [`Etcd`] is an etcd cluster of Debian's packages: three nodes, or one.
//! - Both can be killed, paused, restarted on their data; a node of an etcd cluster can be cut off
//!   from its peers.
//! - [`Port`] is one that stays free while its server is down.
//! - [`Relay`] stands between clients and any server, and loses answers, resets connections or
//!   swallows everything when it is told.
//!
//! Every server has a directory and ports of its own, so that any number of them run side by side.
//! It ends with its handle, and also when the test process dies without a word: a server in a
//! `static`, whose destructor never runs, is ended all the same.
//!
//! All handles are `Send` and `Sync`, and all their methods take `&self` and **block**: they start
//! programs and wait for them. Asynchronous tests call them through `spawn_blocking`, or plainly
//! when nothing else has to go on meanwhile.
//!
//! A program that is not installed is a panic with the command that installs it; no test passes
//! because its server was missing.
//!
//! ```no_run
//! let server = testbed::Postgres::start();
//! let url = server.create_database();
//! server.kill9();
//! server.restart();
//! assert_eq!(server.sql(&url, "select 1"), "1");
//! ```

pub mod etcd;
mod home;
mod leash;
mod lock;
mod network;
mod poll;
mod port;
pub mod postgres;
mod relay;
mod tls;
mod tool;
mod tree;
mod user;

pub use self::etcd::Etcd;
pub use self::network::NotPossible;
pub use self::port::Port;
pub use self::postgres::Postgres;
pub use self::relay::Relay;
