//! What the document promises, compiled.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{
    ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName,
    TRANSFER_ENCODING, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::about::{PAGES, ServedDocument};
use crate::answer_parts::NO_SNIFF;
use crate::lines::ITEM_SCHEMA;

/// Header fields that belong to the message, not to the answer: no document lists them.
const OF_THE_MESSAGE: &[HeaderName] = &[
    ALLOW,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    DATE,
    TRANSFER_ENCODING,
    VARY,
    X_CONTENT_TYPE_OPTIONS,
];

/// What the names of fields begin with by which a browser lets pages of other origins read an answer: they
/// belong to the message, too.
const CROSS_ORIGIN: &str = "access-control-";

/// The answers of all operations of one document.
pub(crate) struct Plan {
    served: ServedDocument,
    schemas: Schemas,
    /// By path template, as [`router`](Self::router) numbers them, and method.
    operations: BTreeMap<(usize, String), PlannedOperation>,
    /// The paths of the document and of the pages for people.
    router: matchit::Router<usize>,
}

#[derive(Debug)]
pub(crate) struct PlannedOperation {
    pub(crate) id: String,
    pub(crate) answers: BTreeMap<u16, PlannedAnswer>,
}

#[derive(Debug)]
pub(crate) struct PlannedAnswer {
    headers: Vec<PlannedHeader>,
    content: Option<PlannedContent>,
}

#[derive(Debug)]
struct PlannedContent {
    media_types: Vec<String>,
    schema: Value,
    /// Whether the body is lines, each of which has the schema.
    is_lines: bool,
}

#[derive(Debug)]
struct PlannedHeader {
    name: String,
    required: bool,
    integer: bool,
    schema: Value,
}

/// The schemas of a document, compiled when an answer is judged by them, each once: many answers have the
/// same, and a document that changes often has many that no answer needs.
struct Schemas {
    document: Value,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Plan {
    /// Compiles the document.
    ///
    /// # Panics
    /// If it is no OpenAPI document of this crate's making.
    pub(crate) fn of(served: ServedDocument) -> Self {
        let document = served.value();
        let (mut operations, mut router) = (BTreeMap::new(), matchit::Router::new());
        let templates = members(&document["paths"]).map(|(template, _)| template.as_str());
        for (at, template) in templates.chain(PAGES).enumerate() {
            // One that another one hides is matched by that.
            let _ = router.insert(template, at);
        }
        for (at, (_, item)) in members(&document["paths"]).enumerate() {
            for (method, operation) in members(item) {
                let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
                let answers = members(&operation["responses"]).map(|(status, answer)| {
                    let status = status.parse().expect("every answer is listed under its status");
                    (status, PlannedAnswer::of(&document, resolve(&document, answer)))
                });
                let operation = PlannedOperation { id, answers: answers.collect() };
                operations.insert((at, method.to_ascii_uppercase()), operation);
            }
        }
        let schemas = Schemas { document, compiled: Mutex::default() };
        Self { served, schemas, operations, router }
    }

    /// Tells whether it is the plan of this document.
    pub(crate) fn is_of(&self, document: &ServedDocument) -> bool {
        self.served.is(document)
    }

    /// Returns the number of the path that a request's path matches: of the document, or of a page.
    pub(crate) fn path(&self, path: &str) -> Option<usize> {
        self.router.at(path).ok().map(|found| *found.value)
    }

    pub(crate) fn operation(&self, path: usize, method: &Method) -> Option<&PlannedOperation> {
        self.operations.get(&(path, method.as_str().to_owned()))
    }

    /// Returns everything about an answer that the document does not promise.
    pub(crate) fn judge(
        &self,
        answer: &PlannedAnswer,
        method: &Method,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Vec<String> {
        answer.judge(&self.schemas, method, headers, body)
    }

    /// Returns the schema of an answer's lines, compiled, if it has lines.
    pub(crate) fn line_schema(&self, answer: &PlannedAnswer) -> Option<Arc<Validator>> {
        let content = answer.content.as_ref().filter(|content| content.is_lines)?;
        Some(self.schemas.compiled(&content.schema))
    }

    pub(crate) fn operations(&self) -> impl Iterator<Item = &PlannedOperation> {
        self.operations.values()
    }
}

impl PlannedAnswer {
    fn of(document: &Value, answer: &Value) -> Self {
        let headers = members(&answer["headers"]).map(|(name, header)| {
            let header = resolve(document, header);
            PlannedHeader {
                name: name.to_ascii_lowercase(),
                required: header["required"] == true,
                integer: header["schema"]["type"] == "integer",
                schema: header["schema"].clone(),
            }
        });
        let headers = headers.collect();
        let content = members(&answer["content"]).next().map(|(_, media)| {
            let lines = media.get(ITEM_SCHEMA);
            PlannedContent {
                media_types: members(&answer["content"]).map(|(name, _)| name.clone()).collect(),
                schema: lines.unwrap_or(&media["schema"]).clone(),
                is_lines: lines.is_some(),
            }
        });
        Self { headers, content }
    }

    /// Returns everything about the answer that the document does not promise.
    ///
    /// The body of an answer to HEAD is not judged: the HTTP layer leaves it out.
    fn judge(
        &self,
        schemas: &Schemas,
        method: &Method,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Vec<String> {
        let mut faults = Vec::new();
        self.judge_headers(schemas, headers, &mut faults);
        if method != Method::HEAD {
            self.judge_body(schemas, headers, body, &mut faults);
        }
        faults
    }

    fn judge_headers(&self, schemas: &Schemas, headers: &HeaderMap, faults: &mut Vec<String>) {
        for planned in &self.headers {
            let Some(value) = headers.get(&planned.name) else {
                if planned.required {
                    faults.push(format!("the header field {} is missing", planned.name));
                }
                continue;
            };
            let text = value.to_str().unwrap_or_default();
            let value = if planned.integer {
                text.parse::<u64>().map(Value::from).ok()
            } else {
                Some(json!(text))
            };
            if !value.is_some_and(|value| schemas.compiled(&planned.schema).is_valid(&value)) {
                faults.push(format!(
                    "the header field {} has an undocumented value: {text:?}",
                    planned.name
                ));
            }
        }
        let is_of_the_message = |name: &HeaderName| {
            OF_THE_MESSAGE.contains(name) || name.as_str().starts_with(CROSS_ORIGIN)
        };
        for name in headers.keys().filter(|name| !is_of_the_message(name)) {
            if !self.headers.iter().any(|planned| planned.name == name.as_str()) {
                faults.push(format!("the header field {name} is undocumented"));
            }
        }
    }

    fn judge_body(
        &self,
        schemas: &Schemas,
        headers: &HeaderMap,
        body: &[u8],
        faults: &mut Vec<String>,
    ) {
        let media_type = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        match (&self.content, media_type) {
            (None, None) if body.is_empty() => {}
            (Some(content), None) if body.is_empty() && !content.is_lines => {
                faults.push("the body is missing".to_owned());
            }
            (None, _) | (_, None) => faults.push("the body is undocumented".to_owned()),
            (Some(content), Some(media_type))
                if content.media_types.iter().all(|planned| planned != media_type) =>
            {
                faults.push(format!("the media type {media_type:?} is undocumented"));
            }
            _ if headers.get(X_CONTENT_TYPE_OPTIONS) != Some(&NO_SNIFF) => {
                faults.push("the body may be taken for another type".to_owned());
            }
            // Lines are judged as they pass.
            (Some(content), _) if content.is_lines => {}
            (Some(content), Some(media_type)) if media_type.ends_with("json") => {
                faults.extend(judge_text(&schemas.compiled(&content.schema), "the body", body));
            }
            (Some(content), Some(_)) => {
                let text = json!(String::from_utf8_lossy(body));
                faults.extend(judge(&schemas.compiled(&content.schema), "the body", &text));
            }
        }
    }
}

impl Schemas {
    /// Returns a schema of the document, compiled; its references are into the document.
    fn compiled(&self, schema: &Value) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let compiled = compiled.entry(schema.to_string()).or_insert_with(|| {
            let mut schema = schema.clone();
            if let Some(schema) = schema.as_object_mut() {
                let schemas = &self.document["components"]["schemas"];
                schema.insert("components".into(), json!({ "schemas": schemas }));
            }
            Arc::new(
                jsonschema::draft202012::new(&schema).expect("the document's schemas are valid"),
            )
        });
        Arc::clone(compiled)
    }
}

/// Returns everything about a JSON text that a schema does not promise.
pub(super) fn judge_text(schema: &Validator, what: &str, text: &[u8]) -> Vec<String> {
    match serde_json::from_slice(text) {
        Ok(value) => judge(schema, what, &value),
        Err(error) => vec![format!("{what} is not JSON: {error}")],
    }
}

fn judge(schema: &Validator, what: &str, value: &Value) -> Vec<String> {
    if schema.is_valid(value) {
        return Vec::new();
    }
    let errors = schema.iter_errors(value);
    errors.map(|error| format!("{what} at {}: {error}", error.instance_path())).collect()
}

/// Follows a reference to a component.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target =
        value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE).iter()
}
