//! What can be rehearsed, and where it is asked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind, Resume};
use crate::open_error::OpenError;

/// What one call does in place of its work.
#[derive(Debug)]
pub(super) enum InjectedFault {
    /// It fails with this error and does nothing.
    Fail(Error),
    /// It does its work and reports that the outcome is unknown.
    HideOutcome,
    /// It panics.
    Panic,
    /// It never answers.
    Stall,
}

/// How the name of a fault ends that only writes meet.
const OF_WRITES: &str = "-write";

/// The fault of a store that only opening it anew can mend.
const DEAD: &str = "dead";

impl FromStr for InjectedFault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = |kind| Ok(Self::Fail(Error::new(kind, "a rehearsed fault")));
        let text = text.trim();
        match text.strip_suffix(OF_WRITES).unwrap_or(text) {
            "unavailable" => fail(ErrorKind::Unavailable),
            "overloaded" => fail(ErrorKind::Overloaded),
            "full" => fail(ErrorKind::Full),
            "too-large" => fail(ErrorKind::TooLarge),
            "corrupt" => fail(ErrorKind::Corrupt),
            // As `corrupt`, and a list learns that nothing that it can read follows.
            "damaged" => {
                let error = Error::new(ErrorKind::Corrupt, "a rehearsed fault");
                Ok(Self::Fail(error.with_resume(Resume::End)))
            }
            "poisoned" | DEAD => fail(ErrorKind::Poisoned),
            "internal" => fail(ErrorKind::Internal),
            "expired" => fail(ErrorKind::Expired),
            "unknown" => Ok(Self::HideOutcome),
            "panic" => Ok(Self::Panic),
            "stall" => Ok(Self::Stall),
            other => Err(Error::new(
                ErrorKind::Internal,
                format!(
                    "{other:?} is no fault; known are unavailable, overloaded, full, too-large, corrupt, damaged, \
                     poisoned, dead, internal, expired, unknown, panic and stall, each with `-write` behind it for the next write"
                ),
            )),
        }
    }
}

/// The directory that faults are taken from.
#[derive(Debug)]
pub(super) struct Faults {
    directory: PathBuf,
    taken: AtomicU64,
}

impl Faults {
    pub(super) fn new(directory: &Path) -> Result<Self, OpenError> {
        let path = || directory.to_owned();
        fs::create_dir_all(directory).map_err(|source| OpenError::Io {
            path: path(),
            what: "faults are taken from a directory, which could not be created",
            source,
        })?;
        Ok(Self { directory: path(), taken: AtomicU64::new(0) })
    }

    /// Takes the fault that is waiting, if it is the one that nothing but opening the store anew mends.
    pub(super) fn take_dead(&self) -> Option<Error> {
        let text = fs::read_to_string(self.directory.join("next")).ok()?;
        if text.trim() != DEAD {
            return None;
        }
        match self.take(true)? {
            Ok(InjectedFault::Fail(error)) | Err(error) => Some(error),
            Ok(_) => None,
        }
    }

    /// Takes the fault that is waiting, if there is one. One whose name ends with `-write` waits for a write.
    ///
    /// The file is first renamed to a name of this call's own: of several calls exactly one
    /// succeeds in that, here and in other processes.
    pub(super) fn take(&self, is_write: bool) -> Option<Result<InjectedFault, Error>> {
        let waits_for_write = |text: String| text.trim().ends_with(OF_WRITES);
        if !is_write && fs::read_to_string(self.directory.join("next")).is_ok_and(waits_for_write) {
            return None;
        }
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let mine = self.directory.join(format!("taken-{}-{number}", process::id()));
        match fs::rename(self.directory.join("next"), &mine) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(unreadable(error))),
        }
        let text = fs::read_to_string(&mine).and_then(|text| fs::remove_file(&mine).map(|()| text));
        Some(text.map_err(unreadable).and_then(|text| text.parse()))
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::with_source(ErrorKind::Internal, "the rehearsed fault cannot be read", error)
}
