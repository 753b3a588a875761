//! The operations of the served document.

use std::collections::BTreeSet;

use serde_json::Value;

/// An operation, as the document lists it.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// In capitals.
    pub(crate) method: String,
    /// Such as `/items/{id}`.
    pub(crate) template: String,
    /// Its statuses.
    pub(crate) statuses: Vec<u16>,
    /// The problem types in its examples.
    pub(crate) kinds: BTreeSet<String>,
}

/// What an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A collection.
    Collection,
    /// A stream of writes to a collection.
    Stream,
    /// An item.
    Item,
    /// The definition of a collection.
    Definition,
    /// The service and its store.
    Readiness,
    /// The service without its store.
    Service,
}

impl Operation {
    /// Reads all of them.
    pub(crate) fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().expect("a document has paths").iter();
        let operations = paths.flat_map(|(template, methods)| {
            let methods = methods.as_object().expect("a path has methods").iter();
            methods.map(move |(method, operation)| Self::of(document, method, template, operation))
        });
        operations.collect()
    }

    fn of(document: &Value, method: &str, template: &str, operation: &Value) -> Self {
        let responses = operation["responses"].as_object().expect("an operation has answers");
        let status = |status: &String| {
            // Promise 3 of the design: no `default`, no ranges.
            status.parse().unwrap_or_else(|_| panic!("{status} of {method} {template}"))
        };
        let examples = responses.values().filter_map(|response| {
            // Problems are components, which the operations refer to.
            let component = response["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
            let response = component.map_or(Some(response), |pointer| document.pointer(pointer))?;
            response["content"]["application/problem+json"]["examples"].as_object()
        });
        Self {
            method: method.to_ascii_uppercase(),
            template: template.to_owned(),
            statuses: responses.keys().map(status).collect(),
            kinds: examples.flat_map(|examples| examples.keys().cloned()).collect(),
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self.template.as_str() {
            "/readyz" => Subject::Readiness,
            "/livez" | "/metrics" | "/openapi.json" | "/openapi-3.2.json" => Subject::Service,
            template if template.ends_with(":bulk") || template.ends_with(":replace") => {
                Subject::Stream
            }
            template if template.ends_with("/{id}") => Subject::Item,
            "/collections/{name}" => Subject::Definition,
            _ => Subject::Collection,
        }
    }

    /// Tells whether a gateway answers it alone, and asks no replica.
    pub(crate) fn is_of_the_gateway(&self) -> bool {
        self.template.starts_with("/openapi") && matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// Tells whether a gateway passes it on as a stream.
    pub(crate) fn is_stream(&self) -> bool {
        let is_export = self.template.ends_with(":export") && self.method == "GET";
        self.subject() == Subject::Stream && self.method == "POST" || is_export
    }

    /// Tells whether its answers have no bodies.
    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Tells whether it takes a body.
    pub(crate) fn takes_body(&self) -> bool {
        matches!(self.method.as_str(), "POST" | "PUT" | "PATCH")
    }

    /// Tells whether it may change something.
    pub(crate) fn writes(&self) -> bool {
        self.takes_body() || self.method == "DELETE"
    }

    /// Returns its target for the item `id`.
    pub(crate) fn target(&self, id: &str) -> String {
        self.template.replace("{id}", id).replace("{name}", id)
    }
}
