//! The log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Starts logging. A filter that cannot be read is reported, and `info` is used in its place.
pub(crate) fn start(settings: &Settings) {
    let filter = EnvFilter::try_new(&settings.log_level);
    let refused = filter.as_ref().err().map(ToString::to_string);
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Human => {
            logs.with_ansi(std::io::stderr().is_terminal()).with_target(false).init()
        }
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    if let Some(error) = refused {
        tracing::warn!(error, "the log level cannot be read, so it is info: {error}");
    }
}
