//! Where connections arrive.

mod connection;
mod framing;

pub(crate) use connection::Http;
pub(crate) use framing::{Fault, Refusals};
