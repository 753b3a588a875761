//! The parts that both services need around their requests.
//!
//! Before the first request:
//! - [`settings`] reads flags, variables and a TOML file as one, and refuses bad values with their
//!   place.
//! - [`logs`] writes the log to standard error.
//! - [`Budget`] shares the memory out between connections and requests.
//! - [`Sockets`] are the listening sockets, one for each worker: opened on one address, or [`Handed`] over.
//!
//! From the first request to the last:
//! - [`Workers`] are the threads that serve, one socket each; they end in [phases](Phase), on
//!   [`Signals`].
//! - [`Acceptor`] takes a worker's connections, and loses none of them when the worker ends;
//!   [`CloseOnDrain`] tells their clients. [`Draining`] says whether the process is about to stop.
//! - [`notify`] tells systemd when it is ready.
//! - [`Connection::protocol`] detects the protocol of a client, and [`Http`] serves it by hyper;
//!   [`Alarm`] is a timer for a connection's many deadlines.
//! - [`framing`] checks HTTP/1.1 before hyper parses it, and closes connections in stages.
//! - [`cors`] lets pages of other origins use the service, if that is wanted.
//! - [`RequestBody`] is the body of a request. An unread rest does not lose the next request, and the
//!   bytes it holds are taken from a budget of memory.

mod accept;
mod alarm;
mod budget;
mod close_on_drain;
pub mod cors;
mod date;
mod draining;
mod executor;
pub mod framing;
pub mod gather;
mod handed;
mod head_answer;
mod http;
mod listen;
pub mod logs;
pub mod notify;
mod phase;
mod progress;
mod protocol;
mod queue;
mod request_body;
pub mod settings;
mod signals;
mod stall;
mod stall_time;
mod tick;
mod workers;

pub use accept::{Acceptor, Connection};
pub use alarm::{Alarm, Alarms, Lent};
pub use budget::Budget;
pub use close_on_drain::CloseOnDrain;
pub use draining::{Draining, WorkerDraining};
pub use handed::Handed;
pub use http::{Http, Patience, Served};
pub use listen::Sockets;
pub use phase::Phase;
pub use protocol::Protocol;
pub use request_body::{BodyCost, RequestBody};
pub use signals::Signals;
pub use workers::{Limits, Workers, worker_count};
