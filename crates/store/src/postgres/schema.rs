//! The tables. They are made when they are missing, also by several processes at once.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as DriverError};

use super::error::read_failed;
use crate::error::{Error, ErrorKind};

/// The format of the tables that this version reads and writes.
const FORMAT: i32 = 1;

/// How often the tables are made anew when another process makes them at the same time. One of
/// any number of processes is through each time.
const ATTEMPTS_MAX: usize = 100;

/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// `COLLATE "C"`: ids are compared and listed by their bytes.
const TABLES: &str = r#"
    CREATE TABLE IF NOT EXISTS shelf_format (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        format integer NOT NULL
    );
    CREATE TABLE IF NOT EXISTS shelf_items (
        collection text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        representation text NOT NULL,
        etag bytea NOT NULL,
        digest bytea NOT NULL,
        token bytea NOT NULL,
        born bytea NOT NULL,
        PRIMARY KEY (collection, id)
    );
    CREATE TABLE IF NOT EXISTS shelf_answers (
        key bytea PRIMARY KEY,
        expires bigint NOT NULL,
        answer bytea NOT NULL
    );
    CREATE INDEX IF NOT EXISTS shelf_answers_expires ON shelf_answers (expires);
    INSERT INTO shelf_format (format) VALUES (1) ON CONFLICT DO NOTHING;
"#;

/// What a store has that was made by a version that knew no order tokens: nothing of this. Such a version can
/// go on beside this one as long as no client sends tokens: it knows nothing of tombstones, which are rows that
/// say until when they are kept.
const ORDER_COLUMNS: &str = "
    ALTER TABLE shelf_items ADD COLUMN IF NOT EXISTS order_token bytea;
    ALTER TABLE shelf_items ADD COLUMN IF NOT EXISTS deleted_until bigint;
";

/// Tombstones alone are in these, so that they cost other rows nothing: one to count them, one to find those
/// whose time is over. They come last, by which it is known that nothing is missing.
const ORDER_INDEXES: &str = "
    CREATE INDEX IF NOT EXISTS shelf_items_deleted ON shelf_items (collection, id)
        WHERE deleted_until IS NOT NULL;
    CREATE INDEX IF NOT EXISTS shelf_items_deleted_until ON shelf_items (deleted_until)
        WHERE deleted_until IS NOT NULL;
";

/// Tells whether the tables have all that.
const HAS_ORDER: &str = "
    SELECT EXISTS (
        SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = to_regclass('shelf_items') AND c.relname = 'shelf_items_deleted_until')";

/// Longest time for all of that: an index of a table that is there reads it once, at some hundred thousand rows
/// a second.
const TIME_MAX: Duration = Duration::from_secs(600);

/// Makes sure that the tables are there, in the format of this version.
///
/// A role that may not create tables is enough when they are there already.
pub(super) async fn ensure(client: &Client) -> Result<(), Error> {
    let late =
        |_| Error::new(ErrorKind::Unavailable, "the database did not make the tables in time");
    tokio::time::timeout(TIME_MAX, make(client)).await.map_err(late)?
}

async fn make(client: &Client) -> Result<(), Error> {
    for _ in 0..ATTEMPTS_MAX {
        match format(client).await {
            Ok(Some(format)) => {
                judge(format)?;
                if has_order(client).await? || add_order(client).await? {
                    return Ok(());
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Ok(None) => {}
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {}
            // The table is there, and the row will be in a moment.
            Err(error) if error.code().is_none() && !error.is_closed() => {}
            Err(error) => return Err(unreadable(error)),
        }
        if let Err(error) = client.batch_execute(TABLES).await
            && !is_race(&error)
        {
            return Err(failed(error));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::new(ErrorKind::Unavailable, "other sessions kept the tables from being made"))
}

async fn has_order(client: &Client) -> Result<bool, Error> {
    let row = client.query_one(HAS_ORDER, &[]).await.map_err(read_failed)?;
    Ok(row.get(0))
}

/// Adds what order tokens need. Returns whether no other session was in the way.
async fn add_order(client: &Client) -> Result<bool, Error> {
    for statements in [ORDER_COLUMNS, ORDER_INDEXES] {
        match client.batch_execute(statements).await {
            Ok(()) => {}
            Err(error) if is_race(&error) => return Ok(false),
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                let message = "the tables were made by an earlier version, and the role may not change them; start this version once as the owner of shelf_items";
                return Err(Error::with_source(ErrorKind::Internal, message, error));
            }
            Err(error) => return Err(read_failed(error)),
        }
    }
    Ok(true)
}

/// Returns the format of the tables, if they are there. A look at what is missing would be an error in the server's
/// log, and alarm an operator after the first start.
async fn format(client: &Client) -> Result<Option<i32>, DriverError> {
    let there = client.query_one("SELECT to_regclass('shelf_format') IS NOT NULL", &[]).await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client.query_one("SELECT format FROM shelf_format", &[]).await?;
    Ok(Some(row.get(0)))
}

fn judge(format: i32) -> Result<(), Error> {
    if format == FORMAT {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Internal,
        format!(
            "its tables have the format {format}, and this version reads only {FORMAT}; use the version that made them"
        ),
    ))
}

/// Tells whether a statement failed because another session made the same table: `IF NOT EXISTS` looks
/// before it locks.
fn is_race(error: &DriverError) -> bool {
    let races = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::UNDEFINED_TABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
        // "tuple concurrently updated"
        SqlState::INTERNAL_ERROR,
    ];
    error.code().is_some_and(|code| races.contains(code))
}

fn unreadable(error: DriverError) -> Error {
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let message = "the tables are there, and the role may not use them; grant SELECT, INSERT, UPDATE and DELETE on shelf_format, shelf_items and shelf_answers";
        return Error::with_source(ErrorKind::Internal, message, error);
    }
    read_failed(error)
}

fn failed(error: DriverError) -> Error {
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        let message = "the tables are missing, and the role may not create them; grant CREATE on the schema for the first start";
        return Error::with_source(ErrorKind::Internal, message, error);
    }
    read_failed(error)
}
