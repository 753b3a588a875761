//! What every service needs before its first request: sockets, settings, logs.
//!
//! - [`listen`] opens one listening socket a worker, all on one address.
//! - [`settings`] reads flags, variables and a TOML file as one, and refuses bad values with their
//!   place.
//! - [`logs`] writes the log to standard error.

mod listen;
pub mod logs;
pub mod settings;

pub use listen::listen;
