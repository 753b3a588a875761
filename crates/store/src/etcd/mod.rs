//! etcd, as a transport: requests go out, answers and honest failures come back.
//!
//! - [`config`] reads the store's URL.

pub(crate) mod config;

#[cfg(test)]
mod tests;
