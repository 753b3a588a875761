//! etcd, as a transport: requests go out, answers and honest failures come back.
//!
//! - [`config`] reads the store's URL.
//! - [`message`] has the requests and answers as types.

pub(crate) mod config;
pub(crate) mod message;

mod wire;

#[cfg(test)]
mod tests;
