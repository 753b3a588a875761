//! Where connections arrive.

mod connection;
mod framing;
mod tls;

pub(crate) use connection::Http;
pub(crate) use framing::{Fault, Refusals};
pub(crate) use tls::{InvalidTls, Tls, agreed};
