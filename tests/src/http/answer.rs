//! An answer, as it came.

use serde_json::Value;

use super::Problem;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status line, without its end.
    pub status_line: String,
    /// The status.
    pub status: u16,
    /// The header fields in their order, the names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The statuses of the interim answers that came first, such as 100.
    pub interim: Vec<u16>,
}

impl Answer {
    /// Reads a head, which ends before the empty line.
    pub(crate) fn of_head(head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_owned();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').expect("a header field has a colon");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let headers = headers.collect();
        Self { status_line, status, headers, body: Vec::new(), interim: Vec::new() }
    }

    /// Returns a header field.
    ///
    /// # Panics
    /// If it stands there more than once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        let value = values.next();
        assert_eq!(values.next(), None, "{name} stands there twice: {}", self.shown());
        value.map(String::as_str)
    }

    /// Returns a header field that has to be there.
    #[must_use]
    pub fn required(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("{name} is missing: {}", self.shown()))
    }

    /// Returns the `ETag`.
    #[must_use]
    pub fn etag(&self) -> String {
        self.required("etag").to_owned()
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON, {error}: {}", self.shown()))
    }

    /// Checks the status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.shown());
        self
    }

    /// Checks the status, the body, and what the write did.
    #[track_caller]
    pub fn expect_item(&self, status: u16, outcome: &str, body: &str) -> &Self {
        self.expect(status);
        assert_eq!(self.header("shelf-outcome"), Some(outcome), "{}", self.shown());
        assert_eq!(self.text(), body, "{}", self.shown());
        self
    }

    /// Checks that it is a problem with this status and type.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, slug: &str) -> Problem {
        self.expect(status);
        let problem = Problem::of(self);
        assert_eq!(problem.slug, slug, "{}", self.shown());
        problem
    }

    /// Returns the answer for a message about it.
    #[must_use]
    pub fn shown(&self) -> String {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let body: String = self.text().chars().take(2_000).collect();
        format!("{}\n{}\n\n{body}", self.status_line, headers.join("\n"))
    }
}
