//! Adds the gateway's answers to the replicas' document.

use std::collections::BTreeMap;

use contract::about::{DOCUMENT_3_2_PATH, DOCUMENT_PATH};
use http::Method;
use serde_json::{Map, Value, json};

use super::components::Components;
use super::own::OwnAnswers;
use crate::access::RequiredPermission;

/// The methods that a path of a document can have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Unites the documents of several replicas. While they are being replaced some know operations
/// that others do not; of one operation the first description counts.
pub(super) fn unite(documents: impl IntoIterator<Item = Value>) -> Option<Value> {
    documents.into_iter().reduce(|mut first, mut next| {
        if first == next {
            return first;
        }
        let mut components = Components::take(&mut first);
        let other = Components::take(&mut next);
        components.adopt(other, &mut next);
        for (path, item) in members(&next["paths"]) {
            if first["paths"][path].is_null() {
                first["paths"][path] = item.clone();
            } else {
                add_absent(&mut first["paths"][path], item);
            }
        }
        components.put(&mut first);
        first
    })
}

/// Adds the gateway's answers to every operation.
pub(super) fn merge(mut document: Value, own: &OwnAnswers) -> Value {
    let mut components = Components::take(&mut document);
    let shared = shared_headers(&document, &components);
    let own_answers = adopt_own(&mut components, own, &shared);
    if own.authenticates {
        components.section("securitySchemes").insert("bearer".into(), json!({
            "type": "http", "scheme": "bearer", "description": "A key, or a token of the identity provider."
        }));
    }
    let mut merger = DocumentMerger { components, shared, united: BTreeMap::new() };
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        let operations = item.as_object_mut().into_iter().flatten();
        for (method, operation) in operations.filter(|(name, _)| METHODS.contains(&name.as_str())) {
            let upper = method.to_ascii_uppercase();
            let Ok(verb) = Method::from_bytes(upper.as_bytes()) else { continue };
            let is_open = RequiredPermission::of(&verb, path) == RequiredPermission::Nothing;
            if own.authenticates && !is_open {
                operation["security"] = json!([{ "bearer": [] }]);
            }
            for (status, answer) in members(OwnAnswers::of(&own_answers, &verb, path)) {
                // A client without credentials is let in there. The document is the gateway's own: no body
                // is read for it, and no replica is asked.
                let is_document = [DOCUMENT_PATH, DOCUMENT_3_2_PATH].contains(&path.as_str())
                    && matches!(method.as_str(), "get" | "head");
                let never = status == "403" && is_open
                    || is_document && matches!(status.as_str(), "408" | "413" | "502" | "504");
                if !never {
                    merger.add_answer(&mut operation["responses"], status, answer);
                }
            }
        }
    }
    merger.components.put(&mut document);
    document
}

/// Returns the header fields that every answer carries, as a document refers to them.
fn shared_headers(document: &Value, components: &Components) -> Map<String, Value> {
    let operations = members(&document["paths"]).flat_map(|(_, item)| members(item));
    let answers = operations.flat_map(|(_, operation)| members(&operation["responses"]));
    let headers = answers.map(|(_, answer)| &components.follow(answer)["headers"]);
    let shared = headers.map(|headers| headers.as_object().cloned().unwrap_or_default());
    let shared = shared.reduce(|mut shared, headers| {
        shared.retain(|name, header| headers.get(name) == Some(header));
        shared
    });
    shared.unwrap_or_default()
}

/// Adds the components that the gateway's answers refer to, and returns the operations that list those answers.
fn adopt_own(components: &mut Components, own: &OwnAnswers, shared: &Map<String, Value>) -> Value {
    let mut document = own.document.clone();
    let mut answers = document["paths"].take();
    let mut others = Components::take(&mut document);
    // What stands in front of a service adds what every one of its answers carries.
    for header in shared.values() {
        let name = header["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        let name = name.unwrap_or_default();
        let component = components.follow(header).clone();
        others.section("headers").insert(name.to_owned(), component);
    }
    for answer in others.section("responses").values_mut() {
        for (name, header) in shared {
            answer["headers"][name] = header.clone();
        }
    }
    // The problems of one status are one type, whether a replica or the gateway answers.
    let schemas = others.section("schemas");
    for (name, known) in components.section("schemas") {
        if let Some(kinds) = schemas.get(name).filter(|schema| is_problem(schema))
            && is_problem(known)
        {
            for list in ["enum", "x-enum-varnames"] {
                let kinds = kinds["properties"]["type"][list].clone();
                add_elements(&mut known["properties"]["type"][list], kinds);
            }
            schemas.insert(name.clone(), known.clone());
        }
    }
    components.adopt(others, &mut answers);
    answers
}

/// Tells whether a schema is that of the problems of one status.
fn is_problem(schema: &Value) -> bool {
    schema["properties"]["type"]["enum"].is_array()
        && schema["properties"]["status"]["const"].is_u64()
}

/// Adds the elements of a list that another one lacks.
fn add_elements(list: &mut Value, others: Value) {
    if let (Value::Array(list), Value::Array(others)) = (list, others) {
        for other in others {
            if !list.contains(&other) {
                list.push(other);
            }
        }
    }
}

/// The document while the gateway's answers are added to it.
struct DocumentMerger {
    components: Components,
    shared: Map<String, Value>,
    /// The answers that unite two, by what refers to those.
    united: BTreeMap<(String, String), Value>,
}

impl DocumentMerger {
    /// Adds an answer to those of an operation.
    fn add_answer(&mut self, responses: &mut Value, status: &str, answer: &Value) {
        let known = &mut responses[status];
        if known.is_null() {
            *known = answer.clone();
            return;
        }
        let key = (known.to_string(), answer.to_string());
        if let Some(united) = self.united.get(&key) {
            *known = united.clone();
            return;
        }
        let both = self.unite(self.components.follow(known).clone(), answer);
        *known = self.components.refer("responses", &name_of(known, status), both);
        self.united.insert(key, known.clone());
    }

    /// Unites an answer of a replica with one of the gateway. The entry says what both mean, and a
    /// header field is required if both always send it.
    fn unite(&mut self, mut known: Value, answer: &Value) -> Value {
        let answer = self.components.follow(answer).clone();
        if known["description"] != answer["description"] {
            let description =
                format!("{}{}", list(&known["description"]), list(&answer["description"]));
            known["description"] = description.into();
        }
        let names =
            |answer: &Value| members(&answer["headers"]).map(|(name, _)| name.clone()).collect();
        let (ours, theirs): (Vec<String>, Vec<String>) = (names(&answer), names(&known));
        for name in theirs.iter().filter(|name| !ours.contains(name)) {
            known["headers"][name] = self.optional(name, &known["headers"][name]);
        }
        for name in ours.iter().filter(|name| !theirs.contains(name)) {
            known["headers"][name] = self.optional(name, &answer["headers"][name]);
        }
        for (media_type, media) in members(&answer["content"]) {
            let content = &mut known["content"][media_type];
            if content.is_null() {
                *content = media.clone();
            } else {
                add_absent(&mut content["examples"], &media["examples"]);
            }
        }
        known
    }

    /// Returns a header field as one that may be missing.
    fn optional(&mut self, name: &str, header: &Value) -> Value {
        let mut component = self.components.follow(header).clone();
        let is_required = component.as_object_mut().and_then(|header| header.remove("required"));
        if is_required != Some(Value::Bool(true)) || self.shared.contains_key(name) {
            return header.clone();
        }
        self.components.refer("headers", name, component)
    }
}

/// Returns the name of the component that an answer refers to; one that is none is called after its
/// status.
fn name_of(answer: &Value, status: &str) -> String {
    let target = answer["$ref"].as_str().and_then(|target| target.rsplit('/').next());
    target.map_or_else(|| format!("Status{status}_"), str::to_owned)
}

/// Returns a description as an item of a list; it may be a list already.
fn list(description: &Value) -> String {
    let text = description.as_str().unwrap_or_default();
    if text.starts_with("- ") {
        text.to_owned()
    } else {
        format!("- {}\n", text.replace('\n', "\n  "))
    }
}

/// Adds the members of an object that another one lacks.
fn add_absent(object: &mut Value, other: &Value) {
    if object.is_null() && other.is_object() {
        *object = json!({});
    }
    if let Some(object) = object.as_object_mut() {
        for (name, value) in members(other) {
            object.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE).iter()
}

#[cfg(test)]
mod tests {
    use super::super::own::OwnAnswers;
    use super::*;

    /// What the item service serves.
    const ITEMS: &str = include_str!("../../../../crates/api/openapi.json");

    fn merged(authenticates: bool) -> Value {
        merge(serde_json::from_str(ITEMS).unwrap(), &OwnAnswers::new(authenticates, authenticates))
    }

    fn statuses(document: &Value, path: &str, method: &str) -> Vec<String> {
        members(&document["paths"][path][method]["responses"]).map(|(s, _)| s.clone()).collect()
    }

    #[test]
    fn every_operation_lists_the_gateways_answers() {
        let document = merged(true);
        for (path, item) in members(&document["paths"]) {
            for (method, _) in members(item) {
                let statuses = statuses(&document, path, method);
                for own in ["400", "401", "414", "429", "431", "503"] {
                    assert!(statuses.iter().any(|s| s == own), "{method} {path} lacks {own}");
                }
            }
        }
        assert!(statuses(&document, "/items/{id}", "put").contains(&"403".to_owned()));
        assert!(!statuses(&document, "/livez", "get").contains(&"403".to_owned()));
        assert!(!statuses(&document, "/openapi.json", "get").contains(&"502".to_owned()));
        assert_eq!(document["paths"]["/items/{id}"]["put"]["security"], json!([{ "bearer": [] }]));
        assert!(!statuses(&merged(false), "/items/{id}", "put").contains(&"401".to_owned()));
    }

    /// Returns an answer of an operation, whole.
    fn answer(document: &Value, path: &str, method: &str, status: &str) -> Value {
        follow(document, &document["paths"][path][method]["responses"][status]).clone()
    }

    fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        target.map_or(value, |target| document.pointer(target).unwrap())
    }

    #[test]
    fn answers_with_one_status_are_united() {
        let document = merged(false);
        let unavailable = answer(&document, "/items/{id}", "put", "503");
        let media = &unavailable["content"]["application/problem+json"];
        let kinds = &follow(&document, &media["schema"])["properties"]["type"];
        for kind in ["store-unavailable", "no-replica", "gateway-overloaded"] {
            let example = follow(&document, &media["examples"][kind]);
            assert_eq!(example["value"]["type"], format!("/problems#{kind}"), "{unavailable}");
            assert!(
                kinds["enum"].as_array().unwrap().contains(&example["value"]["type"]),
                "{kinds}"
            );
        }
        assert_eq!(
            kinds["enum"].as_array().unwrap().len(),
            kinds["x-enum-varnames"].as_array().unwrap().len()
        );
        let retry_after = follow(&document, &unavailable["headers"]["Retry-After"]);
        assert_eq!(retry_after["required"], true);
        let description = unavailable["description"].as_str().unwrap();
        assert!(description.lines().all(|line| line.starts_with("- ") || line.starts_with("  ")));
        let head = answer(&document, "/items/{id}", "head", "502");
        assert!(head.get("content").is_none() && head["headers"]["X-Request-ID"].is_object());
    }

    #[test]
    fn streams_list_what_is_answered_to_streams() {
        let mut document: Value = serde_json::from_str(ITEMS).unwrap();
        document["paths"]["/items:bulk"] = json!({ "post": { "responses": { "207": {} } } });
        let merged = merge(document, &OwnAnswers::new(false, false));
        let statuses = statuses(&merged, "/items:bulk", "post").join(" ");
        assert_eq!(statuses, "207 400 408 414 429 431 502 503 504");
        let kinds = |path: &str, method: &str| {
            let busy = answer(&merged, path, method, "503");
            let examples = busy["content"]["application/problem+json"]["examples"].clone();
            examples.as_object().unwrap().contains_key("streams-busy")
        };
        assert!(kinds("/items:bulk", "post") && !kinds("/items/{id}", "put"));
    }

    /// Most bytes of the document of one collection through a gateway that answers all it can.
    const BYTES_MAX: usize = 150_000;

    #[test]
    fn the_document_stays_small_and_whole() {
        let own = OwnAnswers::new(true, true);
        let document = merge(serde_json::from_str(ITEMS).unwrap(), &own);
        let text = document.to_string();
        assert!(text.len() <= BYTES_MAX, "{} bytes", text.len());
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
        for (section, components) in members(&document["components"]) {
            for (name, _) in members(components).filter(|_| section != "securitySchemes") {
                let target = format!("\"#/components/{section}/{name}\"");
                assert!(text.contains(&target), "nothing refers to {target}");
            }
        }
    }

    #[test]
    fn replicas_that_differ_are_united() {
        let one = json!({ "paths": { "/a": { "get": 1 } }, "components": { "schemas": {} } });
        let two = json!({ "paths": { "/a": { "get": 2, "put": 2 }, "/b": {} }, "components": {} });
        let united = unite([one.clone(), two]).unwrap();
        assert_eq!(united["paths"], json!({ "/a": { "get": 1, "put": 2 }, "/b": {} }));
        assert_eq!(unite([one.clone()]), Some(one));
        assert_eq!(unite([]), None);
    }

    #[test]
    fn operations_of_replicas_that_differ_keep_their_own_components() {
        let document = |path: &str, maximum: u8| {
            let reference = json!({ "$ref": "#/components/responses/Done" });
            json!({
                "paths": { path: { "get": { "responses": { "200": reference } } } },
                "components": {
                    "responses": { "Done": { "content": { "x": { "schema": { "$ref": "#/components/schemas/N" } } } } },
                    "schemas": { "N": { "maximum": maximum } },
                },
            })
        };
        let united = unite([document("/a", 1), document("/b", 2), document("/a", 3)]).unwrap();
        let maximum = |path: &str| {
            let done = answer(&united, path, "get", "200");
            follow(&united, &done["content"]["x"]["schema"])["maximum"].clone()
        };
        assert_eq!((maximum("/a"), maximum("/b")), (json!(1), json!(2)));
        // Of an operation that both know the first description counts, and of what only the second
        // one needs nothing is left.
        assert_eq!(united["components"]["schemas"].as_object().unwrap().len(), 2);
    }
}
