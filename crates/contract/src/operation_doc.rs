//! The document's entry of an operation.

use http::Method;
use serde_json::{Map, Value, json};

use crate::answers::Answers;
use crate::components::{Components, Kind, name_of};
use crate::lines;
use crate::responses::Responses;
use crate::schemas::Schemas;

/// The texts of an operation.
#[derive(Clone, Debug, Default)]
pub struct Doc {
    /// The operation id, unique in the document. Generated clients name their methods after it.
    pub id: String,
    /// How the ids of the path's HEAD and OPTIONS end, such as `_items`: what they begin with is the name of
    /// the method.
    pub resource: String,
    /// The summary, in a few words.
    pub summary: String,
    /// The details, in Markdown.
    pub description: String,
    /// The heading under which the operation is listed.
    pub tag: String,
}

impl Doc {
    /// Returns the id of the operation that the contract adds to the path for HEAD or OPTIONS.
    pub(crate) fn id_for(&self, method: &Method) -> String {
        format!("{}{}", method.as_str().to_ascii_lowercase(), self.resource)
    }
}

/// The document's entry of an operation while it is described.
#[derive(Debug)]
pub struct OperationDoc<'a> {
    parameters: Vec<Value>,
    request_body: Option<Value>,
    answers: Answers,
    schemas: &'a mut Schemas,
}

impl<'a> OperationDoc<'a> {
    pub(crate) fn new(schemas: &'a mut Schemas) -> Self {
        Self { parameters: Vec::new(), request_body: None, answers: Answers::default(), schemas }
    }

    /// Adds a parameter object of OpenAPI.
    pub fn parameter(&mut self, parameter: Value) {
        self.parameters.push(parameter);
    }

    /// Sets the request body object of OpenAPI.
    pub fn request_body(&mut self, body: Value) {
        self.request_body = Some(body);
    }

    /// Returns the schemas of the document, to refer to one.
    pub fn schemas(&mut self) -> &mut Schemas {
        self.schemas
    }

    /// Adds the answers of a type.
    pub fn answers_of<R: Responses>(&mut self) {
        R::describe(&mut self.answers, self.schemas);
    }

    /// Ends the description.
    pub(crate) fn finish(self) -> Described {
        Described {
            parameters: self.parameters,
            request_body: self.request_body,
            answers: self.answers,
        }
    }
}

/// A described operation.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) parameters: Vec<Value>,
    pub(crate) request_body: Option<Value>,
    pub(crate) answers: Answers,
}

impl Described {
    /// Returns the operation as the document lists it, without the answer of one status. Its answers carry
    /// the header fields `shared`.
    pub(crate) fn to_value(
        &self,
        doc: &Doc,
        without: Option<u16>,
        shared: &Map<String, Value>,
        components: &mut Components,
    ) -> Value {
        let mut value = Map::new();
        value.insert("operationId".into(), json!(doc.id));
        value.insert("summary".into(), json!(doc.summary));
        if !doc.description.is_empty() {
            value.insert("description".into(), json!(doc.description));
        }
        value.insert("tags".into(), json!([doc.tag]));
        if !self.parameters.is_empty() {
            let parameters = self.parameters.iter().map(|parameter| {
                let name = parameter["name"].as_str().unwrap_or_default();
                components.refer(Kind::Parameters, name, parameter.clone())
            });
            let parameters = parameters.collect::<Vec<_>>();
            value.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = &self.request_body {
            let first = body["content"].as_object().and_then(|content| content.values().next());
            let name = first.map_or("", |media| {
                name_of(media.get(lines::ITEM_SCHEMA).unwrap_or(&media["schema"]))
            });
            let name = format!("{name}Body");
            let body = components.refer(Kind::RequestBodies, &name, body.clone());
            value.insert("requestBody".into(), body);
        }
        value.insert("responses".into(), self.answers.to_value(without, shared, components));
        value.into()
    }
}
