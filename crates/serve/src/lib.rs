//! What every service needs around its requests.
//!
//! Before the first one:
//! - [`settings`] reads flags, variables and a TOML file as one, and refuses bad values with their
//!   place.
//! - [`logs`] writes the log to standard error.
//! - [`listen`] opens one listening socket a worker, all on one address.
//!
//! From the first to the last:
//! - [`Workers`] are the threads that serve, one socket each; they end in [phases](Phase), on
//!   [`Signals`].
//! - [`Acceptor`] takes a worker's connections, and when the worker is to end loses none of them;
//!   [`Farewell`] tells their clients.
//! - [`Alarm`] and [`OnThisThread`] are hyper's timer and executor for a connection that stays on its
//!   worker.

mod accept;
mod alarm;
mod executor;
mod farewell;
mod listen;
pub mod logs;
mod phase;
mod queue;
pub mod settings;
mod signals;
mod tick;
mod workers;

pub use accept::{Acceptor, Connection};
pub use alarm::Alarm;
pub use executor::OnThisThread;
pub use farewell::{Farewell, Leaving};
pub use listen::listen;
pub use phase::Phase;
pub use signals::Signals;
pub use workers::{Limits, Workers, worker_count};
