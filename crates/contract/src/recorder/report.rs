//! What the recorder found.

use std::collections::BTreeMap;

use serde::Serialize;

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
