//! What lsm-tree's errors mean for a caller.

use std::io;
use std::panic::{self, AssertUnwindSafe};

use crate::error::{Error, ErrorKind};

/// Says what a failed read means.
pub(super) fn read_failed(error: lsm_tree::Error) -> Error {
    match kind(&error) {
        ErrorKind::Corrupt => {
            Error::with_source(ErrorKind::Corrupt, "the stored data is damaged", error)
        }
        kind => Error::with_source(kind, "the disk could not be read", error),
    }
}

/// Says what a failed flush or merge means.
pub(super) fn write_failed(error: lsm_tree::Error) -> Error {
    Error::with_source(kind(&error), "the trees could not be written to disk", error)
}

/// Sorts an error by what it says about the data.
///
/// A file that ends too early or is missing is damage: the store wrote it whole before it was
/// referred to.
pub(super) fn kind(error: &lsm_tree::Error) -> ErrorKind {
    match error {
        lsm_tree::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::NotFound => {
                ErrorKind::Corrupt
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            _ => ErrorKind::Unavailable,
        },
        _ => ErrorKind::Corrupt,
    }
}

/// Calls into lsm-tree where it can meet damaged files: it holds some damage for impossible and
/// panics.
pub(in crate::embedded) fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Corrupt, "the storage engine panicked over what it read"))
    })
}
