//! What can be wrong with a journal.

use std::io;

use super::block::BLOCK_BYTES;
use crate::embedded::disk::Slot;
use crate::error::{Error, ErrorKind};

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(in crate::embedded) enum JournalError {
    /// The disk failed.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// Acknowledged writes are damaged or missing.
    #[error("the journal is damaged: {0}; restore the store from a backup")]
    Damaged(String),
    /// The trees refused what the journal holds.
    #[error("the journal could not be replayed into the trees")]
    Replay(#[source] Error),
}

impl JournalError {
    pub(super) fn unreadable(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::Damaged("its folder or a file in it is missing".to_owned());
        }
        Self::Io { what: "the journal could not be read", source }
    }

    pub(super) fn unwritable(source: io::Error) -> Self {
        Self::Io { what: "a new segment of the journal could not be begun", source }
    }

    /// Says that a slot's file has a length that it never had.
    pub(super) fn length(slot: Slot, bytes: u64) -> Self {
        Self::Damaged(format!("{slot}.segment was cut off or extended, it has {bytes} bytes"))
    }

    /// Says that something is wrong at a place.
    pub(super) fn at(slot: Slot, block: u32, what: &str) -> Self {
        let byte = u64::from(block) * BLOCK_BYTES as u64;
        Self::Damaged(format!("{what} ({slot}.segment, byte {byte})"))
    }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Replay(error) => error,
            JournalError::Damaged(_) => Self::new(ErrorKind::Corrupt, error.to_string()),
            JournalError::Io { what, source } => {
                let kind = match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
                    _ => ErrorKind::Unavailable,
                };
                Self::with_source(kind, what, source)
            }
        }
    }
}
