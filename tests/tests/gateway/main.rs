//! The gateway: black box, over real sockets.

mod access;
mod changes;
mod chaos;
mod document;
mod drain;
mod framing;
mod headers;
mod idle;
mod overload;
mod page;
mod replicas;
mod retries;
mod rolling;
mod shutdown;
mod slow;
mod streams;
mod tls;
