//! The lines that tell what came of each line of a stream of writes.

use contract::line_stream::{LineSchema, LineSender, OpenEnd, problem_of};
use contract::{Content, Fault, Responses, Schemas};
use domain::Outcome;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::list::push_tag;
use super::super::parts::WriteOutcome;
use super::end::EndFailure;
use super::line::LineFailure;

/// The lines of the answer to a stream of writes.
#[derive(Debug)]
pub(crate) enum OutcomeLines {}

impl LineSchema for OutcomeLines {
    fn schema(schemas: &mut Schemas) -> Value {
        let problem = problem_of::<LineFailure>(schemas);
        let line = json!({ "type": "integer", "minimum": 1, "description": "The number of the line; the first is 1." });
        let count = json!({ "type": "integer", "minimum": 0 });
        let counts = ["lines", "created", "updated", "unchanged", "deleted", "stale", "failed"];
        let properties = counts.map(|name| (name.to_owned(), count.clone()));
        let properties = properties.into_iter().collect::<Map<_, _>>();
        let end = problem_of::<EndFailure>(schemas);
        let schema = json!({
            "description": "What came of a line, in the order of the lines: one that was carried out has `outcome`, one that failed has `problem`. The last line of the answer has `summary` alone; without it the answer was cut off.",
            "anyOf": [
                {
                    "title": "Done",
                    "type": "object",
                    "properties": {
                        "line": line,
                        "id": { "type": "string" },
                        "status": { "type": "integer", "description": "The status that the write would have been answered with by itself." },
                        "outcome": { "type": "string", "enum": WriteOutcome::ALL },
                        "etag": { "type": "string", "description": "The `ETag` of the item, unless it was deleted." },
                    },
                    "required": ["line", "id", "status", "outcome"],
                    "additionalProperties": false,
                },
                {
                    "title": "Failed",
                    "type": "object",
                    "properties": {
                        "line": line,
                        "id": { "type": "string", "description": "The id, if it could be read. Without `line` it is that of an item which no line names." },
                        "status": { "type": "integer" },
                        "problem": problem,
                    },
                    "required": ["status", "problem"],
                    "additionalProperties": false,
                },
                {
                    "title": "Deleted",
                    "description": "An item that a stream which replaces all does not name.",
                    "type": "object",
                    "properties": {
                        "id": { "type": "string" },
                        "status": { "type": "integer" },
                        "outcome": { "type": "string", "const": "deleted" },
                    },
                    "required": ["id", "status", "outcome"],
                    "additionalProperties": false,
                },
                {
                    "title": "End",
                    "type": "object",
                    "properties": {
                        "summary": {
                            "description": "How many lines had which outcome.",
                            "type": "object",
                            "properties": properties,
                            "required": counts,
                            "additionalProperties": false,
                        },
                        "problem": { "description": "Why the stream ended before its last line, if it did.", "allOf": [end] },
                    },
                    "required": ["summary"],
                    "additionalProperties": false,
                },
            ],
        });
        schemas.declared("OutcomeLine", schema)
    }
}

/// How many lines had which outcome.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Summary {
    lines: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    deleted: u64,
    stale: u64,
    failed: u64,
}

/// Writes the lines of the answer.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub(super) sender: LineSender,
    /// Whether lines that were carried out are left out.
    is_minimal: bool,
    summary: Summary,
}

impl Outcomes {
    pub(super) fn new(sender: LineSender, is_minimal: bool) -> Self {
        Self { sender, is_minimal, summary: Summary::default() }
    }

    /// Tells that a line was carried out. `id` is JSON.
    pub(super) fn done(&mut self, line: u64, id: &[u8], outcome: &Outcome) {
        let summary = &mut self.summary;
        summary.lines += 1;
        *match outcome {
            Outcome::Created(_) => &mut summary.created,
            Outcome::Updated(_) => &mut summary.updated,
            Outcome::Unchanged(_) => &mut summary.unchanged,
            Outcome::Deleted => &mut summary.deleted,
            Outcome::Stale(_) => &mut summary.stale,
            Outcome::Replayed(_) => unreachable!("a line has no idempotency key"),
        } += 1;
        if self.is_minimal {
            return;
        }
        let text = self.sender.text();
        text.extend_from_slice(b"{\"line\":");
        push_number(text, line);
        text.extend_from_slice(b",\"id\":");
        text.extend_from_slice(id);
        let status: &[u8] = match outcome {
            Outcome::Created(_) => b",\"status\":201,\"outcome\":\"",
            Outcome::Deleted | Outcome::Stale(None) => b",\"status\":204,\"outcome\":\"",
            _ => b",\"status\":200,\"outcome\":\"",
        };
        text.extend_from_slice(status);
        text.extend_from_slice(WriteOutcome::of(outcome).as_str().as_bytes());
        if let Outcome::Created(item)
        | Outcome::Updated(item)
        | Outcome::Unchanged(item)
        | Outcome::Stale(Some(item)) = outcome
        {
            text.extend_from_slice(b"\",\"etag\":\"");
            push_tag(text, item.etag());
        }
        text.extend_from_slice(b"\"}\n");
    }

    /// Tells that an item was deleted that no line names. `id` is JSON.
    pub(super) fn deleted(&mut self, id: &[u8]) {
        self.summary.deleted += 1;
        if self.is_minimal {
            return;
        }
        let text = self.sender.text();
        text.extend_from_slice(b"{\"id\":");
        text.extend_from_slice(id);
        text.extend_from_slice(b",\"status\":204,\"outcome\":\"deleted\"}\n");
    }

    /// Returns how many lines had an outcome.
    pub(super) fn lines(&self) -> u64 {
        self.summary.lines
    }

    /// Tells that a line failed. Returns why, if it is for the operator to know.
    pub(super) fn failed(
        &mut self,
        line: u64,
        id: Option<&[u8]>,
        failure: impl Responses,
    ) -> Option<Fault> {
        self.summary.lines += 1;
        let text = self.sender.text();
        text.extend_from_slice(b"{\"line\":");
        push_number(text, line);
        if let Some(id) = id {
            text.extend_from_slice(b",\"id\":");
            text.extend_from_slice(id);
        }
        self.push_failure(failure)
    }

    /// Tells that an item was not deleted that no line names. `id` is JSON.
    pub(super) fn not_deleted(&mut self, id: &[u8], failure: impl Responses) -> Option<Fault> {
        let text = self.sender.text();
        text.extend_from_slice(b"{\"id\":");
        text.extend_from_slice(id);
        self.push_failure(failure)
    }

    fn push_failure(&mut self, failure: impl Responses) -> Option<Fault> {
        self.summary.failed += 1;
        let parts = failure.into_parts();
        let text = self.sender.text();
        text.extend_from_slice(b",\"status\":");
        push_number(text, parts.status.as_u16().into());
        if let Content::Problem(problem) = &parts.content {
            text.extend_from_slice(b",\"problem\":");
            push_json(text, problem);
        }
        text.extend_from_slice(b"}\n");
        parts.fault
    }

    /// Ends the answer by its last line. `failure` is why the stream ended early, if it did.
    pub(super) fn end(mut self, failure: Option<impl Responses>) -> OpenEnd {
        let text = self.sender.text();
        text.extend_from_slice(b"{\"summary\":");
        push_json(text, &self.summary);
        if let Some(Content::Problem(problem)) = failure.map(|failure| failure.into_parts().content)
        {
            text.extend_from_slice(b",\"problem\":");
            push_json(text, &problem);
        }
        text.extend_from_slice(b"}\n");
        self.sender.end()
    }
}

fn push_number(text: &mut Vec<u8>, number: u64) {
    let mut buffer = itoa::Buffer::new();
    text.extend_from_slice(buffer.format(number).as_bytes());
}

/// Appends a value as JSON.
pub(super) fn push_json(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(text, value).expect("text can be written to memory");
}
