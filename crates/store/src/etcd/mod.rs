//! etcd, as a transport: requests go out, answers and honest failures come back.
//!
//! - [`config`] reads the store's URL.
//! - [`message`] has the requests and answers as types.
//! - [`transport`] sends them: fail-over, deadlines, tokens, TLS.
//! - [`failure`] says what it means when there is no answer, and above all whether a write may have
//!   happened.
//!
//! etcd is spoken to through its own JSON gateway, `/v3/kv/txn` over HTTP/1.1, and not through
//! gRPC. The gateway is part of every etcd from 3.4 on and listens on the client port. The gRPC
//! client at hand, `etcd-client`, generates its code when it is built, for which there must be
//! `protoc`; with the gateway a machine that has Rust has everything.
//!
//! What it costs, in writes of 100 bytes a second; three members, the client and other work shared
//! two cores, medians of five runs:
//!
//! | writes a transaction, and transactions at a time | gateway | gRPC |
//! |---|---|---|
//! | 1, 1 | 520 | 410 |
//! | 1, 16 | 640 | 950 |
//! | 1, 64 | 830 | 910 |
//! | 64 nested, each with its comparison; 1 | 6,700 | 18,300 |
//! | 64 nested; 4 | 6,200 | 18,000 |
//! | 64 flat, all or nothing; 1 | 9,200 | 18,000 |
//! | 64 flat; 4 | 14,600 | 18,400 |
//!
//! The client is hyper's, which the service is made of in any case. reqwest with a TLS that is not
//! aws-lc makes every other reqwest client of the build panic that was not given a provider.
//!
//! # What etcd does that a caller has to know
//! Each was seen on 3.4.23.
//!
//! - The operations of one transaction see each other in order, and share one revision.
//! - No key may be written twice on a path that can be taken, also not by two nested transactions:
//!   `duplicate key given in txn request`. The two branches of one transaction may both write it.
//! - A transaction has at most [`TXN_OPS_MAX`](message::TXN_OPS_MAX) operations in its largest list,
//!   and a nested one at most what the lists around it leave: 127 nested transactions of one
//!   operation each. Comparisons are such a list too.
//! - A request has at most [`REQUEST_BYTES_MAX`](message::REQUEST_BYTES_MAX).
//! - **Nested puts are charged to no quota and judged by no role.** A transaction that writes only
//!   in nested transactions is accepted by a cluster that is full (a 2 MiB quota let 29 MiB pass)
//!   and for keys that the user may not touch. Puts at the top level are charged and judged.
//! - A put that crosses the quota can be carried out *and* be answered `database space exceeded`.

pub(crate) mod config;
pub(crate) mod failure;
pub(crate) mod message;
pub(crate) mod transport;

mod body;
mod connect;
mod endpoint;
mod tls;
mod token;
mod turns;
mod wire;

#[cfg(test)]
mod tests;
