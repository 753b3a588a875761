//! What every service needs around its requests.
//!
//! Before the first one:
//! - [`settings`] reads flags, variables and a TOML file as one, and refuses bad values with their
//!   place.
//! - [`logs`] writes the log to standard error.
//! - [`Budget`] shares the memory out between connections and requests.
//! - [`Sockets`] are where it listens, one for each worker: opened on one address, or [`Handed`] over.
//!
//! From the first to the last:
//! - [`Workers`] are the threads that serve, one socket each; they end in [phases](Phase), on
//!   [`Signals`].
//! - [`Acceptor`] takes a worker's connections, and when the worker is to end loses none of them;
//!   [`CloseOnDrain`] tells their clients. [`Draining`] is what the process knows of its end.
//! - [`notify`] tells systemd when it is ready.
//! - [`Connection::protocol`] tells what a client speaks, and [`Http`] serves that by hyper; [`Alarm`]
//!   is a timer for a connection's many deadlines.
//! - [`framing`] checks HTTP/1.1 before hyper parses it, and closes connections in stages.
//! - [`cors`] lets pages of other origins use the service, if that is wanted.
//! - [`RequestBody`] is the body of a request. What a service leaves of it unread does not lose the
//!   next request, and what it holds is taken from a budget of memory.

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
