//! The report of `--check-contract`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// What the service saw of its own answers, from start to stop.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Answers that the document does not promise, as the service describes them.
    pub undocumented: Vec<String>,
    /// What the document lists and no test caused.
    pub never_returned: BTreeSet<(String, u16)>,
    /// How often each operation answered with each status.
    pub returned: BTreeMap<(String, u16), u64>,
}

impl Report {
    /// Checks that the document promised every answer.
    ///
    /// # Panics
    /// If it did not.
    pub fn assert_documented(&self) {
        assert!(self.undocumented.is_empty(), "undocumented answers: {:#?}", self.undocumented);
    }

    /// Reads a report.
    ///
    /// # Panics
    /// If it is not there, or has another form.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read(path).expect("a service that stops writes its report");
        let report: Value = serde_json::from_slice(&text).expect("the report is JSON");
        let list = |name: &str| report[name].as_array().expect("the report has its lists").iter();
        let pair = |operation: &Value, status: u16| {
            (operation.as_str().expect("an operation is named").to_owned(), status)
        };
        let status = |value: &Value| u16::try_from(value.as_u64().unwrap_or(0)).unwrap_or(0);
        let returned = report["returned"].as_object().expect("the report has its counts");
        Self {
            undocumented: list("undocumented").map(ToString::to_string).collect(),
            never_returned: list("never_returned")
                .map(|never| pair(&never[0], status(&never[1])))
                .collect(),
            returned: returned
                .iter()
                .flat_map(|(operation, counts)| {
                    counts.as_object().into_iter().flatten().map(move |(status, count)| {
                        let status = status.parse().expect("counts are by status");
                        ((operation.clone(), status), count.as_u64().unwrap_or(0))
                    })
                })
                .collect(),
        }
    }
}
