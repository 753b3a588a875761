//! The log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Starts logging.
pub(crate) fn start(settings: &Settings) {
    // Checked when the settings were read.
    let filter = EnvFilter::new(&settings.log_level);
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Human => {
            logs.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
        }
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}
