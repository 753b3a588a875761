//! Connections: opened, secured, and refused when the server would not keep what it acknowledges.

use std::time::Duration;

use domain::Moment;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::config::Config;
use super::error::{connect_failed, read_failed};
use super::rows::column;
use super::statements::Statements;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::remote::session::LockWait;
use crate::remote::tls;

/// What the time to prepare a new connection may be, beyond the time to open it.
const SETUP_TIME_MAX: Duration = Duration::from_secs(5);

/// Settings of a server, and the values with which it can lose what it acknowledged. A database
/// that has no such setting is not asked.
const PROMISES: [(&str, &str, &str); 3] = [
    ("fsync", "off", "a crash of the machine destroys the database"),
    ("full_page_writes", "off", "a power cut can leave torn pages"),
    ("synchronous_commit", "off", "a crash loses the latest commits"),
];

/// What time it is by the database, in milliseconds since the beginning of 1970.
const TIME_OF_DAY: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// Opens connections.
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    allow_unsafe: bool,
}

/// An open connection. It ends when it is dropped, even with a statement under way: a server that
/// does not answer would keep it for good otherwise.
pub(super) struct OpenConnection {
    pub(super) client: Client,
    task: AbortHandle,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An open connection with its prepared statements.
pub(super) struct Connection {
    pub(super) statements: Statements,
    opened: OpenConnection,
}

impl Connection {
    pub(super) fn client(&self) -> &Client {
        &self.opened.client
    }
}

impl Connector {
    pub(super) fn new(config: Config, allow_unsafe: bool) -> Result<Self, Error> {
        let tls = tls::roots(config.root_certificates.as_deref()).and_then(tls::client);
        let tls = tls.map_err(|error| {
            Error::with_source(ErrorKind::Internal, "TLS cannot be set up", error)
        })?;
        let tls = MakeRustlsConnect::new(tls.with_no_client_auth());
        Ok(Self { config, tls, allow_unsafe })
    }

    /// Returns the time in which a statement has to end; the server ends it a little earlier.
    pub(super) fn statement_time_max(&self) -> Duration {
        self.config.statement_timeout + Duration::from_secs(1)
    }

    /// Returns the longest time that opening a connection takes, but for what is set up then.
    pub(super) fn open_time_max(&self) -> Duration {
        self.config.open_time_max()
    }

    /// Opens a connection to a server that takes writes and keeps them.
    pub(super) async fn connect(&self) -> Result<OpenConnection, Error> {
        let connect =
            async { self.config.driver.connect(self.tls.clone()).await.map_err(connect_failed) };
        // The driver's own limit is one of the socket: a server that is stopped accepts it, and says
        // nothing.
        let (client, connection) = in_time(self.config.open_time_max(), connect).await?;
        let task = tokio::task::spawn_local(async move {
            // The statements in flight learn of it themselves.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended: {error}");
            }
        });
        let opened = OpenConnection { client, task: task.abort_handle() };
        in_time(SETUP_TIME_MAX, self.set_up(&opened.client)).await?;
        Ok(opened)
    }

    /// Opens a connection and prepares the statements, which need the tables and wait for no lock
    /// for longer than this.
    pub(super) async fn connect_prepared(&self, waits: LockWait) -> Result<Connection, Error> {
        let opened = self.connect().await?;
        let milliseconds = self.config.lock_timeout(waits).as_millis();
        let limit = format!("SET lock_timeout = {milliseconds}");
        let statements = async {
            opened.client.batch_execute(&limit).await.map_err(read_failed)?;
            Statements::prepare(&opened.client).await.map_err(read_failed)
        };
        let statements = in_time(SETUP_TIME_MAX, statements).await?;
        Ok(Connection { statements, opened })
    }

    /// Returns a clock that is set by the time of day of the database: all replicas ask the same one,
    /// and do not depend on the clocks of their machines.
    pub(super) async fn clock(&self, client: &Client) -> Result<Clock, Error> {
        let ask = async { client.query_one(TIME_OF_DAY, &[]).await.map_err(read_failed) };
        let row = in_time(SETUP_TIME_MAX, ask).await?;
        let milliseconds: i64 = column(&row, 0)?;
        Ok(Clock::set(Moment(milliseconds.max(0).unsigned_abs())))
    }

    async fn set_up(&self, client: &Client) -> Result<(), Error> {
        let milliseconds = self.config.statement_timeout.as_millis();
        let limit = format!("SET statement_timeout = {milliseconds}");
        client.batch_execute(&limit).await.map_err(read_failed)?;
        // Every statement finds its rows by their keys. A planner that knows a table as empty would
        // rather read it whole, and go on doing so when it has grown. Others than PostgreSQL may
        // not know the setting, and need it less.
        drop(client.batch_execute("SET enable_seqscan = off").await);
        // Statements of milliseconds are not worth compiling.
        drop(client.batch_execute("SET jit = off").await);
        let encoding = setting(client, "server_encoding").await?;
        if let Some(encoding) = encoding.filter(|encoding| encoding != "UTF8") {
            return Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "its encoding is {encoding}, and items need UTF8; use a database that was created with ENCODING 'UTF8'"
                ),
            ));
        }
        let mut broken = Vec::new();
        for (name, value, consequence) in PROMISES {
            if setting(client, name).await?.as_deref() == Some(value) {
                broken.push(format!("{name} is {value}, so {consequence}"));
            }
        }
        if !broken.is_empty() && !self.allow_unsafe {
            return Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "it does not keep what it acknowledges: {}; change that, or accept the loss with --allow-unsafe-store",
                    broken.join("; ")
                ),
            ));
        }
        Ok(())
    }
}

async fn in_time<T>(
    time_max: Duration,
    setup: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(time_max, setup).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, "the database did not answer a new connection"))
    })
}

/// Returns a setting, or `None` where the database has none of that name.
async fn setting(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let query = format!("SELECT current_setting('{name}', true)");
    let messages = client.simple_query(&query).await.map_err(read_failed)?;
    Ok(messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
