//! The gateway: black box, over real sockets.

mod access;
mod document;
mod framing;
mod headers;
mod page;
mod replicas;
mod retries;
mod same;
mod shutdown;
mod streams;
mod tls;
