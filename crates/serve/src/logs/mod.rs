//! The log, on standard error.

mod storm;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;
use std::fmt;
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::storm::Storm;

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines to read.
    Human,
    /// One JSON object a line.
    Json,
}

/// Checks a filter of the log; a value parser for clap.
///
/// # Errors
/// What is wrong with the filter.
pub fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes an error and its causes in one line, the cause of all last.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The log while it is written. Dropping it tells what was counted and not logged yet.
#[must_use]
pub struct Logs(Storm);

/// Starts logging. The level is one that [`filter`] has let pass.
///
/// Of warnings and errors of one kind, which is the place in the program and the error, ten are logged
/// within ten seconds; the number of the others follows in a line of its own.
///
/// # Panics
/// If it was called before.
pub fn start(format: LogFormat, level: &str) -> Logs {
    let (filter, storm) = (EnvFilter::new(level), Storm::default());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Human => {
            let logs = logs.with_ansi(std::io::stderr().is_terminal()).with_target(false);
            logs.finish().with(storm.clone()).init();
        }
        LogFormat::Json => logs.json().flatten_event(true).finish().with(storm.clone()).init(),
    }
    std::panic::set_hook(Box::new(log_panic));
    storm.tell();
    Logs(storm)
}

/// Logs a panic, so that a defect that every request meets is bounded as other faults are. With
/// `RUST_BACKTRACE` the error has the backtrace.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    match backtrace.status() {
        BacktraceStatus::Captured => tracing::error!(error = %backtrace, "{panic}"),
        _ => tracing::error!(error = %panic, "{panic}"),
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.0.tell_older_than(Duration::ZERO);
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").finish_non_exhaustive()
    }
}
