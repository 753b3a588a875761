//! The gateway, and what stands behind it in tests: real replicas, or an upstream that does as it is
//! told and remembers what it was sent.

mod dns;
mod faults;
mod fleet;
mod relay;
mod service;
mod upstream;

pub use self::dns::{Dns, Mood};
pub use self::faults::{Frozen, Killed, Rolled, Slowed};
pub use self::fleet::Fleet;
pub use self::relay::Relay;
pub use self::service::{Gateway, StartGateway};
pub use self::upstream::{Reaction, Received, Upstream};
pub use crate::binary::gateway as binary;
