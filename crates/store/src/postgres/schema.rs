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

/// Longest time for all of that: as the statements together may take on a server that is busy.
const TIME_MAX: Duration = Duration::from_secs(30);

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
            Ok(Some(format)) => return judge(format),
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
