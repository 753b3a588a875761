//! Where connections arrive.

mod connection;
mod interim;
mod tls;

pub(crate) use connection::Http;
pub(crate) use interim::Interims;
pub(crate) use serve::framing::{Fault, Refusals};
pub(crate) use tls::{InvalidTls, Tls, agreed};
