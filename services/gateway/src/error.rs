//! Errors as they are logged.

use std::error::Error;

/// An error as the operator reads it: a line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct LoggedError(pub(crate) String);

/// Returns an error and its sources in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
