//! The gateway: black box, over real sockets.

mod access;
mod cache;
mod discovery;
mod document;
mod drain;
mod framing;
mod handover;
mod headers;
mod hedge;
mod page;
mod principals;
mod reads;
mod replicas;
mod retries;
mod same;
mod shutdown;
mod streams;
mod tls;
