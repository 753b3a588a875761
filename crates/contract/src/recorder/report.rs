//! What the recorder found.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

/// The exit code of a service when an answer was undocumented.
const EXIT_UNDOCUMENTED: u8 = 3;

/// The two lists that a service whose document is true leaves empty, and what they were made from.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Answers that the document does not promise.
    pub undocumented: Vec<Violation>,
    /// Operations and statuses that the document lists, and that were never seen.
    pub never_returned: Vec<(String, u16)>,
    /// How often each operation answered with each status.
    pub returned: BTreeMap<String, BTreeMap<u16, u64>>,
}

/// An answer that the document does not promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// The answer's status.
    pub status: u16,
    /// What is undocumented about it.
    pub fault: String,
}

impl Violation {
    pub(super) fn log(&self) {
        let Self { method, path, status, fault } = self;
        tracing::error!(
            method,
            path,
            status,
            fault,
            "{method} {path} was answered {status}, and {fault}"
        );
    }
}

/// The file for a report.
#[derive(Clone, Debug)]
pub struct ReportFile(PathBuf);

impl ReportFile {
    /// Creates the file: if it cannot be written, this is noticed now, not after a day of rehearsal.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path) -> Result<Self, ReportError> {
        let file = Self(path.to_owned());
        file.put(b"").map(|()| file)
    }

    /// Writes the report. Returns the exit code of the service: 3 if an answer was undocumented.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, report: &Report) -> Result<ExitCode, ReportError> {
        self.put(&serde_json::to_vec_pretty(report).expect("a report is JSON"))?;
        let is_clean = report.undocumented.is_empty();
        Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::from(EXIT_UNDOCUMENTED) })
    }

    fn put(&self, text: &[u8]) -> Result<(), ReportError> {
        std::fs::write(&self.0, text).map_err(|source| ReportError { path: self.0.clone(), source })
    }
}

/// Why a report could not be written.
#[derive(Debug)]
pub struct ReportError {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the report could not be written to {}", self.path.display())
    }
}

impl Error for ReportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
