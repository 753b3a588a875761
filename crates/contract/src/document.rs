//! The OpenAPI document.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::about::ServedDocument;
use crate::variant::Variant;

/// The head of the document.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The name of the API.
    pub title: &'static str,
    /// Its version.
    pub version: &'static str,
    /// One line about it.
    pub summary: &'static str,
    /// The introduction that readers need before their first request, in Markdown.
    pub description: &'static str,
    /// Its licence, as an SPDX expression.
    pub license: &'static str,
    /// The contact for questions, if the document has one.
    pub contact: Option<Contact>,
}

/// The contact for questions about an API.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    /// The name of a person or an organisation.
    pub name: &'static str,
}

/// A finished OpenAPI 3.1 document. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Document {
    served: ServedDocument,
    problems: Arc<[&'static Variant]>,
}

impl Document {
    /// Takes the document as it is served: without white space, which would be two fifths of it.
    pub(crate) fn new(text: String, problems: Arc<[&'static Variant]>) -> Self {
        Self { served: ServedDocument::new(text.into()), problems }
    }

    /// Returns the document as it is served.
    #[must_use]
    pub fn served(&self) -> &ServedDocument {
        &self.served
    }

    /// Reads the document as a JSON value.
    #[must_use]
    pub fn value(&self) -> Value {
        self.served.value()
    }

    /// Returns every problem that the API answers with: those of the operations, and those of requests
    /// without an operation.
    pub fn problems(&self) -> impl Iterator<Item = &'static Variant> {
        self.problems.iter().copied()
    }
}

impl Info {
    pub(crate) fn to_value(self) -> Value {
        let mut value = json!({
            "title": self.title,
            "summary": self.summary,
            "description": self.description,
            "license": { "name": self.license, "identifier": self.license },
            "version": self.version,
        });
        if let Some(Contact { name }) = self.contact {
            value["contact"] = json!({ "name": name });
        }
        value
    }
}

/// Puts `path`'s operation into the document's paths.
pub(crate) fn insert_operation(
    paths: &mut Map<String, Value>,
    path: &str,
    method: &http::Method,
    operation: Value,
) {
    let item = paths.entry(path).or_insert_with(|| json!({}));
    item[method.as_str().to_ascii_lowercase()] = operation;
}
