//! The gateway: black box, over real sockets.

mod access;
mod cache;
mod changes;
mod chaos;
mod discovery;
mod document;
mod drain;
mod framing;
mod handover;
mod headers;
mod hedge;
mod hops;
mod idle;
mod overload;
mod page;
mod principals;
mod reads;
mod replicas;
mod retries;
mod rolling;
mod same;
mod shutdown;
mod slow;
mod streams;
mod tls;
