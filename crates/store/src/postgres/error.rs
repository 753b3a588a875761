//! What the driver's errors mean.

use tokio_postgres::Error as DriverError;
use tokio_postgres::error::SqlState;

use crate::error::{Error, ErrorKind};
use crate::remote::session::Failure;

/// What became of a statement that failed.
pub(super) enum StatementFailure {
    /// It was rolled back because of others; what it was based on has to be read again.
    Conflict,
    /// It was rolled back because others held a lock for longer than it waits.
    Locked(Error),
    /// The engine failed.
    Failed(Failure),
}

/// Tells whether a statement that failed may do better on another connection: this one has ended,
/// leads to a server that has become a standby, or has forgotten its prepared statements.
pub(super) fn is_over(error: &DriverError) -> bool {
    error.code().is_none_or(|code| {
        *code == SqlState::READ_ONLY_SQL_TRANSACTION
            || *code == SqlState::INVALID_SQL_STATEMENT_NAME
            || *code == SqlState::FEATURE_NOT_SUPPORTED
            || ["08", "57P"].iter().any(|class| code.code().starts_with(class))
    })
}

/// Judges a statement that failed after it was sent.
pub(super) fn judge(error: DriverError) -> StatementFailure {
    let Some(code) = error.code().cloned() else {
        // Without a code it was the connection that failed, and the server may go on without it.
        let message = "the connection to the database was lost before it answered";
        return StatementFailure::Failed(Failure::Lost(Error::with_source(
            ErrorKind::Unavailable,
            message,
            error,
        )));
    };
    let refused = |kind, message: &'static str, error| {
        StatementFailure::Failed(Failure::Refused(Error::with_source(kind, message, error)))
    };
    match code {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::UNIQUE_VIOLATION => StatementFailure::Conflict,
        SqlState::DISK_FULL => refused(ErrorKind::Full, "the database has no room left", error),
        SqlState::LOCK_NOT_AVAILABLE => {
            let message = "another session of the database holds a lock";
            StatementFailure::Locked(Error::with_source(ErrorKind::Overloaded, message, error))
        }
        SqlState::QUERY_CANCELED => refused(
            ErrorKind::Overloaded,
            "the database did not carry out a statement in time",
            error,
        ),
        SqlState::TOO_MANY_CONNECTIONS
        | SqlState::OUT_OF_MEMORY
        | SqlState::INSUFFICIENT_RESOURCES => {
            refused(ErrorKind::Overloaded, "the database has no resources left", error)
        }
        SqlState::CANNOT_CONNECT_NOW | SqlState::READ_ONLY_SQL_TRANSACTION => {
            refused(ErrorKind::Unavailable, "the database takes no writes at the moment", error)
        }
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::FEATURE_NOT_SUPPORTED => refused(
            ErrorKind::Unavailable,
            "the database does not know a prepared statement any more",
            error,
        ),
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            refused(ErrorKind::Corrupt, "the stored data is damaged", error)
        }
        // A commit that is waiting for a replica is not undone when the server goes down.
        code if code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
            || ["08", "57P"].iter().any(|class| code.code().starts_with(class)) =>
        {
            StatementFailure::Failed(Failure::Lost(Error::with_source(
                ErrorKind::Unavailable,
                "the database went away before it answered",
                error,
            )))
        }
        _ => refused(ErrorKind::Internal, "the database refuses a statement of the store", error),
    }
}

impl StatementFailure {
    /// Says why a read failed, or anything else that has no outcome that could be unknown.
    pub(super) fn into_read_error(self) -> Error {
        match self {
            Self::Conflict => Error::new(
                ErrorKind::Unavailable,
                "the database could not serialize a read with what others wrote",
            ),
            Self::Locked(error) | Self::Failed(Failure::Refused(error) | Failure::Lost(error)) => {
                error
            }
        }
    }
}

/// Says why a read failed.
pub(super) fn read_failed(error: DriverError) -> Error {
    judge(error).into_read_error()
}

/// Says why there is no connection.
pub(super) fn connect_failed(error: DriverError) -> Error {
    match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD => {
            let message = "the database does not accept the user and the password of the store URL";
            Error::with_source(ErrorKind::Unavailable, message, error)
        }
        Some(code) if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            let message = "the database does not admit the user of the store URL from here; see its pg_hba.conf, and whether it demands TLS (`sslmode=require`)";
            Error::with_source(ErrorKind::Unavailable, message, error)
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            let message = "there is no such database; create it with ENCODING 'UTF8'";
            Error::with_source(ErrorKind::Unavailable, message, error)
        }
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
            let message = "the database has no connection left; lower `writers` and `readers` in the store URL, or raise max_connections";
            Error::with_source(ErrorKind::Unavailable, message, error)
        }
        _ => Error::with_source(ErrorKind::Unavailable, "the database cannot be reached", error),
    }
}
