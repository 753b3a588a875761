//! The gateway: black box, over real sockets.

mod access;
mod framing;
mod headers;
mod replicas;
mod retries;
mod shutdown;
mod streams;
