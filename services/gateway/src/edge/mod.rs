//! Where connections arrive.

mod connection;
mod tls;

pub(crate) use connection::Http;
pub(crate) use tls::{InvalidTls, Tls, agreed};
