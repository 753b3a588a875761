//! Collections that are declared over HTTP.

mod changes;
mod declare;
mod document;
mod kill;
mod replicas;

use e2e::Request;

/// A definition whose items have a title.
const BOOKS: &str = r#"{"schema":{"type":"object","properties":{"title":{"type":"string"}},"required":["title"],"additionalProperties":false},"require_precondition":false}"#;

/// The same, with titles of at most five characters.
const SHORT: &str = r#"{"schema":{"type":"object","properties":{"title":{"type":"string","maxLength":5}},"required":["title"],"additionalProperties":false},"require_precondition":false}"#;

/// An item that satisfies both.
const EMMA: &str = r#"{"title":"Emma"}"#;

/// An item that only the first allows.
const PERSUASION: &str = r#"{"title":"Persuasion"}"#;

fn declare(name: &str, definition: &str) -> Request {
    Request::put(format!("/collections/{name}"), definition)
}

fn put(collection: &str, id: &str, item: &str) -> Request {
    Request::put(format!("/{collection}/{id}"), item)
}
