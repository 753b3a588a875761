//! The OpenAPI document.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

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
    /// What everybody should know before the first request, in Markdown.
    pub description: &'static str,
    /// Its licence, as an SPDX expression.
    pub license: &'static str,
    /// Who answers questions about it, if the document is to tell.
    pub contact: Option<Contact>,
}

/// Who answers questions about an API.
#[derive(Clone, Copy, Debug)]
pub struct Contact {
    /// The name of a person or an organisation.
    pub name: &'static str,
}

/// A finished OpenAPI 3.1 document.
#[derive(Clone, Debug)]
pub struct Document {
    value: Value,
    problems: BTreeMap<&'static str, &'static Variant>,
}

impl Document {
    pub(crate) fn new(value: Value, problems: BTreeMap<&'static str, &'static Variant>) -> Self {
        Self { value, problems }
    }

    /// Returns the document as a JSON value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the document as the text that is served: without white space, which would be two
    /// fifths of it.
    ///
    /// # Panics
    /// Never: every JSON value has a text form.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(&self.value).expect("a JSON value has a text form").into()
    }

    /// Returns every problem that there can be, by slug: those of the operations, and those for
    /// what is no operation.
    pub fn problems(&self) -> impl Iterator<Item = &'static Variant> {
        self.problems.values().copied()
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
