//! What can go wrong in a store, and what to do about it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use domain::ItemId;

/// Why a store gave no answer. Cheap to clone: every write of a batch gets one.
///
/// `Display` says what happened in one sentence; what caused it is [`source`](StdError::source)
/// and is not said again.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    resume: Option<Resume>,
}

/// Where a list goes on behind what cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// At this id.
    At(ItemId),
    /// Nowhere: no item that can be read follows.
    End,
}

/// The kinds of trouble a store can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The store cannot be reached, or is closed. The write did not happen.
    Unavailable,
    /// More is waiting than the store holds for its callers. The write did not happen.
    Overloaded,
    /// There is no room left. Reads still work. The write did not happen.
    Full,
    /// The item is larger than the store takes. The write did not happen.
    TooLarge,
    /// What the store holds is damaged. It is not known what was there.
    Corrupt,
    /// A write could not be made durable before, so no more are accepted until the store was
    /// opened again; reads still answer from what is durable. The write did not happen.
    Poisoned,
    /// The write may have happened and may not.
    Unknown,
    /// A snapshot ended before it was read to its end: its time is over, or the engine has removed
    /// the state that it shows. A caller that can do without one consistent state goes on with a
    /// new snapshot, after the last id that it got.
    Expired,
    /// The store has a defect. The write did not happen.
    Internal,
}

/// Whether the same call can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Yes, after a pause: nothing happened, and the cause can pass by itself.
    Later,
    /// Yes, when the caller can bear that it happens twice: the first call may have succeeded. A
    /// repeated put is harmless; its answer says `unchanged` then instead of `created`.
    Ambiguous,
    /// No: an operator has to repair something first, or the client has to send something else.
    Never,
}

impl Error {
    /// Makes an error without a source. `message` is for operators: one sentence without a stop.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None, resume: None }
    }

    /// Makes an error that was caused by `source`, which `message` does not repeat.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(Arc::new(source)), resume: None }
    }

    /// Returns what kind of trouble this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Adds where a list goes on.
    #[must_use]
    pub fn with_resume(self, resume: Resume) -> Self {
        Self { resume: Some(resume), ..self }
    }

    /// Returns where a list goes on, if this is the error of a [`list`](crate::Store::list) that met
    /// damage and found that out.
    #[must_use]
    pub const fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }

    /// Tells whether the same call can be made again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self.kind {
            ErrorKind::Unavailable
            | ErrorKind::Overloaded
            | ErrorKind::Full
            | ErrorKind::Expired => Retry::Later,
            ErrorKind::Unknown => Retry::Ambiguous,
            ErrorKind::TooLarge
            | ErrorKind::Corrupt
            | ErrorKind::Poisoned
            | ErrorKind::Internal => Retry::Never,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = f.debug_struct("Error");
        error.field("kind", &self.kind).field("message", &self.message);
        if let Some(source) = &self.source {
            error.field("source", source);
        }
        if let Some(resume) = &self.resume {
            error.field("resume", resume);
        }
        error.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_does_not_repeat_the_source() {
        let error = Error::with_source(
            ErrorKind::Corrupt,
            "a block cannot be read",
            std::io::Error::other("cause"),
        );
        assert_eq!(error.to_string(), "a block cannot be read");
        assert_eq!(error.source().expect("there is one").to_string(), "cause");
    }

    #[test]
    fn only_an_unknown_outcome_is_ambiguous() {
        assert_eq!(Error::new(ErrorKind::Unknown, "").retry(), Retry::Ambiguous);
        assert_eq!(Error::new(ErrorKind::Overloaded, "").retry(), Retry::Later);
        assert_eq!(Error::new(ErrorKind::Poisoned, "").retry(), Retry::Never);
    }
}
