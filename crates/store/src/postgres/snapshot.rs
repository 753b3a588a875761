//! Reads a collection in one transaction.

use std::rc::Rc;

use domain::{ItemId, SnapshotEntry, SnapshotQuery, Version};
use tokio::time::timeout;
use tokio_postgres::{Error as DriverError, Statement};

use super::connect::{Connector, OpenConnection};
use super::error::{StatementFailure, judge, read_failed};
use super::range::behind_all_ids;
use super::rows::{column, column_bytes16, damaged_row, item};
use super::session::Parameters;
use crate::error::{Error, ErrorKind};
use crate::remote::session::{Failure, SnapshotSession};
use crate::remote::token::Token;
use crate::snapshot::{Chunk, SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_CHUNK_ITEMS_MAX};

/// PostgreSQL shows one state in a transaction of this kind; databases that know no other level than
/// `SERIALIZABLE` take it for that.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Returns the next items. What comes after enough bytes is not sent, as for a page.
/// Parameters: collection, the id behind which they begin or nothing, a text that no id reaches, most
/// rows, enough bytes.
const CHUNK: &str = "
    SELECT id, representation, etag, digest, order_token, token FROM (
        SELECT id, representation, etag, digest, order_token, token,
            coalesce(sum(octet_length(representation)) OVER (
                ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes
        FROM (
            SELECT id, representation, etag, digest, order_token, token FROM shelf_items
            WHERE collection = $1 AND id > $2 AND id < $3 AND deleted_until IS NULL
            ORDER BY id LIMIT $4
        ) AS chunk
    ) AS measured WHERE bytes < $5 ORDER BY id";

/// A snapshot: a transaction on a connection of its own.
pub(super) struct PostgresSnapshot {
    connector: Rc<Connector>,
    transaction: Option<Transaction>,
    /// Whether a chunk was read: from then on there is no other transaction with the same state.
    has_read: bool,
}

struct Transaction {
    connection: OpenConnection,
    chunk: Statement,
}

impl PostgresSnapshot {
    pub(super) fn new(connector: Rc<Connector>) -> Self {
        Self { connector, transaction: None, has_read: false }
    }

    async fn read(&mut self, query: &SnapshotQuery) -> Result<Vec<SnapshotEntry>, Error> {
        let transaction = match &mut self.transaction {
            Some(transaction) => transaction,
            None => {
                let connection = self.connector.connect().await?;
                connection.client.batch_execute(BEGIN).await.map_err(read_failed)?;
                let chunk = connection.client.prepare(CHUNK).await.map_err(read_failed)?;
                self.transaction.insert(Transaction { connection, chunk })
            }
        };
        // No id is empty.
        let after = query.after.as_ref().map_or("", ItemId::as_str);
        let (items_max, bytes_max) =
            (SNAPSHOT_CHUNK_ITEMS_MAX as i64, SNAPSHOT_CHUNK_BYTES_MAX as i64);
        let client = &transaction.connection.client;
        let end = behind_all_ids();
        let parameters: &Parameters<'_> =
            &[&query.collection.as_str(), &after, &end, &items_max, &bytes_max];
        let rows = client.query(&transaction.chunk, parameters).await;
        let rows = rows.map_err(|error| self.failed(error))?;
        let mut chunk = Chunk::default();
        for row in &rows {
            if chunk.is_full() {
                break;
            }
            let id = ItemId::new(column(row, 0)?).map_err(|_| damaged_row())?;
            let version = Version::from(Token(column_bytes16(row, 5)?));
            chunk.push(SnapshotEntry { id, item: item(row, 1)?, version });
        }
        Ok(chunk.take())
    }

    /// Says why a statement failed.
    fn failed(&self, error: DriverError) -> Error {
        match judge(error) {
            StatementFailure::Conflict if self.has_read => {
                let message = "the database cannot show the state of the snapshot any more";
                Error::new(ErrorKind::Expired, message)
            }
            StatementFailure::Failed(Failure::Lost(error)) if self.has_read => {
                let message = "the database ended the transaction of the snapshot";
                Error::with_source(ErrorKind::Expired, message, error)
            }
            failure => failure.into_read_error(),
        }
    }
}

impl SnapshotSession for PostgresSnapshot {
    async fn chunk(&mut self, query: &SnapshotQuery) -> Result<Vec<SnapshotEntry>, Error> {
        let time_max = self.connector.statement_time_max() + self.connector.open_time_max();
        let read = timeout(time_max, self.read(query)).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Unavailable, "the database did not answer in time"))
        });
        match &read {
            Ok(_) => self.has_read = true,
            // Nothing can be read in a transaction that has failed.
            Err(_) => self.transaction = None,
        }
        read
    }
}
