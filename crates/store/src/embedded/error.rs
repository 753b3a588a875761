//! What fjall's errors mean for a caller.

use std::io;
use std::panic::{self, AssertUnwindSafe};

use crate::error::{Error, ErrorKind};

/// Says what a failed read means.
pub(super) fn read_failed(error: fjall::Error) -> Error {
    match kind(&error) {
        ErrorKind::Corrupt => {
            Error::with_source(ErrorKind::Corrupt, "the stored data is damaged", error)
        }
        kind => Error::with_source(kind, "the disk could not be read", error),
    }
}

/// Sorts an error by what it says about the data.
///
/// A file that ends too early or is missing is damage: the store wrote it whole before it was
/// referred to.
pub(super) fn kind(error: &fjall::Error) -> ErrorKind {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
            match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::InvalidData
                | io::ErrorKind::NotFound => ErrorKind::Corrupt,
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
                _ => ErrorKind::Unavailable,
            }
        }
        fjall::Error::Poisoned => ErrorKind::Poisoned,
        fjall::Error::Locked => ErrorKind::Unavailable,
        _ => ErrorKind::Corrupt,
    }
}

/// Calls into fjall where it can meet damaged files: it holds some damage for impossible and
/// panics.
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Corrupt, "the storage engine panicked over what it read"))
    })
}
