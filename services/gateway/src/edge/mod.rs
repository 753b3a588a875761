//! Where connections arrive.

mod connection;
mod framing;
mod interim;
mod tls;

pub(crate) use connection::Http;
pub(crate) use framing::{Fault, Refusals};
pub(crate) use interim::Interims;
pub(crate) use tls::{InvalidTls, Tls, agreed};
