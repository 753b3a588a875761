//! The gateway: black box, over real sockets.

mod access;
mod cache;
mod document;
mod drain;
mod framing;
mod handover;
mod headers;
mod hedge;
mod page;
mod reads;
mod replicas;
mod retries;
mod shutdown;
mod streams;
mod tls;
