//! The store in PostgreSQL, or in a database that speaks like it.
//!
//! - [`Config`](config) is made of the URL.
//! - [`Connector`](connect) opens connections, and refuses servers that would lose acknowledged
//!   writes.
//! - [`schema`] makes the tables.
//! - [`PostgresSession`](session) reads, puts and [swaps](swap) many rows with one
//!   [statement](statements).
//! - [`PostgresSnapshot`](snapshot) reads a collection in one transaction.
//! - A row that another session of the database holds is [found](locked), so that the others of its
//!   group do not wait for it.
//!
//! The SQL is what PostgreSQL, CockroachDB and YugabyteDB have in common: no advisory locks, no
//! system columns, no notifications. Whether a put created its row is told by the row's `born`,
//! which only an insertion sets.
//!
//! The driver is tokio-postgres: it sends statements one behind the other without waiting for the
//! answers, and takes arrays of borrowed values. Connections are kept by the lanes, which a pool
//! could only stand in the way of. Upserts of one row by 64 tasks over four connections, a second,
//! medians of five rounds side by side: tokio-postgres 15,700, with deadpool 13,700, sqlx 9,000.

mod config;
mod connect;
mod error;
mod locked;
mod range;
mod rows;
mod schema;
mod session;
mod snapshot;
mod statements;
mod swap;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use self::config::Config;
use self::connect::Connector;
use self::session::PostgresSession;
use crate::clock::Clock;
use crate::error::Error;
use crate::open_error::OpenError;
use crate::options::Options;
use crate::remote::Remote;
use crate::tombstone::TombstoneTime;

/// Opens the store that a `postgres://` URL names: connects, makes the tables if they are missing.
pub(crate) fn open(url: &str, options: &Options) -> Result<Remote, OpenError> {
    let config = Config::parse(url).map_err(|why| OpenError::InvalidUrl {
        // There can be a password in it.
        url: config::SCHEME.to_owned(),
        why,
    })?;
    let (pool, at) = (config.pool, config.to_string());
    let (name, allow_unsafe) = (at.clone(), options.allow_unsafe);
    let deletions_time = options.deletions_time;
    let prepare = async move || {
        let ready = make_ready(config, allow_unsafe).await;
        let (connector, clock) = ready.map_err(|source| OpenError::Engine { at: name, source })?;
        let time = TombstoneTime::new(clock, deletions_time);
        Ok((move |waits| PostgresSession::new(Rc::clone(&connector), waits, time), clock))
    };
    Remote::start("PostgreSQL", pool, options, prepare, |error| OpenError::thread(at, error))
}

async fn make_ready(config: Config, allow_unsafe: bool) -> Result<(Rc<Connector>, Clock), Error> {
    let connector = Connector::new(config, allow_unsafe)?;
    let opened = connector.connect().await?;
    schema::ensure(&opened.client).await?;
    let clock = connector.clock(&opened.client).await?;
    Ok((Rc::new(connector), clock))
}
