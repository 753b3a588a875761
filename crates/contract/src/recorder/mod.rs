//! Checks every answer against the document, and the document against the answers.
//!
//! [`Recorder`] stands around the service and looks at each response: is its status listed, does it
//! carry the header fields that are required and no others, has it the media type, does its body
//! satisfy the schema? At the end [`Recording::report`] says what was *returned but undocumented*,
//! and what was *documented but never returned*.
//!
//! It holds every body in memory and validates it, but for lines, which are checked as they pass: it is for
//! tests and rehearsals.

mod lines;
mod plan;
mod report;
mod service;

pub use lines::{CheckedLines, LineCheck};
pub use report::{Report, ReportError, ReportFile, Violation};
pub use service::{Promises, Recorder, Recording};
