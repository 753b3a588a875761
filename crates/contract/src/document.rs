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

/// A finished OpenAPI 3.1 document.
#[derive(Clone, Debug)]
pub struct Document {
    value: Value,
    description: Description,
}

/// The description of an API for its clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Description {
    /// The document as it is served: without white space, which would be two fifths of it.
    pub document: ServedDocument,
    /// Every problem that the API answers with, by slug: those of the operations, and those of requests
    /// without an operation.
    pub problems: Arc<[&'static Variant]>,
}

impl Document {
    /// # Panics
    /// Never: every JSON value has a text form.
    pub(crate) fn new(value: Value, problems: Arc<[&'static Variant]>) -> Self {
        let text = serde_json::to_vec(&value).expect("a JSON value has a text form");
        let document = ServedDocument::new(text.into());
        Self { value, description: Description { document, problems } }
    }

    /// Returns the document as a JSON value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the description for clients.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Returns every problem that the API answers with; see [`Description::problems`].
    pub fn problems(&self) -> impl Iterator<Item = &'static Variant> {
        self.description.problems.iter().copied()
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
