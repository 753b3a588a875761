//! The store in etcd.
//!
//! - [`Config`](config) is made of the URL.
//! - [`Transport`](transport) sends [requests](message) to the [members](crate::remote::http), with
//!   deadlines and tokens. [`EtcdFailure`](failure) says what it means when there is no answer, and above
//!   all whether a write may have happened.
//! - [`Keys`](keys) and [values](value) are what is stored; [`format`](mod@format) tells which form they have.
//! - [`EtcdSession`](session) reads, creates and [swaps](swap) many items with one transaction, and
//!   [lists](list) them; [`EtcdSnapshot`](snapshot) reads them at one revision; [`Committer`](commit) finds out what became of a transaction whose answer
//!   was lost. What is remembered for a time ends with [leases].
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
//! - No key may be written twice on a path that can be taken: `duplicate key given in txn request`.
//!   The two branches of one transaction may both write it.
//! - A transaction has at most [`TXN_OPS_MAX`](message::TXN_OPS_MAX) operations in its largest list.
//!   Comparisons are such a list too.
//! - A request has at most [`REQUEST_BYTES_MAX`](message::REQUEST_BYTES_MAX).
//! - **Nested puts are charged to no quota and judged by no role.** A transaction that writes only
//!   in nested transactions is accepted by a cluster that is full (a 2 MiB quota let 29 MiB pass)
//!   and for keys that the user may not touch. Puts at the top level are charged and judged, and
//!   there are no others here.
//! - A put that crosses the quota can be carried out *and* be answered `database space exceeded`.

mod cluster;
mod commit;
mod config;
mod failure;
mod format;
mod keys;
mod leases;
mod list;
mod message;
mod session;
mod snapshot;
mod swap;
mod token;
mod transport;
mod value;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use std::rc::Rc;

use self::cluster::Cluster;
use self::config::Config;
use self::keys::Keys;
use self::session::EtcdSession;
use self::transport::Transport;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::open_error::OpenError;
use crate::options::Options;
use crate::remote::Remote;
use crate::remote::http::SetupError;
use crate::tombstone::TombstoneTime;

/// Opens the store that an `etcd://` or `etcds://` URL names: asks the cluster for its format.
pub(crate) fn open(url: &str, options: &Options) -> Result<Remote, OpenError> {
    let config = Config::parse(url).map_err(|why| OpenError::InvalidUrl {
        // There can be a password in it.
        url: url.split(':').next().unwrap_or_default().to_owned() + ":",
        why: why.to_string(),
    })?;
    let at = config.to_string();
    let unusable = |source: Error| OpenError::Engine { at: at.clone(), source };
    let transport = Transport::new(&config).map_err(|error| unusable(setup_failed(error)))?;
    // A cluster tells no time of day.
    let clock = Clock::of_process();
    let time = TombstoneTime::new(clock, options.deletions_time);
    let cluster = Cluster::new(transport, Keys::new(&config.prefix), time);
    let name = at.clone();
    let prepare = async move || {
        let checked = format::ensure(&cluster).await;
        checked.map_err(|source| OpenError::Engine { at: name, source })?;
        let cluster = Rc::new(cluster);
        // No client of etcd can lock a key.
        let make = move |_| EtcdSession::new(Rc::clone(&cluster));
        Ok((make, clock))
    };
    Remote::start("etcd", config.pool, options, prepare, |error| OpenError::thread(at, error))
}

fn setup_failed(error: SetupError) -> Error {
    Error::with_source(ErrorKind::Internal, "the connections to it cannot be set up", error)
}
