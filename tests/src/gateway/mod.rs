//! The gateway, and an upstream that does as it is told and remembers what it was sent.

mod dns;
mod manual;
mod relay;
mod service;
mod upstream;

pub use self::dns::{Dns, Mood};
pub use self::manual::{ManualReplica, ManualRequest};
pub use self::relay::Relay;
pub use self::service::{Gateway, StartGateway};
pub use self::upstream::{Reaction, Received, Upstream};
pub use crate::binary::gateway as binary;
